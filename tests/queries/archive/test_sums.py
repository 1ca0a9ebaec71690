"""Sums tell what differs, whatever is exchanged, added or taken away."""

from __future__ import annotations

import uuid

from tests.queries.archive.world import events, land

from trailhouse.queries.archive.extract import Extract
from trailhouse.queries.archive.manifest import Range
from trailhouse.queries.archive.record import Record
from trailhouse.queries.archive.sums import Sums, differences, ledger_sums
from trailhouse.sinks.clickhouse import Client

IDS = [str(uuid.UUID(int=7 * number + (number << 99))) for number in range(3)]


def summed(*pairs: tuple[int, str]) -> Sums:
    sums = Sums()
    for offset, event_id in pairs:
        sums.add(Record("e", 0, offset, offset, "", event_id=event_id))
    return sums


def test_exchanged_ids_show() -> None:
    """Order does not matter, places do."""
    assert summed((0, IDS[0]), (1, IDS[1])) == summed((1, IDS[1]), (0, IDS[0]))
    assert summed((0, IDS[0]), (1, IDS[1])) != summed((0, IDS[1]), (1, IDS[0]))


def test_differences_say_where() -> None:
    key = ("e", 0)
    assert differences({key: summed((0, IDS[0]))}, {key: summed((0, IDS[0]))}) == []
    assert differences({key: summed((0, IDS[0]))}, {}) == [
        "partition 0 of e: the archive has 1 records, ClickHouse 0 up to the same offset"
    ]


def test_clickhouse_sums_the_same(database: Client) -> None:
    """Large offsets too: both count modulo 2^64."""
    start = 2**52
    land(database, [*events(4), b"x"], start=start)
    sums = Sums()
    for record in Extract(database, {}, {}).records(Range("topic", 0, start, start + 4), start, start + 4):
        sums.add(record)
    assert ledger_sums(database, {("topic", 0): start + 4, ("gone", 1): 5}) == {
        ("topic", 0): sums,
        ("gone", 1): Sums(),
    }
    assert ledger_sums(database, {("topic", 0): start})["topic", 0].records == 1
