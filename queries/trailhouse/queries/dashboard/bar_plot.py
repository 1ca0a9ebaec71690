"""Bars: upright over dates, and lying beside the names they belong to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from trailhouse.queries.dashboard.axis import Shape, framed, grid
from trailhouse.queries.dashboard.figure import exact
from trailhouse.queries.dashboard.scale import scale
from trailhouse.queries.dashboard.series import Drawing


def bar_plot(drawing: Drawing, *, label: str) -> Markup:
    """Upright bars, those of several series on top of each other; those that may still grow are only outlined."""
    return framed(bar_shape(drawing), label=label)


def bar_shape(drawing: Drawing) -> Shape:
    """The bars alone; what they are compared with is a stroke across each."""
    count = len(drawing.labels)
    sums = [
        sum(each.values[index] or 0 for each in drawing.series if (each.values[index] or 0) > 0)
        for index in range(count)
    ]
    axis = scale([*sums, *drawing.values], is_whole=drawing.is_whole)
    slot = 100 / count
    bars = Markup()
    for index in range(count):
        base = 0.0
        so_far = " so-far" if index >= count - drawing.so_far else " cut" if _is_cut(drawing, index) else ""
        for number, each in enumerate(drawing.series):
            value = each.values[index] or 0
            low, high = (base, base + value) if value >= 0 else (value, 0.0)
            if value:
                bars += Markup(
                    '<rect class="bar s{}{}" x="{}%" width="{}%" y="{}%" height="{}%" rx="2"/>'
                ).format(
                    number,
                    so_far,
                    f"{index * slot + slot * 0.14:.2f}",
                    f"{slot * 0.72:.2f}",
                    f"{100 - axis.height(high):.2f}",
                    f"{axis.height(high) - axis.height(low):.2f}",
                )
            base += max(0, value)
        was = drawing.before[index] if drawing.before else None
        if was is not None:
            bars += Markup('<line class="was" x1="{}%" x2="{}%" y1="{}%" y2="{}%"/>').format(
                f"{index * slot + slot * 0.06:.2f}",
                f"{(index + 1) * slot - slot * 0.06:.2f}",
                *[f"{100 - axis.height(was):.2f}"] * 2,
            )
    places = [(index + 0.5) * slot for index in range(count)]
    return Shape(drawing, axis, places, grid(axis) + bars)


def _is_cut(drawing: Drawing, index: int) -> bool:
    """Whether the bar stands for less time than its neighbours, because the period begins in the middle of it."""
    return index == 0 and bool(drawing.states) and drawing.states[0].startswith("from ")


def bar_rows(names: Sequence[str], values: Sequence[float], *, head: tuple[str, str]) -> Markup:
    """Lying bars as the rows of a table, the longest as wide as there is room; each has its name and exact figure."""
    most = max([1e-9, *values])
    rows = Markup().join(
        Markup(
            '<tr><th scope="row"><svg aria-hidden="true"><rect class="bar s0" width="{}%" height="100%" rx="3"/></svg>'
            '<span title="{}">{}</span></th><td class="number">{}</td></tr>'
        ).format(f"{max(0.0, value) / most * 100:.2f}", name, name or "\N{EN DASH}", exact(value))
        for name, value in zip(names, values, strict=True)
    )
    return Markup(
        '<table class="bars"><thead><tr><th scope="col">{}</th><th scope="col" class="number">{}</th></tr></thead>'
        "<tbody>{}</tbody></table>"
    ).format(*head, rows)
