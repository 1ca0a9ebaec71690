"""Whether records account for the raw offsets of their ranges: each once, in order, none else.

Records are looked at one after the other and handed on, so that a file need not be in memory to be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.manifest import Range
from trailhouse.queries.archive.record import Record

#: Holes of a partition that are named.
HOLES_MAX: Final = 100


class Cover:
    """How far the records of one range have come; `holes` = raw offsets that neither they nor accepted losses account for."""

    def __init__(self, each: Range) -> None:
        self._range, self._at = each, each.first
        self.holes: list[tuple[int, int]] = []

    def add(self, record: Record) -> None:
        """The next record; raises `ArchiveBroken` where it accounts for an offset a second time."""
        if record.offset < self._at:
            raise ArchiveBroken(f"offset {record.offset} of partition {record.partition} is there twice")
        if record.from_offset > self._at:
            self.holes += _without(self._range.lost, self._at, record.from_offset - 1)
        self._at = record.offset + 1

    def end(self) -> list[tuple[int, int]]:
        """All holes, once there are no more records; raises `ArchiveBroken` where they went beyond the range."""
        last = self._range.last
        if self._at <= last:
            self.holes += _without(self._range.lost, self._at, last)
        elif self._at > last + 1:
            raise ArchiveBroken(f"offset {self._at - 1} lies beyond {last}, where the range ends")
        return self.holes


def unexplained(records: Iterable[Record], each: Range) -> list[tuple[int, int]]:
    """What of the range neither the records account for nor was accepted as lost; raises `ArchiveBroken`."""
    cover = Cover(each)
    for record in records:
        cover.add(record)
    return cover.end()


def covering(records: Iterable[Record], ranges: Sequence[Range], path: str) -> Iterator[Record]:
    """Hand the records on while they are those of the ranges, as known to be missing some; raises `ArchiveBroken`, at the
    end at the latest.
    """
    coming = iter(records)
    record = next(coming, None)
    for each in ranges:
        cover, known = Cover(each), frozenset(each.missing)
        try:
            while record is not None and (record.epoch, record.partition) == each.key:
                cover.add(record)
                if len(cover.holes) > len(known) + HOLES_MAX:
                    break
                yield record
                record = next(coming, None)
            else:
                cover.end()
        except ArchiveBroken as error:
            raise ArchiveBroken(f"{path}: {error}") from None
        if found := [hole for hole in cover.holes if hole not in known]:
            told = ", ".join(f"{first}..{last}" for first, last in found)
            raise ArchiveBroken(f"{path}: partition {each.partition} of {each.epoch} lacks offsets {told}")
    if record is not None:
        raise ArchiveBroken(f"{path} has records that its plan does not name")


def _without(lost: Iterable[tuple[int, int]], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The parts of `first` to `last` that were not accepted as lost."""
    at = first
    for start, end in sorted(lost):
        if start <= last and end >= at:
            if start > at:
                yield at, start - 1
            at = end + 1
    if at <= last:
        yield at, last
