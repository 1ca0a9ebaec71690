"""The books: their arithmetic against brute force, and the queries behind them on the real engine."""

from __future__ import annotations

import gc
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from tests.sinks.lines import RECEIVED, enriched, event

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.balance import Balance, balance, settle
from trailhouse.sinks.books import Books
from trailhouse.sinks.books import Landed as LandedRows
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.marks import Mark
from trailhouse.stream.gaps import Range
from trailhouse.stream.topics import TopicIds, admin, create_topics


@dataclass(frozen=True)
class Landed:
    """One row of `landed`; `event` 0 = rejected, else the number of the event."""

    epoch: str
    partition: int
    from_offset: int
    offset: int
    event: int


def rows_of(epoch: str, partition: int, steps: Sequence[tuple[int, int, bool]], start: int) -> list[Landed]:
    """Landed rows in offset order: (control records before it, event or 0, whether it is missing)."""
    rows, position = [], start
    for control, number, is_missing in steps:
        row = Landed(epoch, partition, position, position + control, number)
        position = row.offset + 1
        if not is_missing:
            rows.append(row)
    return rows


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 3]), st.integers(0, 9), st.sampled_from([False] * 5 + [True])),
    max_size=12,
)
PARTITIONS = st.dictionaries(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2)),
    st.tuples(STEPS, st.integers(0, 5), st.integers(-2, 6)),
    max_size=5,
)


def queried(rows: Sequence[Landed]) -> tuple[list[Any], list[Any]]:
    """What the two queries over `landed` answer, by their plain definition."""
    parts: list[Any] = []
    holes: list[Any] = []
    for key in sorted({(row.epoch, row.partition) for row in rows}):
        mine = sorted((row for row in rows if (row.epoch, row.partition) == key), key=lambda row: row.offset)
        events = sum(row.event != 0 for row in mine)
        control = sum(row.offset - row.from_offset for row in mine)
        parts.append(
            (*key, min(r.from_offset for r in mine), mine[-1].offset, events, len(mine) - events, control)
        )
        covered = {offset for row in mine for offset in range(row.from_offset, row.offset + 1)}
        missing = sorted(set(range(min(covered), max(covered) + 1)) - covered)
        for offset in missing:
            if holes and holes[-1][:2] == key and holes[-1][3] == offset - 1:
                holes[-1] = (*key, holes[-1][2], offset)
            else:
                holes.append((*key, offset, offset))
    return parts, holes


@dataclass(frozen=True)
class Tables:
    """What the other tables hold: events in `events`, events in `action_slots`, and raw offsets `rejected` lost."""

    stored: set[int]
    counted: set[int]
    unlisted: set[int]


def brute_force(
    rows: Sequence[Landed],
    hwms: dict[tuple[str, int], int],
    starts: dict[tuple[str, int], int],
    tables: Tables,
) -> tuple[int, int, int, int]:
    """(stored, rejected, repeats, unaccounted), offset by offset; `starts` = where the logs that still exist begin."""
    judged = [row for row in rows if row.offset <= hwms.get((row.epoch, row.partition), -1)]
    covered = {(r.epoch, r.partition, o) for r in judged for o in range(r.from_offset, r.offset + 1)}
    missing = 0
    for (epoch, partition), hwm in hwms.items():
        first = min((o for e, p, o in covered if (e, p) == (epoch, partition)), default=0)
        first = min(first, starts.get((epoch, partition), first))
        missing += sum((epoch, partition, o) not in covered for o in range(first, hwm + 1))
    events = [row.event for row in judged if row.event]
    lost = sum(
        number not in tables.stored or number not in tables.counted for number in set(events)
    )  # however many tables lost it
    listed = sum(not row.event and row.offset not in tables.unlisted for row in judged)
    return (
        len(set(events) & tables.stored),
        listed,
        len(events) - len(set(events)),
        missing + lost + sum(not row.event for row in judged) - listed,
    )


NUMBERS = st.sets(st.integers(1, 9))


@given(
    PARTITIONS,
    st.tuples(*[st.integers(0, 8)] * 3),
    st.builds(Tables, stored=NUMBERS, counted=NUMBERS, unlisted=NUMBERS),
)
def test_settling_is_what_counting_offsets_gives(
    partitions: dict[tuple[str, int], tuple[list[tuple[int, int, bool]], int, int]],
    starts: tuple[int, int, int],
    tables: Tables,
) -> None:
    """Heads, holes, repeats, rejects, control records, rows other tables lost: every raw offset is in one place."""
    rows, hwms = [], {}
    for (epoch, partition), (steps, start, extra) in partitions.items():
        mine = rows_of(epoch, partition, steps, start)
        rows += mine
        hwms[epoch, partition] = max(0, max((row.offset for row in mine), default=start) + extra)
    check(rows, hwms, {(e, p): starts[p] for e, p in hwms if e == "a"}, tables)


