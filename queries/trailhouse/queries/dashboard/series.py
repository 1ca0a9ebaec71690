"""What a chart draws: names along an axis, and a series of figures for each thing that is compared. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any, Final

import orjson

from trailhouse.queries.dashboard.figure import exact

# Colours that can still be told apart; further series are in the table.
SERIES_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class Series:
    """One thing's figures, one for each label; None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. `names` are the labels as short as an axis has room for; `states` say of
    each label how its figures may still change, '' = not any more; `unit` is said with values. `before` is what the only
    series is compared with, place by place, and `before_labels` say which date each of it is of. `days` are the first dates of the labels, `last` the last date of all.
    """

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    names: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    is_whole: bool = True
    before: tuple[float | None, ...] = ()
    before_labels: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    last: date | None = None

    @property
    def so_far(self) -> int:
        """How many labels at the end have figures that may still change."""
        final = [index for index, state in enumerate(self.states) if not state]
        return len(self.states) - (final[-1] + 1 if final else 0)

    @property
    def values(self) -> list[float]:
        """All figures there are."""
        found = [value for each in self.series for value in each.values if value is not None]
        return found + [value for value in self.before if value is not None]

    def to_json(self) -> str:
        """For the script: labels, and each series with its figures as they are read."""
        told: dict[str, Any] = {
            "labels": [
                f"{label} ({state})" if state else label
                for label, state in zip_longest(self.labels, self.states, fillvalue="")
            ],
            "unit": self.unit,
            "series": [
                {"name": each.name, "values": [None if v is None else exact(v) for v in each.values]}
                for each in self.series
            ],
        }
        if self.days:
            told["days"] = [
                each.isoformat() for each in (*self.days, *[self.last] * (self.last is not None)) if each
            ]
        if self.before:
            told["before"] = [
                None if value is None else f"{exact(value)} ({label})"
                for value, label in zip(self.before, self.before_labels, strict=True)
            ]
        return orjson.dumps(told).decode()


def across(count: int) -> Sequence[float]:
    """Where `count` points lie from left to right, in per cent: the first at the left edge, the last at the right."""
    return [50.0] if count == 1 else [index / (count - 1) * 100 for index in range(count)]
