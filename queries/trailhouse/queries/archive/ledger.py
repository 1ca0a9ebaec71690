"""What ClickHouse says has landed and is not archived yet: ranges of raw offsets, as far as they are complete.

The sinks' ledger (`batches`) has a row for a batch once all its rows are in all tables, so what follows the archived mark
without a hole in it is complete, whatever a sink is in the middle of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from trailhouse.queries.archive.manifest import Key, Range, lost_within
from trailhouse.sinks.clickhouse import Client

#: Batches of one partition looked at in one round.
BATCHES_MAX: Final = 20_000


class Batch(NamedTuple):
    """Raw offsets `first` to `last` that are complete, with their number of records."""

    first: int
    last: int
    rows: int


def pending(client: Client, marks: Mapping[Key, int], rows_max: int) -> list[Range]:
    """What landed after `marks`, of each partition at most its share of `rows_max` records, but a batch at least."""
    lost = _lost(client)
    found: dict[Key, tuple[int, list[Batch]]] = {}
    for epoch, partition, first in client.query(_KEYS).result_rows:
        key = str(epoch), int(partition)
        mark = marks.get(key)
        batches = list(_batches(client, key, -1 if mark is None else mark))
        batches += [Batch(start, end, 0) for start, end in lost.get(key, ())]
        if mark is None:
            # What landed before there was a ledger lies below its first row, and is complete.
            start = _start(client, key, int(first))
            batches.append(Batch(start, int(first) - 1, 0))
            mark = start - 1
        if reach(mark, batches, 1) > mark:
            found[key] = mark, batches
    ranges = []
    for key, (mark, batches) in found.items():
        last = reach(mark, batches, max(1, rows_max // len(found)))
        ranges.append(Range(*key, mark + 1, last, lost_within(lost.get(key, ()), mark + 1, last)))
    return ranges


def reach(mark: int, batches: Iterable[Batch], rows_max: int) -> int:
    """How far the batches go on from `mark` without a hole, ending with the batch that makes `rows_max` records full."""
    rows = 0
    for batch in sorted(batches):
        if batch.first > mark + 1 or rows >= rows_max:
            break
        if batch.last > mark:
            mark = batch.last
            rows += batch.rows
    return mark


def _batches(client: Client, key: Key, mark: int) -> Iterator[Batch]:
    rows = client.query(
        _BATCHES, parameters={"epoch": key[0], "partition": key[1], "mark": mark, "most": BATCHES_MAX}
    ).result_rows
    for row in rows:
        yield Batch(*map(int, row))


def _start(client: Client, key: Key, first: int) -> int:
    """The first raw offset of a partition that any row accounts for."""
    rows = client.query(_START, parameters={"epoch": key[0], "partition": key[1]}).result_rows
    return min(first, int(rows[0][0])) if rows else first


def _lost(client: Client) -> dict[Key, list[tuple[int, int]]]:
    found: dict[Key, list[tuple[int, int]]] = {}
    for epoch, partition, first, last in client.query(_LOST).result_rows:
        found.setdefault((str(epoch), int(partition)), []).append((int(first), int(last)))
    return found


_LOST: Final = "SELECT epoch, partition, first, last FROM lost FINAL"
_KEYS: Final = (
    "SELECT epoch, partition, min(first) FROM batches GROUP BY epoch, partition ORDER BY epoch, partition"
)
_START: Final = """
SELECT `from` FROM landed WHERE epoch = {epoch:String} AND partition = {partition:UInt16} ORDER BY epoch, partition, offset LIMIT 1
"""
_BATCHES: Final = """
SELECT first, last, events + rejected FROM batches FINAL
WHERE epoch = {epoch:String} AND partition = {partition:UInt16} AND toInt64(last) > {mark:Int64}
ORDER BY last, first LIMIT {most:UInt32}
"""