def check(
    rows: Sequence[Landed],
    hwms: dict[tuple[str, int], int],
    starts: dict[tuple[str, int], int],
    tables: Tables,
) -> None:
    judged = [row for row in rows if row.offset <= hwms.get((row.epoch, row.partition), -1)]
    parts, holes = queried(judged)
    events = [row.event for row in judged if row.event]
    marks = {p: Mark({e: hwm for (e, q), hwm in hwms.items() if q == p}) for _, p in hwms}
    ends = {key[1]: (start, max(start, hwms[key] + 1) + 3) for key, start in starts.items()}
    books = Books(
        {part[:2]: LandedRows(*part[2:]) for part in parts},
        tuple(holes),
        distinct=len(set(events)),
        absent=len(set(events) - tables.stored),
        unlisted=sum(not row.event and row.offset in tables.unlisted for row in judged),
        uncounted=len((set(events) & tables.stored) - tables.counted),
    )
    found = settle(marks, ends, "a", books)
    assert numbers(found) == brute_force(rows, hwms, starts, tables)
    assert found.is_closed == (found.unaccounted == 0)
    assert found.in_flight == 3 * len(ends)
    for each in found.partitions:
        missing = sum(last - first + 1 for first, last in each.missing)
        if each.events + each.rejected:
            assert each.last - each.first + 1 == each.events + each.rejected + each.control + missing


def test_in_flight_is_what_lies_above_the_mark() -> None:
    """Raw records not judged yet: above the mark, and only of the topic as it is now, from where its log begins."""

    def in_flight(hwms: dict[str, int], start: int, end: int) -> int:
        return settle({0: Mark(hwms)}, {0: (start, end)}, "now", Books({})).in_flight

    assert in_flight({"now": 9}, 0, 10) == 0
    assert in_flight({"now": 9}, 0, 15) == 5
    assert (
        in_flight({"now": 9}, 12, 15) == 3
    )  # 10 and 11 expired before anybody read them: a gap, not in flight
    assert in_flight({"old": 9}, 0, 15) == 15
    assert in_flight({}, 0, 15) == 15


def test_nothing_yet_is_closed() -> None:
    """A new stack owes nothing."""
    found = settle({}, {0: (0, 0), 1: (0, 0)}, "now", Books({}))
    assert found.is_closed
    assert found.to_dict()["partitions"][1] == {
        "epoch": "now",
        "partition": 1,
        "first": 0,
        "last": -1,
        "events": 0,
        "rejected": 0,
        "control": 0,
        "missing": (),
        "in_flight": 0,
        "lost": (),
    }


def test_open_gaps_are_unaccounted_and_not_in_flight() -> None:
    """What a sink waits for, or the stream committed and nobody wrote: missing above the mark; accepted, it is lost."""
    rows = {("now", 0): LandedRows(0, 9, 10, 0, 0)}

    def settled(*lost: tuple[int, int], gap: tuple[int, int] = (10, 14), start: int = 0) -> Balance:
        return settle(
            {0: Mark({"now": 9})},
            {0: (start, 20)},
            "now",
            Books(rows, distinct=10),
            open_gaps=[Range("now", 0, *gap)],
            lost=[Range("now", 0, *each) for each in lost],
        )

    found = settled()
    assert (found.unaccounted, found.in_flight, found.lost, found.is_closed) == (5, 5, 0, False)
    assert found.partitions[0].missing == ((10, 14),)
    found = settled((10, 11))
    assert (found.unaccounted, found.lost, found.partitions[0].lost) == (3, 2, ((10, 11),))
    found = settled((10, 11), (12, 14))
    assert (found.unaccounted, found.in_flight, found.lost, found.is_closed) == (0, 5, 5, True)
    assert settled(gap=(3, 7)).unaccounted == 0  # the mark has passed it meanwhile
    found = settled(
        gap=(10, 14), start=13
    )  # the log does not hold 10 to 12 any more: not in flight either way
    assert (found.unaccounted, found.in_flight) == (5, 5)
    assert settle({}, {}, "now", Books({}), open_gaps=[Range("old", 2, 0, 3)]).unaccounted == 4


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), max_size=4),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), max_size=4),
)
def test_lost_is_what_is_missing_and_was_accepted(
    holes: list[tuple[int, int]], accepted: list[tuple[int, int]]
) -> None:
    """Offset by offset: accepted twice counts once, accepted and yet stored does not count."""
    missing = {offset for start, length in holes for offset in range(start, start + length + 1)}
    given_up = {offset for start, length in accepted for offset in range(start, start + length + 1)}
    pieces = [("now", 0, offset, offset) for offset in sorted(missing)]
    found = settle(
        {0: Mark({"now": 40})},
        {},
        "now",
        Books({("now", 0): LandedRows(0, 40, 0, 0, 0)}, tuple(pieces)),
        lost=[Range("now", 0, start, start + length) for start, length in accepted],
    )
    assert found.lost == len(missing & given_up)
    assert found.unaccounted == len(missing - given_up)


