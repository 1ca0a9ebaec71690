"""A panel: its report asked and told, or why it could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard import figure
from trailhouse.queries.dashboard.address import LASTING, ROOT
from trailhouse.queries.dashboard.page import Panel
from trailhouse.queries.dashboard.plot import drawing_of, drawn, visible
from trailhouse.queries.dashboard.series import Drawing
from trailhouse.queries.dashboard.sparkline import sparkline
from trailhouse.queries.errors import QueryError
from trailhouse.queries.explain import link_of
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.runner import Result, run
from trailhouse.sinks.clickhouse import Client

# A page is for looking; the file has every row.
ROWS_MAX: Final = 100
ROWS_AT_FIRST: Final = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: what is shown, what is told on hover, and whether it is a number."""

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


@dataclass(frozen=True, slots=True)
class View:
    """What a panel shows. Exactly one of `result` and `error` is there."""

    panel: Panel
    report: Report
    asked: Mapping[str, str]
    result: Result | None = None
    before: Result | None = None
    error: QueryError | None = None

    @property
    def title(self) -> str:
        return self.panel.title or self.report.title

    @property
    def kind(self) -> str:
        """How it is drawn: `number`, `chart`, `ranks` (bars that are a table themselves) or `table`."""
        if self.report.chart in {"number", "table"}:
            return self.report.chart
        return "chart" if any(column.type == "date" for column in self.report.columns) else "ranks"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show; rows without a figure, as of a log, are something."""
        if self.result is None:
            return False
        has_figures = any(column.type in {"integer", "number"} for column in self.result.columns)
        return not self.result.rows or (self.result.note is not None and has_figures)

    @property
    def why_empty(self) -> str:
        """In one sentence."""
        return (self.result.note if self.result else None) or "nothing in this period"

    @property
    def plot(self) -> Markup:
        return drawn(self.result) if self.result else Markup()

    @property
    def drawing(self) -> Drawing | None:
        """What the chart over dates draws, for its legend."""
        return drawing_of(self.result) if self.result and self.kind == "chart" else None

    @property
    def figure(self) -> Mapping[str, Any]:
        """The single figure of a card: short, exact, its unit, what stands beside it, its change from the period as long before."""
        if self.result is None or not self.result.rows:
            return {}
        index, column = next(
            (each for each in visible(self.result) if each[1].type in {"integer", "number"}), (0, None)
        )
        value = self.result.rows[0][index]
        if column is None or not isinstance(value, int | float):
            return {}
        told: dict[str, Any] = {
            "short": figure.short(value),
            "exact": figure.exact(value),
            "unit": column.unit,
            "parts": [
                (other.name.replace("_", " "), figure.shown(other, self.result.rows[0][at]))
                for at, other in visible(self.result)
                if at != index
            ],
        }
        before = self.before.rows[0][index] if self.before and self.before.rows else None
        if isinstance(before, int | float) and self.before is not None:
            period = self.before.question.period
            told["change"] = figure.change(value, before, column.unit)
            told["before"] = (
                f"{figure.exact(before)} from {figure.day(period.first)} to {figure.day(period.last)}"
            )
        return told

    @property
    def table(self) -> Table:
        return table_of(self.result, whole=self.kind == "table") if self.result else Table((), (), 0)

    @property
    def spark(self) -> Markup:
        """For a table over dates: its first figure as a small line."""
        return spark_of(self.result) if self.result else Markup()

    @property
    def period(self) -> str:
        """`22 Aug 2026 to 21 Nov 2026 · so far · UTC`."""
        if self.result is None:
            return ""
        period = self.result.question.period
        so_far = ["so far"] if self.result.is_so_far else []
        dates = f"{figure.day(period.first)} \N{EN DASH} {figure.day(period.last)}"
        return " · ".join([dates, *so_far, period.timezone])


def ask_panel(  # noqa: PLR0913 - each is part of the question
    client: Client,
    panel: Panel,
    report: Report,
    caller: Caller,
    params: Mapping[str, str],
    *,
    now: datetime,
) -> View:
    """Ask the panel's report with a page's parameters; a failure is the panel's alone and told in it."""
    asked = asked_with(panel, report, params)
    try:
        result = run(client, report, caller, asked, now=now)
        before = _before(client, result, caller, asked, now) if report.chart == "number" else None
    except QueryError as error:
        return View(panel, report, asked, error=error)
    return View(panel, report, asked, result, before)


def asked_with(panel: Panel, report: Report, params: Mapping[str, str]) -> dict[str, str]:
    """The report's parameters: organisation and zone of the page, the panel's period, what the panel itself sets."""
    asked = {name: params[name] for name in LASTING if params.get(name)}
    if "semantics" in ASKED and panel.semantics in report.semantics:
        asked["semantics"] = panel.semantics
    if panel.by:
        chosen = params.get(panel.key) or next(iter(panel.periods))
        return {**asked, **panel.params, panel.by: chosen, "last": panel.period(report)}
    period = params.get(panel.key) or params.get("last") or panel.period(report)
    return {**asked, **panel.params, "last": period}


def table_of(result: Result, *, whole: bool = False) -> Table:
    """The rows as cells, as far as a page shows them."""
    columns = visible(result)
    most = ROWS_MAX if whole else max(ROWS_MAX, 400)
    heads = tuple(
        (column.name.replace("_", " "), column.text, column.type in {"integer", "number"})
        for _, column in columns
    )
    rows = tuple(tuple(_cell(column, row[index]) for index, column in columns) for row in result.rows[:most])
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


def _cell(column: Any, value: Any) -> Cell:
    direction = ""
    if figure.is_change(column) and isinstance(value, int | float) and value:
        direction = "up" if value > 0 else "down"
    return Cell(
        figure.shown(column, value),
        is_number=column.type in {"integer", "number"},
        is_name=column.name in {"user", "who", "person"},
        is_time=column.type in {"time", "date"},
        direction=direction,
    )


def _before(
    client: Client, result: Result, caller: Caller, asked: Mapping[str, str], now: datetime
) -> Result | None:
    """The same of the period as long before; None for all time, which has none before it."""
    if asked.get("last") == "all":
        return None
    period = result.question.period
    count = (period.last - period.first).days + 1
    first, last = period.first - timedelta(days=count), period.first - timedelta(days=1)
    bounds = {"since": first.isoformat(), "until": last.isoformat()}
    rest = {name: value for name, value in asked.items() if name != "last"}
    return run(client, result.report, caller, rest | bounds, now=now)
