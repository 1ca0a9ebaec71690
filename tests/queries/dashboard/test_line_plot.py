"""Line charts."""

from __future__ import annotations

import re

from trailhouse.queries.dashboard.line_plot import line_plot
from trailhouse.queries.dashboard.series import Drawing, Series

LABELS = ("1 Mar", "2 Mar", "3 Mar", "4 Mar")


def test_what_is_so_far_is_dashed_from_the_last_final_point() -> None:
    """The line is one, and its last part another (design rule 9)."""
    plot = line_plot(
        Drawing(LABELS, (Series("users", (0, 4, 8, 2)),), states=("", "", "", "so far")), label="Users"
    )
    lines = dict(re.findall(r'<polyline class="([^"]+)" points="([^"]+)"', plot))
    assert lines["line s0"] == "0.00,100.00 33.33,50.00 66.67,0.00"
    assert lines["line so-far s0"] == "66.67,0.00 100.00,75.00"
    assert plot.count("<circle") == 4


def test_gaps_are_not_drawn_over_and_names_are_escaped() -> None:
    """A missing figure is no 0; what stands in data is text."""
    plot = line_plot(
        Drawing(LABELS, (Series("<b>&", (1, None, 3, 4)), Series("b", (1, 1, 1, 1)))), label='"x"'
    )
    assert re.findall(r'class="line s0" points="([^"]+)"', plot) == ["66.67,25.00 100.00,0.00"]
    assert "<b>" not in plot
    assert 'aria-label="&#34;x&#34;"' in plot
    assert "style=" not in plot
    assert "area" not in plot  # of several, areas would hide each other


def test_it_takes_the_focus() -> None:
    """So that arrow keys can read it (design rule 14)."""
    assert 'tabindex="0"' in line_plot(Drawing(("a",), (Series("n", (1,)),)), label="l")
