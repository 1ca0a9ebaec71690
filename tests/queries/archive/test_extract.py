"""Reading ranges in parts: the same records, however they are cut."""

from __future__ import annotations

from tests.queries.archive.world import events, land

from trailhouse.queries.archive.extract import Extract, slices
from trailhouse.queries.archive.manifest import Range
from trailhouse.queries.archive.record import COPY, EVENT, REJECTED
from trailhouse.sinks.clickhouse import Client

ENDS = {("topic", 0): 7}


def test_parts_make_the_whole(database: Client) -> None:
    """An event that came twice is one entry, though its copies are in different parts."""
    some = events(5)
    land(database, [*some, b"x", some[0], some[4]])
    whole = Range("topic", 0, 0, 7)
    assert slices(database, whole, 3) == [(0, 2), (3, 5), (6, 7)]
    assert slices(database, whole, 4) == [(0, 3), (4, 7)]
    extract = Extract(database, {}, ENDS)
    records = [
        each for first, last in slices(database, whole, 3) for each in extract.records(whole, first, last)
    ]
    assert records == Extract(database, {}, ENDS).records(whole, 0, 7)
    assert [each.kind for each in records] == [EVENT] * 5 + [REJECTED, COPY, COPY]
    assert sum(each.is_entry for each in records) == 5
    assert records[0].occurred_at == "2026-03-02T08:00:00.000Z"
    assert all(each.user_ref and each.content and each.slot for each in records[:5])