def line_of(row: Landed) -> bytes:
    """The enriched line of a landed row; days of receipt and of events differ, so rows lie in many parts."""
    received = RECEIVED + timedelta(days=row.offset % 3)
    (line,) = enriched(
        [event(row.event) if row.event else b"broken"],
        epoch=row.epoch,
        partition=row.partition,
        start=row.offset,
        received=received,
    )
    return line.replace(b'"from":%d,' % row.offset, b'"from":%d,' % row.from_offset)


def commit(kafka: KafkaSettings, group: str, marks: dict[int, Mark]) -> None:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False)
    tps = {p: TopicPartition(kafka.enriched_topic, p) for p in marks}
    consumer.assign(list(tps.values()))
    consumer.commit({tps[p]: OffsetAndMetadata(1, mark.to_metadata(), -1) for p, mark in marks.items()})
    consumer.close()


def test_the_queries_count_what_brute_force_counts(database: Client, kafka_settings: KafkaSettings) -> None:
    """Random ledgers with holes, repeats of rows, control records and lost events, judged from Kafka's own marks."""
    create_topics(kafka_settings, 3)
    with closing(TopicIds(kafka_settings)) as ids:
        now = ids.read(kafka_settings.raw_topic)
    producer = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap)
    for _ in range(40):
        producer.send(kafka_settings.raw_topic, b"x", partition=1)
    producer.close()
    group = f"books-{uuid.uuid4().hex[:6]}"
    random = Random(17)
    for _ in range(4):
        rows: list[Landed] = []
        hwms: dict[tuple[str, int], int] = {}
        for epoch, partition in ((now, 0), (now, 1), ("before", 1), (now, 2)):
            steps = [
                (random.choice((0, 0, 2)), random.randint(0, 20), random.random() < 0.15) for _ in range(25)
            ]
            mine = rows_of(epoch, partition, steps, random.randint(0, 4))
            rows += mine
            hwms[epoch, partition] = max(row.offset for row in mine) + random.randint(-9, 4)
        for table in ("events", "landed", "rejected", "action_slots"):
            database.command(f"TRUNCATE TABLE {table}")
        lines = [line_of(row) for row in rows]
        insert_lines(database, "landing", lines)
        insert_lines(database, "landing", random.sample(lines, 30))
        lost = event(random.randint(1, 20))["event_id"]
        delete(database, "events", f"event_id = '{lost}'")
        delete(database, "rejected", "offset IN (3, 8, 13)")
        uncounted = event(random.randint(1, 20))["occurred_at"]
        delete(
            database,
            "action_slots",
            f"slot = toStartOfFifteenMinutes(toDateTime64('{uncounted[:-1]}', 3, 'UTC'))",
        )
        commit(
            kafka_settings,
            group,
            {p: Mark({e: hwm for (e, q), hwm in hwms.items() if q == p}) for p in range(3)},
        )
        tables = Tables(
            stored={number for number in range(1, 21) if event(number)["event_id"] != lost},
            counted={n for n in range(1, 21) if quarter(event(n)["occurred_at"]) != quarter(uncounted)},
            unlisted={3, 8, 13},
        )
        found = balance(kafka_settings, database, group)
        starts = {(now, partition): 0 for partition in range(3)}
        assert numbers(found) == brute_force(rows, hwms, starts, tables)
        assert found.in_flight == max(0, 40 - hwms[now, 1] - 1)
        assert orjson.loads(orjson.dumps(found.to_dict()))["unaccounted"] == found.unaccounted


