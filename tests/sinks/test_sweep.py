"""A sweep: as if the losing copies had never come, whatever they said, and whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.databases import Databases
from tests.sinks.lines import RECEIVED, differences, enriched, event, expected, readings

from trailhouse.sinks import sweep as sweeping
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.conflicts import copies, open_conflicts, settle
from trailhouse.sinks.definition import definitions
from trailhouse.sinks.errors import RebuildRefused
from trailhouse.sinks.rebuild import rebuild
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.sinks.sweep import Sweep, counted_in, sweep, without_swept
from trailhouse.sinks.writer import ClickHouseWriter
from trailhouse.stream.letter import Place

ONE = str(event(1)["event_id"])
IDENTITY = ("acme", ONE)
TABLES = ("events", "event_pii", "users", "user_days", "action_slots")
FIRST = event(1)
LATER = RECEIVED + timedelta(hours=1)
LOSERS: dict[str, dict[str, Any]] = {
    "another action": event(1, action="user:login", outcome="success"),
    "another quarter-hour": event(1, occurred_at="2025-12-01T19:59:00.000Z"),
    "another day": event(1, occurred_at="2025-12-03T08:10:00.000Z"),
    "another month": event(1, occurred_at="2025-10-03T08:10:00.000Z"),
    "another person": event(1, actor_user_id="somebody", actor_email="some@example.org"),
    "what others read": event(
        1, action="entity:create", attributes={"entity": "e", "blueprint": "b", "api_key_id": "k"}
    ),
    "whom it is done to": event(1, action="team:invite_user", user_asset="you", user_email="you@example.org"),
}


@pytest.fixture(scope="module")
def settings_here(databases: Databases) -> Iterator[ClickHouseSettings]:
    """One database for all of these tests."""
    with databases.lend() as (settings, _):
        yield settings


@pytest.fixture
def database(settings_here: ClickHouseSettings) -> Iterator[Client]:
    """A client on it, with empty tables."""
    with closing(connect(settings_here)) as client:
        ledgers = ("events", "event_pii", "landed", "rejected", "settled", "touched", "expired")
        for table in (*ledgers, *definitions(client)):
            client.command(f"TRUNCATE TABLE {table}")
        yield client


def log_with(*losers: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """Lines of the first copy, its repeat, and of others in the quarter-hours of all of them; and of the losing ones."""
    others = [
        event(900 + n, occurred_at=each["occurred_at"], action=each["action"])
        for n, each in enumerate((FIRST, *losers))
    ]
    return enriched([FIRST, *others, FIRST]), enriched(losers, start=1000, received=LATER)


def wrong(client: Client, lines: list[bytes]) -> dict[str, Any]:
    found, wanted = readings(client), expected(lines)
    return differences({name: found[name] for name in TABLES}, {name: wanted[name] for name in TABLES})


def test_nothing_is_left_of_losing_copies(database: Client, settings_here: ClickHouseSettings) -> None:
    """Whatever they said, in any table; and when the whole log is read again, nothing of them comes back."""
    kept, losing = log_with(*LOSERS.values())
    insert_lines(database, "landing", [*kept, *losing])
    assert wrong(database, kept) != {}
    assert open_conflicts(database, {IDENTITY}) == {IDENTITY}
    assert settle(database, *IDENTITY, reason="x", settled_by="me") == Sweep(len(LOSERS))
    assert wrong(database, kept) == {}
    assert open_conflicts(database, {IDENTITY}) == set()
    listed = copies(database, with_settled=True)
    assert [each.swept for each in listed] == [False, False, *[True] * len(LOSERS)]
    assert listed[0].kept
    assert copies(database) == []
    for table in definitions(database):  # those that nobody reads by hand here
        if table != "event_places":
            assert rebuild(database, table, is_trial=True).is_same, table
    assert database.query("SELECT count() FROM things").result_rows == [(0,)]
    assert database.query("SELECT count() FROM directory").result_rows == [(0,)]
    writer = ClickHouseWriter(settings_here)
    writer.write([*kept, *losing])
    writer.close()
    assert wrong(database, kept) == {}
    assert copies(database, with_settled=True) == listed
    assert open_conflicts(database, set()) == set()


def test_a_writer_looks_again_when_told(database: Client, settings_here: ClickHouseSettings) -> None:
    """Not before each insert: what was swept lies before what comes next, until partitions change hands."""
    kept, losing = log_with(LOSERS["another day"])
    writer = ClickHouseWriter(settings_here)
    writer.write([*kept, *losing])
    sweep(database, *IDENTITY)
    writer.look_again()
    writer.write(losing)
    assert wrong(database, kept) == {}
    writer.close()


@pytest.mark.parametrize("step", ["wait_for_inserts", "rebuild"])
def test_a_sweep_that_died_is_done_again(
    database: Client, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The conflict stays open until the whole is done, though no copy differs any more; one that came back opens it."""
    kept, losing = log_with(LOSERS["another day"])
    insert_lines(database, "landing", [*kept, *losing])
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(sweeping, step, lambda *_: 1 / 0)
        settle(database, *IDENTITY, reason="x", settled_by="me")
    assert open_conflicts(database, set()) == {IDENTITY}
    assert {each.event_id for each in copies(database)} == {ONE}
    assert settle(database, *IDENTITY, reason="x", settled_by="me") == Sweep(1)
    assert wrong(database, kept) == {}
    assert open_conflicts(database, set()) == set()
    insert_lines(database, "landing", losing)
    assert open_conflicts(database, set()) == {IDENTITY}
    settle(database, *IDENTITY, reason="y", settled_by="me")
    assert wrong(database, kept) == {}


def test_days_whose_events_are_gone_are_not_swept(database: Client) -> None:
    """Their counts could not be made anew; where other days' are, tables of all time stay as they are, and it is said."""
    kept, losing = log_with(LOSERS["another action"])
    insert_lines(database, "landing", [*kept, *losing])
    for day, is_refused in (("2025-11-01", False), ("2025-12-01", True)):
        database.command(
            f"INSERT INTO expired (class, org_id, slot, id) VALUES ('events', 'acme', '{day} 08:00:00', 1)"
        )
        if is_refused:
            with pytest.raises(RebuildRefused, match="have expired"):
                sweep(database, *IDENTITY)
        else:
            found = sweep(database, *IDENTITY)
            assert found.copies == 1
            assert {"users", "newcomers"} <= set(found.kept)
            assert "action_slots" not in found.kept


def test_lines_of_swept_copies() -> None:
    """Envelopes that say where they were counted, in the turn of their lines; the others as they came."""
    lines = enriched([FIRST, event(2), b"broken"])
    assert without_swept(lines, set()) is lines
    swept = without_swept(lines, {Place("epoch-a", 0, 0), Place("epoch-a", 0, 2)})
    assert list(swept[1:]) == lines[1:]
    assert b'"reason":"conflict"' in swept[0]
    moment = datetime.fromisoformat(FIRST["occurred_at"]).astimezone(UTC)
    assert timedelta() <= moment - counted_in(swept[0].decode()) < timedelta(minutes=15)
