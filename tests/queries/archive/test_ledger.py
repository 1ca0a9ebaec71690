"""Which offsets may be archived: what follows the mark without a hole."""

from __future__ import annotations

import pytest
from tests.queries.archive.world import events, land

from trailhouse.queries.archive.ledger import Batch, pending, reach
from trailhouse.queries.archive.manifest import Range
from trailhouse.sinks.clickhouse import Client


@pytest.mark.parametrize(
    ("mark", "batches", "rows_max", "wanted"),
    [
        (-1, [Batch(0, 4, 5), Batch(5, 9, 5)], 100, 9),
        (-1, [Batch(0, 4, 5), Batch(5, 9, 5)], 5, 4),
        (-1, [Batch(0, 4, 5), Batch(6, 9, 4)], 100, 4),
        (4, [Batch(0, 4, 5), Batch(3, 7, 5), Batch(5, 6, 2), Batch(8, 8, 1)], 100, 8),
        (-1, [Batch(1, 4, 4)], 100, -1),
        (7, [], 100, 7),
    ],
    ids=["all", "bounded", "a hole", "cut otherwise", "not from the start", "nothing"],
)
def test_reach(mark: int, batches: list[Batch], rows_max: int, wanted: int) -> None:
    assert reach(mark, batches, rows_max) == wanted


def test_a_log_that_began_late_is_archived_from_there(database: Client) -> None:
    """Each partition from the first row it has, then from its mark; rows from before there was a ledger belong to it."""
    land(database, events(3), start=50)
    land(database, events(2, start=10), start=7, partition=1, is_recorded=False)
    land(database, events(2, start=20), start=9, partition=1)
    found = pending(database, {}, 1000)
    assert found == [Range("topic", 0, 50, 52), Range("topic", 1, 7, 10)]
    assert pending(database, {("topic", 0): 51, ("topic", 1): 10}, 1000) == [Range("topic", 0, 52, 52)]
