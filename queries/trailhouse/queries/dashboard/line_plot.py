"""A line chart as SVG that fits any width: what runs lies in a stretched picture, words and points beside it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from trailhouse.queries.dashboard.axis import Shape, framed, grid
from trailhouse.queries.dashboard.scale import Scale, scale
from trailhouse.queries.dashboard.series import Drawing, Series, across

# More points than these would hide the line.
DOTS_MAX: Final = 40
Point = tuple[float, float]


def line_plot(drawing: Drawing, *, label: str) -> Markup:
    """Each series as a line, the part that may still grow dashed; a single series has its area filled."""
    return framed(line_shape(drawing), label=label)


def line_shape(drawing: Drawing) -> Shape:
    """The lines alone; what they are compared with lies behind them."""
    axis = scale(drawing.values, is_whole=drawing.is_whole)
    places = across(len(drawing.labels))
    lines, dots = Markup(), Markup()
    if drawing.before:
        for run in _runs(Series("before", drawing.before), axis, places):
            lines += Markup('<polyline class="line before" points="{}"/>').format(_text([p for _, p in run]))
    for number, each in enumerate(drawing.series):
        for run in _runs(each, axis, places):
            lines += _line(run, number, axis, drawing.so_far, len(places), is_alone=len(drawing.series) == 1)
            if len(places) <= DOTS_MAX or len(run) == 1:
                dots += _dots(run, number)
    picture = Markup(
        '<svg class="runs" viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">{}</svg>{}'
    ).format(lines, dots)
    return Shape(drawing, axis, places, grid(axis) + picture)


def _runs(series: Series, axis: Scale, places: Sequence[float]) -> list[list[tuple[int, Point]]]:
    """Stretches of the series without a gap, as points in per cent."""
    runs: list[list[tuple[int, Point]]] = [[]]
    for index, value in enumerate(series.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, (places[index], 100 - axis.height(value))))
    return [run for run in runs if run]


def _line(  # noqa: PLR0913 - what a line depends on
    run: list[tuple[int, Point]], number: int, axis: Scale, so_far: int, count: int, *, is_alone: bool
) -> Markup:
    done = [point for index, point in run if index < count - so_far]
    # The dashed part begins at the last point that is final.
    open_ = [*done[-1:], *(point for index, point in run if index >= count - so_far)] if so_far else []
    drawn = Markup()
    if is_alone and len(run) > 1:
        floor = 100 - axis.height(max(0.0, axis.low))
        points = (
            f"{run[0][1][0]:.2f},{floor:.2f} {_text([p for _, p in run])} {run[-1][1][0]:.2f},{floor:.2f}"
        )
        drawn += Markup('<polygon class="area s{}" points="{}"/>').format(number, points)
    if len(done) > 1:
        drawn += Markup('<polyline class="line s{}" points="{}"/>').format(number, _text(done))
    if len(open_) > 1:
        drawn += Markup('<polyline class="line so-far s{}" points="{}"/>').format(number, _text(open_))
    return drawn


def _dots(run: list[tuple[int, Point]], number: int) -> Markup:
    return Markup().join(
        Markup('<circle class="dot s{}" cx="{}%" cy="{}%" r="2.5"/>').format(number, f"{x:.2f}", f"{y:.2f}")
        for _, (x, y) in run
    )


def _text(points: list[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
