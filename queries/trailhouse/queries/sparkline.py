"""A series as one line of blocks, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from trailhouse.queries.runner import Result
from trailhouse.queries.value import Row

BLOCKS: Final = "▁▂▃▄▅▆▇█"
WIDTH: Final = 60


def sparkline(values: Sequence[float | None]) -> str:
    """A block for each value, from 0 (or the least, if negative) to the greatest; ` ` for None.

    Of more than `WIDTH` values neighbours share a block, which shows the greatest of them.
    """
    size = -(-len(values) // WIDTH) or 1
    groups = [values[start : start + size] for start in range(0, len(values), size)]
    points = [max((value for value in group if value is not None), default=None) for group in groups]
    known = [point for point in points if point is not None]
    low, high = min([0, *known]), max([0, *known])
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if point is None else BLOCKS[round((point - low) * scale)] for point in points)


def series_of(result: Result) -> tuple[str, list[float | None]] | None:
    """The column that a line or bar chart over time draws, and its values; None where the report has no such series."""
    columns = result.columns
    if result.report.chart not in {"line", "bar"} or columns[0].type not in {"date", "time"}:
        return None
    days = [row[0] for row in result.rows]
    if len(days) < 2 or len(set(days)) < len(days):
        return None
    numbers = [at for at, each in enumerate(columns) if each.type in {"integer", "number"}]
    wanted = [at for at in numbers if columns[at].name == result.report.explain.column] or numbers
    if not wanted:
        return None
    return columns[wanted[0]].name, [_number(row, wanted[0]) for row in result.rows]


def _number(row: Row, at: int) -> float | None:
    value = row[at]
    return None if value is None or isinstance(value, str | date) else value
