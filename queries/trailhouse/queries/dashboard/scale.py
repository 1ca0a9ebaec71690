"""Axes: round numbers to mark, and which of many dates to name. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MARKS: Final = 4
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A vertical axis from `low` to `high`, marked at `marks`, the lowest first; `low` < `high`."""

    low: float
    high: float
    marks: tuple[float, ...]

    def height(self, value: float) -> float:
        """How far up a value lies, in per cent of the axis."""
        return (value - self.low) / (self.high - self.low) * 100


def scale(values: list[float], *, is_whole: bool = True) -> Scale:
    """The axis for these values: it holds 0, ends at round numbers, and marks whole ones where all values are."""
    top, bottom = max([0.0, *values]), min([0.0, *values])
    if top == bottom:
        top = 1.0
    step = _step((top - bottom) / MARKS, is_whole=is_whole)
    first, last = math.floor(bottom / step), math.ceil(top / step)
    return Scale(first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def named(count: int, most: int) -> list[int]:
    """Which of `count` places along an axis are named: `most` of them or fewer, evenly apart, the first among them."""
    if count <= 0:
        return []
    apart = max(1, math.ceil(count / most))
    return list(range(0, count, apart))


def _step(least: float, *, is_whole: bool) -> float:
    size = 10.0 ** math.floor(math.log10(least))
    found = next(size * each for each in _STEPS if size * each >= least * 0.999_999)
    return max(1.0, float(math.ceil(found))) if is_whole else found
