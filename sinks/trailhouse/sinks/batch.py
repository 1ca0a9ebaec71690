"""A batch: the rows of one insert-to-be, and the offsets that may be committed once they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trailhouse.sinks.marks import Mark

MONTHS_MAX: Final = 24


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due: rows, bytes or age, whichever comes first."""

    rows: int
    bytes: int
    age_s: float


@dataclass(slots=True)
class Batch:
    """Rows gathered under one assignment (`generation`); stale once the assignment changed."""

    generation: int
    born: float
    lines: list[bytes] = field(default_factory=list)
    months: list[str] = field(default_factory=list)
    marks: dict[Any, tuple[int, Mark]] = field(default_factory=dict)
    size: int = 0

    def add(self, line: bytes, month: str) -> None:
        self.lines.append(line)
        self.months.append(month)
        self.size += len(line)

    def is_full(self, limits: Limits) -> bool:
        return len(self.lines) >= limits.rows or self.size >= limits.bytes

    def is_due(self, limits: Limits, now: float) -> bool:
        """Full, or old enough with something to commit (rows, or repeats that moved the position)."""
        return self.is_full(limits) or (bool(self.marks) and now - self.born >= limits.age_s)

    def inserts(self) -> Iterator[list[bytes]]:
        """The rows in pieces of at most 24 month partitions: ClickHouse refuses an insert that touches too many."""
        months = sorted(set(self.months))
        if len(months) <= MONTHS_MAX:
            yield self.lines
            return
        for start in range(0, len(months), MONTHS_MAX):
            piece = set(months[start : start + MONTHS_MAX])
            yield [line for line, month in zip(self.lines, self.months, strict=True) if month in piece]


Marks = Mapping[Any, tuple[int, Mark]]
