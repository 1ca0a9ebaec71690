"""A batch: the rows of one insert-to-be, and the offsets that may be committed once they are stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trailhouse.sinks.head import Head
from trailhouse.sinks.marks import Mark
from trailhouse.stream import tracing
from trailhouse.stream.correlation import NAMED_MAX, name_of

AGES_BEHIND: Final = 5
#: So many rows are worth an insert after this share of the age: whatever is in it, an insert costs ClickHouse 0.15 s of a
#: processor, as much as two thousand rows do.
WORTH_ROWS: Final = 1_000
WORTH_SHARE: Final = 0.2
MONTHS_MAX: Final = 24
DAYS_MAX: Final = 24


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due: rows, bytes or age, whichever comes first."""

    rows: int
    bytes: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """Rows `start` to `end` (excluded) of a batch: taken from one partition's enriched offsets `first` to `last`."""

    start: int
    end: int
    first: int
    last: int


@dataclass(slots=True)
class Batch:
    """Rows gathered under one assignment (`generation`), each with its head; stale once the assignment changed."""

    generation: int
    born: float
    lines: list[bytes] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    marks: dict[Any, tuple[int, Mark]] = field(default_factory=dict)
    size: int = 0
    runs: list[Run] = field(default_factory=list)
    #: Records recognised as repeats while the batch was gathered, by partition.
    repeats: Counter[int] = field(default_factory=Counter)

    def add(self, line: bytes, head: Head) -> None:
        self.lines.append(line)
        self.heads.append(head)
        self.size += len(line)

    @property
    def rejected(self) -> int:
        """How many of the rows are envelopes of rejected records."""
        return sum(head.reason != "" for head in self.heads)

    @property
    def name(self) -> str:
        """`epoch/partition/first-last` of the raw offsets, for each partition; empty without rows."""
        return name_of(self._stretches())

    def told(self) -> dict[tracing.Name, tracing.Value]:
        """What the span of its insert says: of the raw offsets `partition/first-last`, for as many as its name has."""
        rejected = self.rejected
        ranges = [f"{partition}/{first}-{last}" for _, partition, first, last in self._stretches()]
        return {
            "db.system.name": "clickhouse",
            "db.operation.name": "INSERT",
            "db.collection.name": "landing",
            "trailhouse.ranges": tuple(ranges[:NAMED_MAX]),
            "trailhouse.rows": len(self.lines),
            "trailhouse.events": len(self.lines) - rejected,
            "trailhouse.rejected": rejected,
        }

    def _stretches(self) -> list[tuple[str, int, int, int]]:
        """Topic id, partition, first and last raw offset."""
        ends: dict[tuple[str, int], tuple[int, int]] = {}
        for run in self.runs:
            # The rows of a run come one after the other, so its ends are those of all; the topic may change amid it.
            for head in (self.heads[run.start], self.heads[run.end - 1]) if run.end > run.start else ():
                first, last = ends.get((head.epoch, head.partition), (head.from_offset, head.offset))
                ends[head.epoch, head.partition] = min(first, head.from_offset), max(last, head.offset)
        return [(epoch, partition, *ends[epoch, partition]) for epoch, partition in sorted(ends)]

    def is_full(self, limits: Limits) -> bool:
        return len(self.lines) >= limits.rows or self.size >= limits.bytes

    def is_due(self, limits: Limits, now: float, *, is_behind: bool = False) -> bool:
        """Full, or old enough with something to commit (rows, or repeats that moved the position).

        Rows that are worth an insert make it old enough sooner. While more waits in the log, a batch may grow older: rows in small inserts cost ClickHouse twice the work, so
        cutting them by age would keep a late sink late, and its newest row waits for the log anyway.
        """
        age_s = limits.age_s
        if is_behind:
            age_s *= AGES_BEHIND
        elif len(self.lines) >= WORTH_ROWS:
            age_s *= WORTH_SHARE
        return self.is_full(limits) or (bool(self.marks) and now - self.born >= age_s)

    def inserts(self) -> Iterator[list[bytes]]:
        """The rows in pieces of at most 24 months (of events) and 24 days (of receipt, by which `landed` is kept):
        ClickHouse refuses an insert that touches more partitions of a table than it is allowed to.
        """
        places = [(head.month, head.day) for head in self.heads]
        pieces = list(_pieces(sorted(set(places))))
        if len(pieces) <= 1:
            yield self.lines
            return
        for piece in pieces:
            yield [line for line, place in zip(self.lines, places, strict=True) if place in piece]


def _pieces(places: list[tuple[str, str]]) -> Iterator[set[tuple[str, str]]]:
    piece: set[tuple[str, str]] = set()
    for place in places:
        grown = piece | {place}
        if len({month for month, _ in grown}) > MONTHS_MAX or len({day for _, day in grown}) > DAYS_MAX:
            yield piece
            grown = {place}
        piece = grown
    if piece:
        yield piece


Marks = Mapping[Any, tuple[int, Mark]]
