"""Pages, things and logins on the real engine: what was there before is known, repeats and any order change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.queries.port_world import imagine, land
from tests.sinks.lines import enriched, event

from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings

READINGS = {
    "page_slots": "SELECT org_id, slot, actor_type, actor_role, page, uniqExactMerge(events) FROM page_slots GROUP BY ALL ORDER BY ALL",
    "things": "SELECT * FROM things FINAL ORDER BY org_id, kind, ref",
    "thing_events": "SELECT * FROM thing_events FINAL ORDER BY ALL",
    "login_slots": "SELECT org_id, actor_type, user_ref, arraySort(bitmapToArray(groupBitmapMergeState(slots))) FROM login_slots GROUP BY ALL ORDER BY ALL",
}


def readings(client: Client) -> dict[str, Any]:
    return {table: list(client.query(text).result_rows) for table, text in READINGS.items()}


def test_what_was_there_before_is_known(clickhouse_settings: ClickHouseSettings) -> None:
    """An older database reads as if it had always known it, and as one into which everything came in another order."""
    client = connect(clickhouse_settings)
    migrate(client, [each for each in load() if each.name < "0031"])
    random = Random(31)
    events = imagine(random, 700)
    land(client, random, events)
    migrate(client)
    before = readings(client)
    assert min(len(rows) for rows in before.values()) > 20
    for table in READINGS:
        client.command(f"TRUNCATE TABLE {table}")
    land(client, random, events)
    assert readings(client) == before
    client.close()


def test_what_exists_is_said_by_its_events(database: Client) -> None:
    """A row for each thing with what decides; failed and unnamed changes leave none; two blueprints are two things."""
    when = "2026-01-0{}T10:00:00.000Z"
    said = {"entity": "pay", "blueprint": "service"}
    told = [
        event(1, action="entity:update", occurred_at=when.format(2), attributes={**said, "data_source": "git"}),
        event(2, action="entity:create", occurred_at=when.format(1), attributes=said),
        event(3, action="entity:delete", occurred_at=when.format(4), attributes=said),
        event(4, action="entity:delete", occurred_at=when.format(3), attributes=said, outcome="denied"),
        event(5, action="entity:create", occurred_at=when.format(3), attributes=said | {"blueprint": "team"}),
        event(6, action="entity:create", occurred_at=when.format(3), attributes={"blueprint": "team"}),
        event(7, action="data_source:create", occurred_at=when.format(5), attributes={"data_source": "d1", "type": "git", "name": "Ours"}),
    ]  # fmt: skip
    insert_lines(database, "landing", enriched(told))
    rows = database.query(
        "SELECT kind, type_key, thing, first, gone != 0, source_most, type.3, label.3, ref = sipHash64(type_key, thing) FROM things FINAL ORDER BY ALL"
    ).result_rows
    day = [datetime(2026, 1, number, 10, tzinfo=UTC).replace(tzinfo=None) for number in range(1, 6)]
    assert rows == [
        ("data_source", "", "d1", day[4], False, "", "git", "Ours", 1),
        ("entity", "service", "pay", day[0], True, "git", "", "", 1),
        ("entity", "team", "pay", day[2], False, "", "", "", 1),
    ]
    assert database.query("SELECT uniqExact(ref), sum(is_gone) FROM thing_events FINAL").result_rows == [
        (3, 1)
    ]
