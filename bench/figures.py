"""From runs to figures: medians with their spread, and ratios between contenders of the same table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """Median of the valid runs, the smallest and the largest; `runs` 0 = every run was void."""

    median: float
    low: float
    high: float
    runs: int

    @property
    def spread(self) -> str:
        return f"{self.low:,.0f}-{self.high:,.0f}" if self.runs > 1 else ""


def figure(rows: Sequence[Mapping[str, Any]], contender: str, key: str) -> Figure:
    """`key` may be a path such as `cpu_s_per_million.sink`."""
    values = [
        value
        for row in rows
        if row["contender"] == contender and is_valid(row) and (value := _value(row, key)) is not None
    ]
    if not values:
        return Figure(0.0, 0.0, 0.0, 0)
    return Figure(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; of fewer than twenty, 0.95 is the largest.

    Raises `ValueError` without values.
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]


def is_valid(row: Mapping[str, Any]) -> bool:
    """Whether the run found what it had to, and its contender could be installed at all."""
    return "void" not in row and "missing" not in row


def ratio(rows: Sequence[Mapping[str, Any]], ours: str, other: str, key: str = "rate") -> float | None:
    """Ours over the other's, median by median; None when either has no valid run."""
    above, below = figure(rows, ours, key), figure(rows, other, key)
    return above.median / below.median if above.runs and below.runs and below.median else None


def contenders(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """In order of appearance."""
    return list(dict.fromkeys(str(row["contender"]) for row in rows))


def _value(row: Mapping[str, Any], key: str) -> float | None:
    """None where the row has no such figure, as rows of an older form of the benchmark."""
    value: Any = row
    for part in key.split("."):
        if part not in value:
            return None
        value = value[part]
    return float(value)
