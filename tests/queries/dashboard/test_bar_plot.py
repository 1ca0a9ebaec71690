"""Bars, upright and lying."""

from __future__ import annotations

import re

from trailhouse.queries.dashboard.bar_plot import bar_plot, bar_rows
from trailhouse.queries.dashboard.series import Drawing, Series


def test_bars_stand_on_each_other_and_the_last_is_so_far() -> None:
    """Heights are shares of the axis; one that may still grow is another class."""
    series = (Series("a", (1, 2)), Series("b", (1, 2)))
    plot = bar_plot(Drawing(("Jan", "Feb"), series, states=("", "so far")), label="L")
    bars = re.findall(r'<rect class="([^"]+)"[^>]* y="([\d.]+)%" height="([\d.]+)%"', plot)
    assert bars == [
        ("bar s0", "75.00", "25.00"),
        ("bar s1", "50.00", "25.00"),
        ("bar s0 so-far", "50.00", "50.00"),
        ("bar s1 so-far", "0.00", "50.00"),
    ]


def test_nothing_has_no_bar() -> None:
    """0 is a label without a bar."""
    plot = bar_plot(Drawing(("Jan", "Feb"), (Series("a", (0, None)),)), label="L")
    assert "<rect" not in plot


def test_lying_bars_are_a_table() -> None:
    """The longest is whole; every figure is exact; names are text."""
    rows = bar_rows(["page:view", "<script>"], [2000, 500], head=("Action", "Events"))
    assert re.findall(r'width="([\d.]+)%"', rows) == ["100.00", "25.00"]
    assert "2,000" in rows
    assert "&lt;script&gt;" in rows
    assert "<script" not in rows
    assert rows.count('scope="row"') == 2
