"""What every chart with axes has around it: marks, lines across, names below, and what the script reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from trailhouse.queries.dashboard.figure import short
from trailhouse.queries.dashboard.scale import Scale, named
from trailhouse.queries.dashboard.series import Drawing

NAMES_MAX: Final = 7


@dataclass(frozen=True, slots=True)
class Shape:
    """A chart before anything is around it: `inner` is SVG, whose lengths are shares of where it is put."""

    drawing: Drawing
    axis: Scale
    places: Sequence[float]
    inner: Markup


def grid(axis: Scale) -> Markup:
    """A line across at each mark."""
    return Markup().join(
        Markup('<line class="{}" x1="0" x2="100%" y1="{}%" y2="{}%"/>').format(
            "zero" if mark == 0 else "mark",
            f"{100 - axis.height(mark):.2f}",
            f"{100 - axis.height(mark):.2f}",
        )
        for mark in axis.marks
    )


def framed(shape: Shape, *, label: str) -> Markup:
    """The whole chart; it takes the keyboard's focus, and the script says its values."""
    return Markup(
        '<div class="plot" tabindex="0" role="img" aria-label="{}" data-plot="{}" data-places="{}">'
        '<svg class="marks" aria-hidden="true">{}</svg>'
        '<svg class="canvas" aria-hidden="true">{}</svg>'
        '<svg class="names" aria-hidden="true">{}</svg></div>'
    ).format(
        label,
        shape.drawing.to_json(),
        " ".join(f"{each:.2f}" for each in shape.places),
        marks_of(shape.axis),
        shape.inner,
        names_of(shape.drawing, shape.places),
    )


def marks_of(axis: Scale) -> Markup:
    """The figures beside the lines across."""
    return Markup().join(
        Markup('<text x="100%" y="{}%" dy="0.32em" text-anchor="end">{}</text>').format(
            f"{100 - axis.height(mark):.2f}", short(mark)
        )
        for mark in axis.marks
    )


def names_of(drawing: Drawing, places: Sequence[float]) -> Markup:
    """The dates below, as many as there is room for; every other one goes where it is narrow."""
    return Markup().join(
        Markup('<text x="{}%" y="1em" text-anchor="{}"{}>{}</text>').format(
            f"{places[index]:.2f}",
            _anchor(places[index]),
            Markup(' class="odd"') if order % 2 else Markup(),
            (drawing.names or drawing.labels)[index],
        )
        for order, index in enumerate(named(len(drawing.labels), NAMES_MAX))
    )


def _anchor(place: float) -> str:
    return "start" if place < 6 else "end" if place > 94 else "middle"
