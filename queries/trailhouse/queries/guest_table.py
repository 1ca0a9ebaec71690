"""The tables of people who sign in to the dashboard: sessions that were ended, and persons' default organisations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client, insert_lines

ENDED = "ended_sessions"
CHOSEN = "person_orgs"


def load_ended(client: Client, since: float) -> frozenset[str]:
    """The marks of sessions ended since then (Unix seconds); raises `StorageUnavailable`."""
    text = f"SELECT mark FROM {ENDED} FINAL WHERE ended_at >= {{since:DateTime64(3, 'UTC')}}"
    with our_errors():
        rows = client.query(text, parameters={"since": datetime.fromtimestamp(since, UTC)}).result_rows
    return frozenset(str(row[0]) for row in rows)


def add_ended(client: Client, ended: Mapping[str, float]) -> None:
    """Keep marks with the times they were ended at (Unix seconds); on disk when it returns. Raises `QueryError`."""
    rows = [{"mark": mark, "ended_at": datetime.fromtimestamp(at, UTC)} for mark, at in ended.items()]
    with our_errors():
        insert_lines(client, ENDED, [orjson.dumps(row) for row in rows])


def load_default_orgs(client: Client) -> dict[str, str]:
    """The default organisation of each person who has one, by their subject; raises `StorageUnavailable`."""
    with our_errors():
        rows = client.query(
            f"SELECT subject, default_org FROM {CHOSEN} FINAL WHERE default_org != ''"
        ).result_rows
    return {str(subject): str(org) for subject, org in rows}


def set_default_org(client: Client, subject: str, org: str) -> None:
    """From now on; '' = none. Raises `QueryError`."""
    with our_errors():
        insert_lines(client, CHOSEN, [orjson.dumps({"subject": subject, "default_org": org})])
