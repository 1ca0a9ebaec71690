"""A ring: the parts of a whole, each beside its name, figure and share. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from trailhouse.queries.dashboard.figure import exact, short
from trailhouse.queries.dashboard.series import SERIES_MAX

OTHERS: Final = "others"
_RADIUS: Final = 42.0
_AROUND: Final = 2 * math.pi * _RADIUS


def pie_plot(names: Sequence[str], values: Sequence[float], *, unit: str, label: str) -> Markup:
    """The largest parts as slices and the rest together; shares are of all that is given. Negative parts are none."""
    parts = largest(names, values)
    whole = sum(value for _, value in parts)
    slices, rows, start = Markup(), Markup(), 0.0
    for number, (name, value) in enumerate(parts):
        share = value / whole if whole else 0.0
        # A ring's slice is a dash of a circle's line; a hair's breadth between two keeps them apart.
        length = max(0.0, share * _AROUND - (1.2 if len(parts) > 1 else 0.0))
        slices += Markup(
            '<circle class="slice s{}" cx="60" cy="60" r="{}" stroke-dasharray="{} {}" stroke-dashoffset="{}">'
            "<title>{}: {} {}, {}</title></circle>"
        ).format(
            number, _RADIUS, f"{length:.2f}", f"{_AROUND - length:.2f}", f"{-start * _AROUND:.2f}",
            name, exact(value), unit, percent(share),
        )  # fmt: skip
        rows += Markup(
            '<tr><th scope="row"><i class="swatch s{}"></i><span title="{}">{}</span></th>'
            '<td class="number">{}</td><td class="number share">{}</td></tr>'
        ).format(number, name, name or "\N{EN DASH}", exact(value), percent(share))
        start += share
    return Markup(
        '<div class="pie"><svg viewBox="0 0 120 120" role="img" aria-label="{}">'
        '<g transform="rotate(-90 60 60)">{}</g><text class="total" x="60" y="60" text-anchor="middle">{}</text>'
        '<text class="unit" x="60" y="76" text-anchor="middle">{}</text></svg>'
        "<table><tbody>{}</tbody></table></div>"
    ).format(label, slices, short(whole), unit, rows)


def largest(names: Sequence[str], values: Sequence[float]) -> list[tuple[str, float]]:
    """The largest parts, largest first, and what is left as one more where there are too many for the colours."""
    parts = sorted(
        ((name, value) for name, value in zip(names, values, strict=True) if value > 0),
        key=lambda part: -part[1],
    )
    if len(parts) <= SERIES_MAX:
        return parts
    kept = parts[: SERIES_MAX - 1]
    return [*kept, (OTHERS, sum(value for _, value in parts[SERIES_MAX - 1 :]))]


def percent(share: float) -> str:
    """`12 %`; below one `<1 %`, so that a part that is there is never 0."""
    if 0 < share < 0.01:
        return "<1\N{NARROW NO-BREAK SPACE}%"
    return f"{share * 100:.0f}\N{NARROW NO-BREAK SPACE}%"
