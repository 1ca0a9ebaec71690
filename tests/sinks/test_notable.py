"""What is kept apart for lists and for auditors: notable events, sightings of addresses and clients, days of keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

import orjson
import pytest
from tests.sinks.lines import FIRST_MOMENT, enriched, event, imagine, slot_of

from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
AGENTS = (CHROME.format(119), CHROME.format(120), "Opera/9.80", "python-requests/2.31.0", "curl/8.4.0", None)
ACTIONS = (
    "page:view",
    "user:login",
    "user:create_api_key",
    "user:delete_api_key",
    "team:invite_user",
    "workspace:grant",
    "entity:delete",
    "run:update",
    "ai:invoke",
    "action:run",
    "odd thing",
)
CATEGORIES = {"access", "user", "team", "workspace", "automation", "ai"}
KEY_ACTIONS = {"user:create_api_key", "user:delete_api_key"}
QUERIES = {
    "notable": "SELECT org_id, category, toString(event_id), occurred_at, action, crud, outcome, actor_type, user_ref, target_ref, address_ref, user_agent, source, agent_type, attributes FROM notable FINAL ORDER BY ALL",
    "sightings": "SELECT org_id, user_ref, actor_type, kind, value, min(first).1, toString(min(first).2), max(last).1, toString(max(last).2) FROM sightings GROUP BY ALL ORDER BY ALL",
    "key_days": "SELECT org_id, api_key_id, day, actor_type, user_ref, groupBitOr(slots), min(first), max(last) FROM key_days GROUP BY ALL ORDER BY ALL",
}


def history(seed: int, count: int = 300) -> list[bytes]:
    """Lines of people and machines with addresses, clients and keys; some events come twice."""
    random = Random(seed)
    events = []
    for each in imagine(random, count):
        more: dict[str, Any] = {
            "action": random.choice(ACTIONS),
            "outcome": random.choice(("success", "failure", "denied", None)),
            "actor_ip": random.choice(("203.0.113.7", "198.51.100.9", None)),
            "user_agent": random.choice(AGENTS),
            "source": random.choice(("web", "sdk", None)),
            "user_asset": random.choice(("u-1", None)),
            "attributes": random.choice(
                ({"api_key_id": "k1"}, {"api_key_id": "k2"}, {"page": "home"}, {"agent_type": "triage"}, None)
            ),
        }
        events.append({name: value for name, value in (each | more).items() if value is not None})
    return enriched([*events, *random.sample(events, 20)])


def expected(lines: Iterable[bytes]) -> dict[str, list[Any]]:
    """By brute force over the decoded lines."""
    notable: dict[Any, Any] = {}
    seen: dict[Any, list[Any]] = defaultdict(list)
    used: dict[Any, list[datetime]] = defaultdict(list)
    for line in lines:
        row = orjson.loads(line)
        org, kind, ref = row["org_id"], row["actor_type"], row.get("user_ref", 0)
        moment = datetime.fromisoformat(row.get("occurred_at", FIRST_MOMENT))
        agent, attributes = row.get("user_agent", ""), row.get("attributes", {})
        is_human_way = (
            row["category"] == "page"
            or row.get("source") == "web"
            or agent.startswith(("Mozilla/", "Opera/"))
        )
        if (
            row["category"] in CATEGORIES
            or row["crud"] == "delete"
            or row["outcome"] in {"failure", "denied"}
            or (kind == "service_account" and is_human_way)
        ):
            notable.setdefault(
                (org, row["event_id"]),
                (
                    *(
                        org,
                        row["category"],
                        row["event_id"],
                        moment,
                        row["action"],
                        row["crud"],
                        row["outcome"],
                    ),
                    *(kind, ref, row.get("target_ref", 0), row.get("address_ref", 0)),
                    *(agent, row.get("source", ""), attributes.get("agent_type", "")),
                    tuple(sorted(attributes.items())),
                ),
            )
        at = (moment, row["event_id"])
        if ref and row.get("is_activity"):
            if row.get("address_ref"):
                seen[org, ref, kind, "address", f"{row['address_ref']:016x}"].append(at)
            if agent:
                client = re.sub(r"[/ :]v?[0-9][0-9A-Za-z._+-]*", "", agent)
                seen[org, ref, kind, "client", client].append(at)
        if attributes.get("api_key_id") and row["action"] not in KEY_ACTIONS:
            used[org, attributes["api_key_id"], moment.date(), kind, ref].append(moment)
    return {
        "notable": sorted(notable.values()),
        "sightings": sorted((*key, *min(ats), *max(ats)) for key, ats in seen.items()),
        "key_days": sorted(
            (*key, sum({1 << slot_of(each) for each in moments}), min(moments), max(moments))
            for key, moments in used.items()
        ),
    }


def found(client: Client) -> dict[str, list[Any]]:
    return {
        table: sorted(tuple(map(_plain, row)) for row in client.query(query).result_rows)
        for table, query in QUERIES.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return datetime.fromisoformat(f"{value.isoformat()}+00:00") if value.tzinfo is None else value
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


def test_the_views_keep_what_they_are_about(database: Client) -> None:
    """Repeats and the order of arrival change nothing; both kinds of events, kept and not, are there."""
    lines = history(1)
    for start in range(0, len(lines), 50):
        insert_lines(database, "landing", lines[start : start + 50])
    insert_lines(database, "landing", Random(2).sample(lines, 200))
    wanted = expected(lines)
    assert found(database) == wanted
    assert 0 < len(wanted["notable"]) < 300
    # Two versions of a browser are one client.
    assert len({row[4] for row in wanted["sightings"] if row[3] == "client"}) == len(AGENTS) - 2


def test_what_was_there_before_is_the_same(clickhouse_settings: ClickHouseSettings) -> None:
    """Events that landed before the tables existed are in them as if they had come later."""
    lines = history(3)
    client = connect(clickhouse_settings)
    migrate(client, [each for each in load() if each.name < "0034"])
    insert_lines(client, "landing", lines)
    migrate(client)
    insert_lines(client, "landing", lines[:40])
    assert found(client) == expected(lines)
    client.close()


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0", "okhttp/{}.1-beta"]
)
def test_an_update_is_no_new_client(database: Client, agent: str) -> None:
    """Only what the client is called counts, wherever its version stands."""
    lines = enriched([event(n, user_agent=agent.format(n, n)) for n in (13, 26, 39)])
    insert_lines(database, "landing", lines)
    (count, last) = database.query("SELECT uniqExact(value), max(last).1 FROM sightings").result_rows[0]
    assert (count, _plain(last)) == (1, datetime.fromisoformat(orjson.loads(lines[-1])["occurred_at"]))