def quarter(moment: str) -> tuple[str, int]:
    """The quarter-hour of an ISO time."""
    return moment[:13], int(moment[14:16]) // 15


def delete(database: Client, table: str, condition: str) -> None:
    database.command(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")


def numbers(found: Balance) -> tuple[int, int, int, int]:
    return found.stored, found.rejected, found.repeats, found.unaccounted


def test_lost_marks_judge_nothing(database: Client, kafka_settings: KafkaSettings) -> None:
    """Without a readable mark nothing is promised, so nothing is missing; everything is in flight."""
    create_topics(kafka_settings, 1)
    insert_lines(database, "landing", enriched([event(1)]))
    found = balance(kafka_settings, database, "nobody")
    assert numbers(found) == (0, 0, 0, 0)


def test_closing_the_books_leaves_no_connection_open(database: Client, kafka_settings: KafkaSettings) -> None:
    """The api closes them every half minute for as long as it runs."""
    create_topics(kafka_settings, 1)
    before = threading.enumerate()
    for _ in range(3):
        balance(kafka_settings, database, "nobody")
    gc.collect()
    assert [thread for thread in threading.enumerate() if thread not in before] == []


@pytest.fixture
def books(database: Client, kafka_settings: KafkaSettings) -> Callable[[], Balance]:
    """Closes the books over one raw partition of 40 records, all landed and marked; every fifth was rejected."""
    create_topics(kafka_settings, 1)
    ids = TopicIds(kafka_settings)
    epoch = ids.read(kafka_settings.raw_topic)
    ids.close()
    producer = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap)
    for _ in range(40):
        producer.send(kafka_settings.raw_topic, b"x", partition=0)
    producer.close()
    records: list[Any] = [event(number) if number % 5 else b"broken" for number in range(40)]
    insert_lines(database, "landing", enriched(records, epoch=epoch))
    # In flight: it landed and is counted, but no mark covers it.
    insert_lines(database, "landing", enriched([event(99)], epoch=epoch, start=40))
    group = f"books-{uuid.uuid4().hex[:6]}"
    commit(kafka_settings, group, {0: Mark({epoch: 39})})
    return lambda: balance(kafka_settings, database, group)


def test_a_deleted_head_of_the_ledger_is_missing(
    database: Client, kafka_settings: KafkaSettings, books: Callable[[], Balance]
) -> None:
    """The raw log still begins before the first row; once the log itself expired that far, nothing is owed."""
    assert numbers(books()) == (32, 8, 0, 0)
    delete(database, "landed", "offset < 7")
    found = books()
    assert (found.unaccounted, found.partitions[0].missing, found.partitions[0].first) == (7, ((0, 6),), 0)
    with admin(kafka_settings) as client:
        client.delete_records({TopicPartition(kafka_settings.raw_topic, 0): 5})
    assert books().partitions[0].missing == ((5, 6),)
    with admin(kafka_settings) as client:
        client.delete_records({TopicPartition(kafka_settings.raw_topic, 0): 20})
    assert numbers(books()) == (27, 6, 0, 0)
    delete(database, "landed", "1")
    assert books().partitions[0].missing == ((0, 39),)


def test_deleted_rejects_are_missing(database: Client, books: Callable[[], Balance]) -> None:
    """`landed` says they were rejected, table `rejected` must say why."""
    delete(database, "rejected", "offset = 10")
    found = books()
    assert (*numbers(found), found.not_in_rejected) == (32, 7, 0, 1, 1)
    delete(database, "rejected", "1")
    found = books()
    assert (*numbers(found), found.not_in_rejected) == (32, 0, 0, 8, 8)


def test_events_that_no_count_holds_are_missing(database: Client, books: Callable[[], Balance]) -> None:
    """What `action_slots` lost is found while other events are in flight; an event both tables lost is lost once."""
    delete(
        database, "action_slots", "slot < '2025-12-01 09:00:00'"
    )  # events 0..8, of which 0 and 5 were rejected
    found = books()
    assert (*numbers(found), found.not_in_counts) == (32, 8, 0, 7, 7)
    database.command("TRUNCATE TABLE action_slots")
    found = books()
    assert (*numbers(found), found.not_in_counts) == (32, 8, 0, 32, 32)
    delete(database, "events", f"event_id = '{event(1)['event_id']}'")
    found = books()
    assert (*numbers(found), found.not_in_events, found.not_in_counts) == (31, 8, 0, 32, 1, 31)
