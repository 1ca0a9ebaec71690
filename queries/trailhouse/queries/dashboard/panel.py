"""A panel: its report asked and told, or why it could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from markupsafe import Markup

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard import figure
from trailhouse.queries.dashboard.address import LASTING
from trailhouse.queries.dashboard.cells import Table, spark_of, table_of
from trailhouse.queries.dashboard.cohort_plot import cohort_plot, is_cohorts
from trailhouse.queries.dashboard.comparison import OFF, PREVIOUS, compared
from trailhouse.queries.dashboard.page import Panel
from trailhouse.queries.dashboard.plot import drawing_of, drawn, visible
from trailhouse.queries.dashboard.series import Drawing
from trailhouse.queries.errors import QueryError
from trailhouse.queries.finality import State
from trailhouse.queries.header import Column
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.runner import Result, run
from trailhouse.sinks.clickhouse import Client

_NUMBERS: Final = frozenset({"integer", "number"})
#: Kinds that are figures on a card; they are compared with the time before unless something else is chosen.
CARDS: Final = frozenset({"number", "figures"})
#: Between the first and the last date of a time of one's own choice, in a page's address.
TO: Final = ".."


@dataclass(frozen=True, slots=True)
class View:
    """What a panel shows. Exactly one of `result` and `error` is there; `before` is what it is compared with."""

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
    def chosen(self) -> str:
        """The period or other choice that is shown, as the address names it."""
        if self.panel.by:
            return self.asked[self.panel.by]
        return self.asked.get("last") or f"{self.asked.get('since', '')}{TO}{self.asked.get('until', '')}"

    @property
    def kind(self) -> str:
        """How it is drawn.

        `number`, `figures` (a single row of nothing but figures), `chart`, `ranks` (bars that are a table themselves),
        `cohorts` or `table`.
        """
        return kind_of(self.report)

    @property
    def has_picture(self) -> bool:
        """Whether there is a chart to save."""
        return self.kind in {"chart", "ranks"} and self.result is not None and not self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show; rows without a figure, as of a log, are something."""
        if self.result is None:
            return False
        has_figures = any(column.type in _NUMBERS for column in self.result.columns)
        return not self.result.rows or (self.result.note is not None and has_figures)

    @property
    def why_empty(self) -> str:
        """In one sentence."""
        why = (self.result.note if self.result else None) or "nothing in this period"
        return why[0].upper() + why[1:]

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored of the organisation, rather than nothing in this period."""
        return self.is_empty and "stored" in self.why_empty

    @property
    def plot(self) -> Markup:
        if self.result is None:
            return Markup()
        if self.kind == "cohorts":
            return cohort_plot(self.result.columns, self.result.rows, caption=self.title)
        return drawn(self.result, self.before)

    @property
    def drawing(self) -> Drawing | None:
        """What the chart over dates draws, for its legend."""
        return drawing_of(self.result, self.before) if self.result and self.kind == "chart" else None

    @property
    def figure(self) -> Mapping[str, Any]:
        """The single figure of a card: short, exact, its unit, what stands beside it, its change from the time before."""
        if self.result is None or not self.result.rows:
            return {}
        index, column = next((each for each in visible(self.result) if each[1].type in _NUMBERS), (0, None))
        if column is None:
            return {}
        parts = [
            (other.name.replace("_", " "), figure.shown(other, self.result.rows[0][at]))
            for at, other in visible(self.result)
            if at != index
        ]
        told = self._told(index, column)
        return {**told, "parts": parts} if told else {}

    @property
    def figures(self) -> tuple[Mapping[str, Any], ...]:
        """Of a single row of figures each one, with its name and what it means."""
        if self.result is None or not self.result.rows:
            return ()
        return tuple(
            {
                **self._told(index, column),
                "name": column.name.replace("_", " "),
                "text": column.text,
                "is_now": column.is_now,
            }
            for index, column in visible(self.result)
            if column.type in _NUMBERS
        )

    @property
    def headline(self) -> Mapping[str, Any]:
        """Of months the newest one's figure, and how the last whole one differs from the one before it (P4, P11)."""
        drawing = self.drawing
        first = next(iter(drawing.series), None) if drawing is not None else None
        if self.result is None or drawing is None or first is None:
            return {}
        if self.result.report.explain.bucket != "month":
            return {}
        if len(drawing.series) > 1 and not self._is_running_total:
            return {}
        values = first.values
        newest = values[-1]
        if newest is None:
            return {}
        told: dict[str, Any] = {
            "short": figure.short(newest),
            "exact": figure.exact(newest),
            "unit": drawing.unit,
            "when": drawing.labels[-1],
            "so_far": drawing.states[-1] if drawing.states else "",
        }
        whole = len(values) - (1 if told["so_far"] else 0)
        if whole >= 2 and values[whole - 1] is not None and values[whole - 2] is not None:
            now, was = values[whole - 1] or 0.0, values[whole - 2] or 0.0
            told["change"] = figure.change(now, was, drawing.unit, is_better_low=self._is_better_low)
            told["of"] = (
                f"{drawing.labels[whole - 1]} ({figure.exact(now)}) against"
                f" {drawing.labels[whole - 2]} ({figure.exact(was)})"
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
        """`22 Aug 2026 \N{EN DASH} 21 Nov 2026 · so far`, or `as of now`; the page names the zone, once."""
        if self.result is None:
            return ""
        if is_of_now(self.report):
            return "as of now"
        state = self.result.state
        return " · ".join([_dates(self.result), *([] if state is State.FINAL else [state.words])])

    @property
    def compared_with(self) -> str:
        """The dates of the time before, where there is one."""
        return _dates(self.before) if self.before else ""

    @property
    def _is_better_low(self) -> bool:
        assert self.result is not None
        return next(
            (figure.is_better_low(each) for _, each in visible(self.result) if each.type in _NUMBERS), False
        )

    @property
    def _is_running_total(self) -> bool:
        # The first of several figures is the total the others add to.
        return self.report.columns[1].name == "as_of"

    def _told(self, index: int, column: Column) -> dict[str, Any]:
        assert self.result is not None
        value = self.result.rows[0][index]
        if not isinstance(value, int | float):
            return {}
        told: dict[str, Any] = {
            "short": figure.short(value),
            "exact": figure.exact(value),
            "unit": column.unit,
        }
        # What is of now is the same whatever period is asked about: there is nothing to compare.
        before = (
            self.before.rows[0][index] if self.before and self.before.rows and not column.is_now else None
        )
        if isinstance(before, int | float) and self.before is not None:
            most = max(value, before, 1e-9)
            told["change"] = figure.change(
                value, before, column.unit, is_better_low=figure.is_better_low(column)
            )
            period = self.before.question.period
            told["before"] = (
                f"{figure.exact(before)} from {figure.day(period.first)} to {figure.day(period.last)}"
            )
            told["both"] = [
                (figure.exact(each), _dates(result), max(0.0, each / most * 100))
                for each, result in ((value, self.result), (before, self.before))
            ]
        return told


def kind_of(report: Report) -> str:
    """How a report is drawn on a page; see `View.kind`."""
    columns = [column for column in report.columns if not column.is_hidden]
    if report.chart == "table":
        if is_cohorts(columns):
            return "cohorts"
        return "figures" if all(column.type in _NUMBERS for column in columns) else "table"
    if report.chart == "number":
        return "number"
    return "chart" if any(column.type == "date" for column in columns) else "ranks"


def may_compare(report: Report, *, is_one_org: bool) -> bool:
    """Whether another time can stand beside it: figures that a period changes, and a chart of a single line."""
    return not is_of_now(report) and (kind_of(report) in CARDS or is_one_line(report, is_one_org=is_one_org))


def is_of_now(report: Report) -> bool:
    """Whether the period changes none of its figures."""
    figures = [column for column in report.columns if column.type in _NUMBERS]
    return bool(figures) and all(column.is_now for column in figures)


def is_one_line(report: Report, *, is_one_org: bool) -> bool:
    """Whether it is a chart of one figure over dates; of one organisation its name makes no line."""
    beside = {"org", "all_orgs"} if is_one_org else set()
    columns = [column for column in report.columns if not column.is_hidden and column.name not in beside]
    figures = [column for column in columns if column.type in _NUMBERS and not figure.is_change(column)]
    return (
        kind_of(report) == "chart"
        and all(column.type != "text" for column in columns)
        and [column.unit for column in figures].count(figures[0].unit if figures else "") == 1
    )


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
        view = View(panel, report, asked, result)
        how = params.get("compare") or (PREVIOUS if view.kind in CARDS else OFF)
        is_comparable = may_compare(report, is_one_org=len(result.question.orgs) == 1)
        before = _before(client, result, caller, asked, how, now) if is_comparable and not panel.by else None
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
    if TO in period:
        since, _, until = period.partition(TO)
        return {**asked, **panel.params, "since": since, "until": until}
    return {**asked, **panel.params, "last": period}


def _dates(result: Result) -> str:
    """The days that count: of a report that finds them from the period, as `leaderboard` does, those it says itself."""
    named = {column.name: index for index, column in enumerate(result.columns)}
    first, last = result.question.period.first, result.question.period.last
    if result.rows and {"first_day", "last_day"} <= named.keys():
        told = [result.rows[0][named[name]] for name in ("first_day", "last_day")]
        first, last = (
            each if isinstance(each, date) else day for each, day in zip(told, (first, last), strict=True)
        )
    return f"{figure.day(first)} \N{EN DASH} {figure.day(last)}"


def _before(  # noqa: PLR0913, PLR0917 - each is part of the question
    client: Client, result: Result, caller: Caller, asked: Mapping[str, str], how: str, now: datetime
) -> Result | None:
    """The same of the time it is compared with; None for all time, which has none before it."""
    bounds = None if asked.get("last") == "all" else compared(result.question.period, how)
    if bounds is None:
        return None
    rest = {name: value for name, value in asked.items() if name not in {"last", "since", "until"}}
    times = {"since": bounds[0].isoformat(), "until": bounds[1].isoformat()}
    return run(client, result.report, caller, rest | times, now=now)
