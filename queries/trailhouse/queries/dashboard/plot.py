"""From a report's answer to what is drawn of it: the header's chart kind and the columns decide. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from trailhouse.queries.dashboard.axis import Shape, framed
from trailhouse.queries.dashboard.bar_plot import bar_rows, bar_shape
from trailhouse.queries.dashboard.figure import axis_days, day, is_change
from trailhouse.queries.dashboard.line_plot import line_shape
from trailhouse.queries.dashboard.pie_plot import OTHERS, pie_plot
from trailhouse.queries.dashboard.series import SERIES_MAX, Drawing, Series
from trailhouse.queries.finality import State
from trailhouse.queries.header import Column
from trailhouse.queries.runner import Result
from trailhouse.queries.value import Value

BARS_MAX: Final = 10
_NUMBERS: Final = frozenset({"integer", "number"})


def drawn(result: Result, before: Result | None = None) -> Markup:
    """The chart of an answer; '' for a single figure, a table, and what has nothing to draw."""
    if not result.rows or result.report.chart in {"number", "table"}:
        return Markup()
    shape = shape_of(result, before)
    if shape is not None:
        return framed(shape, label=spoken(result))
    columns = visible(result)
    if any(column.type == "date" for _, column in columns):
        return Markup()
    return _ranked(result, spoken(result))


def shape_of(result: Result, before: Result | None = None) -> Shape | None:
    """The lines or bars of figures over dates; None where there are none."""
    columns = visible(result)
    if not result.rows or not any(column.type == "date" for _, column in columns):
        return None
    drawing = drawing_of(result, before)
    if not drawing.series:
        return None
    # Bars of several series stand on each other, which parts of a whole may and columns of figures may not.
    has_parts = len(drawing.series) == 1 or any(column.type == "text" for _, column in columns)
    return (bar_shape if result.report.chart == "bar" and has_parts else line_shape)(drawing)


def ranks_of(result: Result) -> tuple[list[str], list[float], Column, Column] | None:
    """Names and their figures, with the columns of both; None where an answer has none."""
    columns = visible(result)
    names = [(index, column) for index, column in columns if column.type in {"text", "time"}]
    figures = [
        (index, column) for index, column in columns if column.type in _NUMBERS and column.unit != "place"
    ]
    if not names or not figures:
        return None
    (value_at, figure), (name_at, name) = figures[0], names[0]
    texts = [str(row[name_at] or "") for row in result.rows]
    return texts, [_number(row[value_at]) for row in result.rows], name, figure


def drawing_of(result: Result, before: Result | None = None) -> Drawing:
    """Figures over dates: each column of the first one's unit is a series, or each value of a text beside the date.

    `before` is the answer it is compared with, where there is a single series.
    """
    columns = visible(result)
    at, when = next((index, column) for index, column in columns if column.type == "date")
    figures = [
        (index, column) for index, column in columns if column.type in _NUMBERS and not is_change(column)
    ]
    if not figures:
        return Drawing((), ())
    texts = [index for index, column in columns if column.type == "text"]
    dates = sorted({row[at] for row in result.rows if isinstance(row[at], date)})  # type: ignore[type-var] # dates alone
    first = figures[0]
    if texts:
        series = _by_text(result.rows, at, texts[0], first[0], dates)
    else:
        of_unit = [each for each in figures if each[1].unit == first[1].unit][:SERIES_MAX]
        series = [
            Series(_words(column.name), _over(dates, {row[at]: row[index] for row in result.rows}))
            for index, column in of_unit
        ]
    was = drawing_of(before) if before is not None and len(series) == 1 else Drawing((), ())
    values = was.series[0].values if was.series else ()
    spare = len(dates) - len(values)
    return Drawing(
        before=(*values[: len(dates)], *[None] * spare) if values else (),
        before_labels=(*was.labels[: len(dates)], *[""] * spare) if values else (),
        days=tuple(each for each in dates if isinstance(each, date)),
        last=result.question.period.last,
        labels=tuple(day(each, unit=when.name) for each in dates if isinstance(each, date)),
        series=tuple(series),
        unit=first[1].unit,
        names=axis_days([each for each in dates if isinstance(each, date)], unit=when.name),
        states=_states(dates, at, result),
        is_whole=first[1].type == "integer",
    )


def visible(result: Result) -> list[tuple[int, Column]]:
    """The columns that people see, with their places in a row; of one organisation its name is not said again."""
    is_one_org = len(result.question.orgs) == 1
    return [
        (index, column)
        for index, column in enumerate(result.columns)
        if not (is_one_org and column.name in {"org", "all_orgs"})
    ]


def spoken(result: Result) -> str:
    """What is read aloud in place of a chart."""
    period = result.question.period
    return (
        f"{result.report.title}, {day(period.first)} to {day(period.last)}. "
        "Arrow keys read the values; the table below has all of them."
    )


def _ranked(result: Result, label: str) -> Markup:
    found = ranks_of(result)
    if found is None:
        return Markup()
    texts, values, name, figure = found
    if result.report.chart == "pie":
        return pie_plot(texts, values, unit=figure.unit, label=label)
    head = (_words(name.name).capitalize(), figure.unit.capitalize())
    return bar_rows(texts[:BARS_MAX], values[:BARS_MAX], head=head)


def _by_text(
    rows: Sequence[Sequence[Value]], at: int, text_at: int, value_at: int, dates: Sequence[Value]
) -> list[Series]:
    """A series for each of the largest, and one for all others together."""
    sums: dict[str, float] = {}
    for row in rows:
        name = str(row[text_at] or "")
        sums[name] = sums.get(name, 0.0) + _number(row[value_at])
    order = sorted(sums, key=lambda name: (-sums[name], name))
    kept = order if len(order) <= SERIES_MAX else order[: SERIES_MAX - 1]
    found: dict[str, dict[Value, float]] = {name: {} for name in kept}
    for row in rows:
        name = str(row[text_at] or "")
        each = found.setdefault(name if name in kept else OTHERS, {})
        each[row[at]] = each.get(row[at], 0.0) + _number(row[value_at])
    return [
        Series(name or "\N{EN DASH}", tuple(each.get(date_, 0.0) for date_ in dates))
        for name, each in found.items()
        if each
    ]


def _over(dates: Sequence[Value], values: dict[Value, Value]) -> tuple[float | None, ...]:
    return tuple(None if (value := values.get(each)) is None else _number(value) for each in dates)


def _states(dates: Sequence[Value], at: int, result: Result) -> tuple[str, ...]:
    """How each date's figures may still change, in words; '' = not any more."""
    if result.report.about is None:
        # Nobody knows how long each date's time is; the last one runs as long as the whole does.
        last = "" if result.state is State.FINAL else result.state.words
        return (*[""] * (len(dates) - 1), last)
    states = {row[at]: state for row, state in zip(result.rows, result.states, strict=True)}
    told = ["" if states[each] is State.FINAL else states[each].words for each in dates]
    first = result.question.period.first
    if len(told) > 1 and not told[0] and isinstance(dates[0], date) and dates[0] < first:
        # Less time than its neighbours stand for: a drop that is none.
        told[0] = f"from {day(first)} on"
    return tuple(told)


def _number(value: Value) -> float:
    return value if isinstance(value, int | float) else 0.0


def _words(name: str) -> str:
    return name.replace("_", " ")
