"""A line without axes, as small as a word: which way a figure went. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from trailhouse.queries.dashboard.scale import scale


def sparkline(values: Sequence[float], *, label: str) -> Markup:
    """The values from left to right as an SVG; '' where there are fewer than two. `label` is read aloud."""
    if len(values) < 2:
        return Markup()
    axis = scale(list(values), is_whole=False)
    places = [
        (index / (len(values) - 1) * 100, 30 - axis.height(value) * 0.28)
        for index, value in enumerate(values)
    ]
    line = " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
    return Markup(
        '<svg class="spark" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polygon class="area" points="0,32 {} 100,32"/><polyline class="line" points="{}"/></svg>'
    ).format(label, line, line)
