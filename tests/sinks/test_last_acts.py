"""What `users` knows of the last acts of people: the same as `actors`, of events from before the migration, too."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.sinks.lines import enriched, imagine

from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings

ACTORS = "SELECT org_id, user_ref, max(actors.kind), max(actors.last_login) FROM actors {} GROUP BY ALL ORDER BY ALL"
USERS = "SELECT org_id, user_ref, max(users.kind), max(users.last_login) FROM users GROUP BY ALL ORDER BY ALL"
SEEN = "SELECT org_id, user_ref, max(identity), min(first_seen), max(users.last_seen) FROM users GROUP BY ALL ORDER BY ALL"
ERASED = "WHERE (org_id, user_ref) NOT IN (SELECT org_id, user_ref FROM erased)"


def rows(client: Client, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql).result_rows]


def test_users_know_what_actors_know(clickhouse_settings: ClickHouseSettings) -> None:
    """Of what was there before and of what comes; nobody who was erased comes back, and nothing else changes."""
    random = Random(65)
    lines = enriched(list(imagine(random, 300)))
    client = connect(clickhouse_settings)
    migrate(client, [each for each in load() if each.name < "0065"])
    insert_lines(client, "landing", lines[:200])
    (org, ref, *_), *others = rows(client, SEEN)
    client.insert("erased", [[org, ref]], column_names=["org_id", "user_ref"])
    client.command(
        f"ALTER TABLE users DELETE WHERE org_id = '{org}' AND user_ref = {ref} SETTINGS mutations_sync = 2"
    )
    migrate(client)
    assert rows(client, SEEN) == others
    assert rows(client, USERS) == rows(client, ACTORS.format(ERASED))
    insert_lines(client, "landing", lines[200:])
    found = rows(client, USERS)
    assert found == rows(client, ACTORS.format(ERASED))
    assert len({row[2][2] for row in found}) > 1
    client.close()
