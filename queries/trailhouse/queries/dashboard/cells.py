"""Rows of an answer as the cells of a table, and where the events behind each are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from trailhouse.queries.dashboard import figure
from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.plot import drawing_of, visible
from trailhouse.queries.dashboard.sparkline import sparkline
from trailhouse.queries.explain import link_of
from trailhouse.queries.runner import Result

# A page is for looking; the file has every row.
ROWS_MAX: Final = 100
#: Of a chart's table, so that every point of it is there.
POINTS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `direction` of a change is `up` for the better and `down` for the worse, its sign is in the text."""

    text: str
    is_number: bool = False
    is_name: bool = False
    is_time: bool = False
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of an answer as cells; `left_out` counts those that are in the file alone.

    `behind` = where the events behind each row are, '' = nowhere.
    """

    heads: tuple[tuple[str, str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int
    behind: tuple[str, ...] = ()


def table_of(result: Result, *, whole: bool = False) -> Table:
    """The rows as cells, as far as a page shows them; a `whole` table is the panel itself, any other stands under a chart."""
    columns = visible(result)
    most = ROWS_MAX if whole else POINTS_MAX
    heads = tuple(
        (column.name.replace("_", " "), column.text, column.type in {"integer", "number"})
        for _, column in columns
    )
    rows = tuple(
        tuple(cell_of(column, row[index]) for index, column in columns) for row in result.rows[:most]
    )
    behind = tuple(behind_row(result, number) for number in range(len(rows)))
    return Table(heads, rows, max(0, len(result.rows) - most), behind)


def behind_row(result: Result, number: int) -> str:
    """The page with the events behind a row; '' where the row has no value that names them."""
    address = link_of(result.question, result.values(number))
    name = result.report.name
    return address.replace(f"/api/v1/reports/{name}/explain", f"{ROOT}explain/{name}") if address else ""


def spark_of(result: Result) -> Markup:
    """The first series over dates as a small line; '' where there is none."""
    is_over_dates = result.columns[0].type == "date" and len({row[0] for row in result.rows}) == len(
        result.rows
    )
    if not result.rows or not is_over_dates:
        return Markup()
    drawing = drawing_of(result)
    values = [value for value in drawing.series[0].values if value is not None] if drawing.series else []
    return sparkline(values, label=f"{result.report.title}: trend")


def cell_of(column: Any, value: Any) -> Cell:
    """One value as its column is shown."""
    direction = ""
    if figure.is_change(column) and isinstance(value, int | float) and value:
        direction = "up" if (value > 0) is not figure.is_better_low(column) else "down"
    return Cell(
        figure.shown(column, value),
        is_number=column.type in {"integer", "number"},
        is_name=column.name in {"user", "who", "person"},
        is_time=column.type in {"time", "date"},
        direction=direction,
    )
