"""Nothing of a partition is missing or double unseen, though records are looked at one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trailhouse.queries.archive.coverage import HOLES_MAX, covering, unexplained
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.manifest import Range
from trailhouse.queries.archive.record import Record


def record(offset: int, first: int | None = None, partition: int = 0) -> Record:
    return Record("e", partition, offset if first is None else first, offset, "2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ([record(0), record(1), record(2)], []),
        ([record(0), record(2, 1)], []),
        ([record(1), record(2)], [(0, 0)]),
        ([record(0), record(2)], [(1, 1)]),
        ([record(0)], [(1, 2)]),
        ([], [(0, 2)]),
    ],
    ids=["whole", "control records", "front", "middle", "end", "all"],
)
def test_holes(records: list[Record], wanted: list[tuple[int, int]]) -> None:
    assert unexplained(records, Range("e", 0, 0, 2)) == wanted


def test_accepted_losses_are_no_holes() -> None:
    """Only what they leave of a hole is one."""
    assert unexplained([record(0)], Range("e", 0, 0, 9, lost=((1, 3), (6, 7)))) == [(4, 5), (8, 9)]


def test_doubles_and_strangers_are_errors() -> None:
    with pytest.raises(ArchiveBroken, match="there twice"):
        unexplained([record(0), record(0)], Range("e", 0, 0, 0))
    with pytest.raises(ArchiveBroken, match="beyond 0"):
        unexplained([record(0), record(1)], Range("e", 0, 0, 0))


def test_records_are_handed_on_while_they_are_right() -> None:
    """Of several partitions in their order, with a hole that is known; nothing is read that is not asked for."""
    ranges = (Range("e", 0, 0, 3, missing=((1, 2),)), Range("e", 1, 0, 0))
    some = [record(0), record(3), record(0, partition=1)]
    assert list(covering(some, ranges, "f")) == some
    coming = covering(iter(some), ranges, "f")
    assert next(coming) is some[0]
    with pytest.raises(ArchiveBroken, match=r"f: partition 0 of e lacks offsets 1\.\.2"):
        list(covering([record(0), record(3)], (Range("e", 0, 0, 3),), "f"))
    with pytest.raises(ArchiveBroken, match="f has records that its plan does not name"):
        list(covering(some, ranges[:1], "f"))
    with pytest.raises(ArchiveBroken, match="f: offset 0 of partition 0 is there twice"):
        list(covering([some[0], *some], ranges, "f"))


def test_holes_without_end_end() -> None:
    """A forged file of nothing but holes is not read to its end."""
    read = 0

    def every_other() -> Iterator[Record]:
        nonlocal read
        for read in range(1_000_000):
            yield record(2 * read)

    with pytest.raises(ArchiveBroken, match="lacks offsets"):
        list(covering(every_other(), (Range("e", 0, 0, 2_000_000),), "f"))
    assert read < 2 * HOLES_MAX
