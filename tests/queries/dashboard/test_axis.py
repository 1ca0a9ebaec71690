"""What stands around a chart."""

from __future__ import annotations

import re

from markupsafe import Markup

from trailhouse.queries.dashboard.axis import Shape, framed, grid
from trailhouse.queries.dashboard.scale import scale
from trailhouse.queries.dashboard.series import Drawing, Series, across


def test_marks_and_names() -> None:
    """Short figures at the side, few names below, those in between left out where it is narrow."""
    axis = scale([3_900.0])
    count = 30
    labels = tuple(f"{number} Mar 2026" for number in range(1, count + 1))
    names = tuple(f"{number} Mar" for number in range(1, count + 1))
    drawing = Drawing(labels, (Series("n", (1.0,) * count),), names=names)
    plot = framed(Shape(drawing, axis, across(count), Markup("<g/>")), label="L")
    assert re.findall(r"<text[^>]*>([^<]+)</text>", plot)[:5] == ["0", "1k", "2k", "3k", "4k"]
    assert re.findall(r">(\d+ Mar)<", plot) == ["1 Mar", "6 Mar", "11 Mar", "16 Mar", "21 Mar", "26 Mar"]
    assert plot.count('class="odd"') == 3
    assert grid(axis).count("<line") == 5
    assert grid(axis).count('class="zero"') == 1
