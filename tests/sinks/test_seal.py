"""Sealed days: the counts of reports are those of the sets, whatever arrives, is sealed or dies in which order."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.databases import Databases
from tests.sinks.lines import enriched, event, imagine, text_of

from trailhouse.queries.periods import between
from trailhouse.sinks import seal as sealing
from trailhouse.sinks.clickhouse import (
    INSERT_MAX_S,
    INSERT_SETTINGS,
    ClickHouseError,
    Client,
    connect,
    error_code,
    insert_lines,
)
from trailhouse.sinks.seal import COUNTED, QUIET_S, Sealer, differing, seal, seal_days, unsealed
from trailhouse.sinks.settings import ClickHouseSettings

ORGS = ["acme", "beta", "gamma"]
(ACTIONS, *_) = COUNTED
#: (zone, since, until): a bound off the quarter-hour, an odd offset, clocks that change on 2026-02-22 or 2026-03-08.
PERIODS = (
    ("UTC", date(2026, 2, 1), date(2026, 2, 28)),
    ("Asia/Kathmandu", date(2026, 2, 5), datetime(2026, 2, 27, 10, 7, 3, tzinfo=UTC)),
    ("America/St_Johns", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), date(2026, 3, 20)),
)
Counts = dict[tuple[str, date, str], int]


TABLES = ("events", "action_slots", "page_slots", "touched", "sealed", "action_days", "page_days")


@pytest.fixture(scope="module")
def settings_here(databases: Databases) -> Iterator[ClickHouseSettings]:
    """One database for all of these tests."""
    with databases.lend() as (settings, _):
        yield settings


@pytest.fixture
def database(settings_here: ClickHouseSettings) -> Iterator[Client]:
    """A client on it, with empty tables."""
    with closing(connect(settings_here)) as client:
        for table in TABLES:
            client.command(f"TRUNCATE TABLE {table}")
        yield client


def counted(client: Client, period: tuple[str, Any, Any], view: str = "action_counts_in") -> Counts:
    zone, since, until = period
    asked = between(ZoneInfo(zone), since, until)
    rows = client.query(
        f"SELECT org_id, local_day, action, sum(events) FROM {view}(orgs = {{orgs:Array(String)}}, "
        "spans = {spans:Array(Tuple(Int64, Int64, Int32))}, cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}) GROUP BY ALL",
        parameters={
            "orgs": ORGS,
            "spans": [tuple(each) for each in asked.spans],
            "cuts": [tuple(each) for each in asked.cuts],
        },
    ).result_rows
    return {(str(org), day, str(action)): int(events) for org, day, action, events in rows}


def expected(lines: Iterable[bytes], period: tuple[str, Any, Any]) -> Counts:
    """Brute force: distinct events by local date."""
    zone, since, until = period
    asked, seen = between(ZoneInfo(zone), since, until), Counter[tuple[str, date, str]]()
    known = {(row["org_id"], row["event_id"]): row for row in map(orjson.loads, lines)}
    for row in known.values():
        moment = datetime.fromisoformat(row["occurred_at"])
        if asked.since <= moment < asked.until:
            seen[row["org_id"], moment.astimezone(ZoneInfo(zone)).date(), row["action"]] += 1
    return dict(seen)


def sealed_days(client: Client) -> set[tuple[str, date]]:
    rows = client.query(
        "SELECT org_id, day FROM seals_in(sets = 'action_slots', orgs = {orgs:Array(String)}, spans = [(0, 4102444800000, 0)]) WHERE is_sealed",
        parameters={"orgs": ORGS},
    ).result_rows
    return {(str(org), day) for org, day in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_those_of_the_sets_whatever_happens(
    database: Client, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Inserts, late events, repeats, seals of all or some days and seals that die, in any order."""
    random, lines, offset = Random(seed), list[bytes](), 0
    ever: set[tuple[str, date]] = set()
    for step in range(7):
        match "insert" if step == 0 else random.choice(("insert", "late", "repeat", "die", "some")):
            case "insert":
                new = enriched(imagine(random, 80, days=40), start=offset)
            case "late":
                late = [
                    event(
                        random.getrandbits(24),
                        occurred_at=f"2026-02-{random.randint(1, 28):02}T23:59:59.999Z",
                    )
                ]
                new = enriched(late, start=offset)
            case "die":
                new = []
                with monkeypatch.context() as patch, pytest.raises(ClickHouseError):
                    patch.setattr(sealing, "_SEAL", "INSERT INTO no_such_table SELECT 1")
                    list(seal(database, quiet_s=-60))
                    raise ClickHouseError  # there was nothing to seal
            case "some":
                new = []
                if due := unsealed(database, ACTIONS, quiet_s=-60):
                    month = [each for each in due if each.day.month == due[0].day.month]
                    seal_days(database, ACTIONS, random.sample(month, len(month) // 2 + 1))
            case _:
                new = random.sample(lines, len(lines) // 2)
        if new:
            insert_lines(database, "landing", new)
            lines += new
            offset += len(new)
        if random.random() < 0.6:
            list(seal(database, quiet_s=-60))
        ever |= sealed_days(database)
        assert differing(database, ACTIONS) == []
        for period in PERIODS:
            assert counted(database, period) == expected(lines, period), (step, period)
    assert len(ever) > 40


def test_a_seal_ends_with_the_first_touch(database: Client) -> None:
    """Of that day alone; a repeat is one, too. Sealed again, the counts are replaced."""
    lines = enriched([event(1), event(2), event(300)])
    insert_lines(database, "landing", lines)
    assert sum(seal(database, quiet_s=-60)) == 2 * 2
    both = {("acme", date(2025, 12, 1)), ("acme", date(2025, 12, 2))}
    assert sealed_days(database) == both
    for late in (enriched([event(3)], start=10), lines[:1]):
        insert_lines(database, "landing", late)
        assert sealed_days(database) == {("acme", date(2025, 12, 2))}
        assert sum(seal(database, quiet_s=-60)) == 2
        assert sealed_days(database) == both
    assert sum(seal(database, quiet_s=-60)) == 0
    rows = database.query("SELECT day, arraySum(counts), length(counts) FROM action_days FINAL ORDER BY day")
    assert rows.result_rows == [(date(2025, 12, 1), 3, 96), (date(2025, 12, 2), 1, 96)]


def test_sealed_days_are_read_from_their_counts(database: Client) -> None:
    """Not from the sets: that is what they are for. What was changed by hand is found."""
    insert_lines(database, "landing", enriched([event(1), event(2)]))
    list(seal(database, quiet_s=-60))
    database.command("TRUNCATE TABLE action_slots")
    period = ("UTC", date(2025, 12, 1), date(2025, 12, 1))
    assert counted(database, period) == {("acme", date(2025, 12, 1), "page:view"): 2}
    assert differing(database, ACTIONS) == [("acme", date(2025, 12, 1))]


def test_keys_that_left_the_sets_count_nothing(database: Client) -> None:
    """Of a day that is sealed again after its sets were mended."""
    insert_lines(database, "landing", enriched([event(1), event(2, action="odd")]))
    list(seal(database, quiet_s=-60))
    database.command("ALTER TABLE action_slots DELETE WHERE action = 'odd' SETTINGS mutations_sync = 2")
    database.command("INSERT INTO touched SELECT org_id, day, now64(6, 'UTC') FROM touched")
    list(seal(database, quiet_s=-60))
    period = ("UTC", date(2025, 12, 1), date(2025, 12, 1))
    assert counted(database, period) == {("acme", date(2025, 12, 1), "page:view"): 1}
    assert differing(database, ACTIONS) == []


def test_no_day_is_sealed_while_an_insert_may_be_under_way(database: Client) -> None:
    """Days touched within the time an insert may last wait, and so does the day that is not over."""
    today = text_of(datetime.now(UTC))
    insert_lines(
        database, "landing", enriched([event(1), event(2, occurred_at=today)], received=datetime.now(UTC))
    )
    assert list(seal(database)) == []
    database.command(
        "ALTER TABLE touched UPDATE at = at - toIntervalSecond({age:UInt32}) WHERE 1 SETTINGS mutations_sync = 2",
        parameters={"age": int(QUIET_S)},
    )
    assert list(seal(database)) == [1, 1]
    assert sealed_days(database) == {("acme", date(2025, 12, 1))}


def test_the_engine_ends_inserts_in_time(database: Client, request: pytest.FixtureRequest) -> None:
    """What sealing waits for is longer than what every insert pins, and the pin binds in the middle of a view."""
    assert INSERT_SETTINGS["max_execution_time"] == INSERT_MAX_S
    assert QUIET_S >= 4 * INSERT_MAX_S
    database.command("CREATE TABLE slow (n UInt8) ENGINE = Null")
    request.addfinalizer(lambda: database.command("DROP TABLE slow_mv"))
    database.command(
        "CREATE MATERIALIZED VIEW slow_mv TO slow AS SELECT toUInt8(sleepEachRow(0.25)) AS n FROM landing"
    )
    started = time.monotonic()
    with pytest.raises(ClickHouseError) as caught:
        database.raw_insert(
            "landing",
            insert_block=b"\n".join(enriched(event(n) for n in range(60))),
            settings={
                **INSERT_SETTINGS,
                "max_execution_time": 1,
                "max_block_size": 1,
                "function_sleep_max_microseconds_per_block": 60_000_000,
            },
            fmt="JSONEachRow",
        )
    assert error_code(caught.value) == 159
    assert time.monotonic() - started < 14


def test_which_days_are_sealed_is_decided_once(database: Client) -> None:
    """A view that draws lots for each day gives the same counts: no branch of it decides by itself."""
    lines = enriched(imagine(Random(5), 300, days=40))
    insert_lines(database, "landing", lines)
    list(seal(database, quiet_s=-60))
    ((text,),) = database.query(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'action_counts_in'"
    ).result_rows
    drawn = (
        str(text).replace("action_counts_in", "drawn_in", 1).replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
    )
    assert "(toString(org_id), day, is_sealed)" in drawn
    database.command(
        drawn.replace("(toString(org_id), day, is_sealed)", "(toString(org_id), day, rand() % 2 = 0)")
    )
    for _ in range(4):
        assert counted(database, PERIODS[0], "drawn_in") == expected(lines, PERIODS[0])


def test_days_from_before_are_adopted(database: Client) -> None:
    """Sets of a day that nothing touched, as an insert from before the table leaves them, are read and sealed."""
    lines = enriched([event(1)])
    insert_lines(database, "landing", lines)
    database.command("TRUNCATE TABLE touched")
    assert list(seal(database, quiet_s=-60)) == [1, 1]
    period = ("UTC", date(2025, 12, 1), date(2025, 12, 1))
    assert counted(database, period) == expected(lines, period)


def test_an_engine_killed_while_it_seals(
    database: Client, clickhouse_server: Any, settings_here: ClickHouseSettings
) -> None:
    """Whatever was sealed holds, the rest is read from the sets, and is sealed by the next."""
    lines = enriched(imagine(Random(7), 300, days=40))
    insert_lines(database, "landing", lines)
    began = threading.Event()

    def run() -> None:
        client = connect(settings_here)
        try:
            for due in unsealed(client, ACTIONS, quiet_s=-60):
                seal_days(client, ACTIONS, [due])
                began.set()
        except (ClickHouseError, OSError):
            pass
        finally:
            client.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(60)
    clickhouse_server.kill()
    thread.join()
    clickhouse_server.restart()
    with_client = connect(settings_here)
    assert counted(with_client, PERIODS[2]) == expected(lines, PERIODS[2])
    list(seal(with_client, quiet_s=-60))
    assert differing(with_client, ACTIONS) == []
    assert unsealed(with_client, ACTIONS, quiet_s=-60) == []
    assert counted(with_client, PERIODS[2]) == expected(lines, PERIODS[2])
    with_client.close()


@pytest.fixture
def sealer(settings_here: ClickHouseSettings) -> Iterator[Callable[..., Sealer]]:
    """A sealer that is stopped at the end."""
    made: list[Sealer] = []

    def start(**options: Any) -> Sealer:
        made.append(Sealer(settings_here, every_s=0.05, **options))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()
        each._thread.join(60)


def test_the_sink_seals_by_itself(
    database: Client, sealer: Callable[..., Sealer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is the one to do so, again and again, also after a failure."""
    monkeypatch.setattr(sealing, "seal", lambda client: seal(client, quiet_s=-60))
    insert_lines(database, "landing", enriched([event(1)]))
    turns, sealed = [False, False, True], threading.Event()
    sealer(is_mine=lambda: turns.pop(0) if len(turns) > 1 else True, on_sealed=lambda _: sealed.set())
    assert sealed.wait(60)
    assert turns == [True]
    sealed.clear()
    insert_lines(database, "landing", enriched([event(2)], start=1))
    assert sealed.wait(60)


def test_a_sealer_may_be_off(settings_here: ClickHouseSettings) -> None:
    """0 = never."""
    off = Sealer(settings_here, every_s=0, is_mine=lambda: True)
    off.start()
    assert not [each for each in threading.enumerate() if each.name == "seal"]
