"""A chart as a file of its own: one SVG with its title, its axis and its colours in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from trailhouse.queries.dashboard.axis import Shape, marks_of, names_of
from trailhouse.queries.dashboard.figure import exact
from trailhouse.queries.dashboard.plot import BARS_MAX, ranks_of, shape_of
from trailhouse.queries.dashboard.series import Drawing
from trailhouse.queries.runner import Result

WIDTH: Final = 880
_HEAD, _PLOT, _FOOT, _EDGE, _ROW = 64, 260, 56, 56, 28
COLOURS: Final = ("#0d7d73", "#c2570c", "#5b5bd6", "#b02a6f", "#8a6d00", "#4d7389")
_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#586664}.title{font-size:16px;font-weight:600;fill:#16211f}"
    ".name{fill:#16211f}.mark{stroke:#e1e5e5}.zero{stroke:#d3d9d9}.line{fill:none;stroke-width:2;"
    "vector-effect:non-scaling-stroke;stroke-linejoin:round}.so-far.line{stroke-dasharray:2 5}"
    ".before{stroke:#8a9795;stroke-width:1.5}.was{stroke:#586664;stroke-width:2}.area{opacity:.1}"
    ".bar.so-far,.bar.cut{fill-opacity:.3}"
    + "".join(f".s{n}{{fill:{each}}}.line.s{n}{{fill:none;stroke:{each}}}" for n, each in enumerate(COLOURS))
)


def picture(result: Result, title: str, *, before: Result | None = None) -> str:
    """The SVG of an answer over dates or of names with figures; '' where nothing is drawn."""
    period = result.question.period
    under = f"{', '.join(result.question.orgs)} · {period.first} to {period.last} · {period.timezone}"
    if result.is_so_far:
        under += " · so far"
    shape = shape_of(result, before)
    if shape is not None:
        return plotted(title, under, shape)
    found = ranks_of(result)
    if found is None or not result.rows or result.report.chart not in {"bar", "pie"}:
        return ""
    texts, values, _, figure = found
    return listed(title, under, texts[:BARS_MAX], values[:BARS_MAX], unit=figure.unit)


def plotted(title: str, under: str, shape: Shape) -> str:
    """The SVG of lines or bars; `under` is the line below the title."""
    return _document(title, under, _HEAD + _PLOT + _FOOT, _plotted(shape))


def listed(title: str, under: str, names: Sequence[str], values: Sequence[float], *, unit: str) -> str:
    """The SVG of names with lying bars and their figures."""
    return _document(title, under, _HEAD + len(names) * _ROW + 16, _listed(names, values, unit))


def _document(title: str, under: str, height: int, body: Markup) -> str:
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" height="{}" role="img">'
            '<title>{}</title><style>{}</style><rect width="100%" height="100%" fill="#fff"/>'
            '<text class="title" x="16" y="26">{}</text><text x="16" y="46">{}</text>{}</svg>\n'
        ).format(WIDTH, height, WIDTH, height, title, _STYLE, title, under, body)
    )


def _plotted(shape: Shape) -> Markup:
    inner = WIDTH - _EDGE - 16
    return Markup(
        '<svg x="0" y="{}" width="{}" height="{}" overflow="visible">{}</svg>'
        '<svg x="{}" y="{}" width="{}" height="{}" overflow="visible">{}</svg>'
        '<svg x="{}" y="{}" width="{}" height="20" overflow="visible">{}</svg>{}'
    ).format(
        _HEAD, _EDGE - 8, _PLOT, marks_of(shape.axis),
        _EDGE, _HEAD, inner, _PLOT, shape.inner,
        _EDGE, _HEAD + _PLOT + 6, inner, names_of(shape.drawing, shape.places),
        _legend(shape.drawing),
    )  # fmt: skip


def _legend(drawing: Drawing) -> Markup:
    """Names of several series in a row below; how wide a letter is can only be guessed."""
    if len(drawing.series) < 2:
        return Markup()
    told, x = Markup(), _EDGE
    y = _HEAD + _PLOT + 36
    for number, each in enumerate(drawing.series):
        told += Markup('<rect class="s{}" x="{}" y="{}" width="10" height="10" rx="3"/>').format(number, x, y)
        told += Markup('<text x="{}" y="{}">{}</text>').format(x + 16, y + 9, each.name)
        x += 40 + 7 * len(each.name)
    return told


def _listed(names: Sequence[str], values: Sequence[float], unit: str) -> Markup:
    most, told = max([1e-9, *values]), Markup()
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        y = _HEAD + number * _ROW
        wide = max(0.0, value) / most * (WIDTH - 240)
        told += Markup(
            '<rect class="s0" fill-opacity="0.25" x="16" y="{}" width="{}" height="22" rx="3"/>'
        ).format(y, f"{wide:.1f}")
        told += Markup('<text class="name" x="24" y="{}">{}</text>').format(y + 15, name or "\N{EN DASH}")
        told += Markup('<text x="{}" y="{}" text-anchor="end">{} {}</text>').format(
            WIDTH - 16, y + 15, exact(value), escape(unit)
        )
    return told
