"""Sparklines."""

from __future__ import annotations

import re

from trailhouse.queries.dashboard.sparkline import sparkline


def test_it_goes_from_left_to_right_and_up_is_up() -> None:
    """The largest value is at the top."""
    drawn = sparkline([0, 5, 10], label="Users & co")
    (points,) = re.findall(r'<polyline class="line" points="([^"]+)"', drawn)
    places = [tuple(map(float, each.split(","))) for each in points.split()]
    assert [x for x, _ in places] == [0, 50, 100]
    assert places[0][1] > places[1][1] > places[2][1]
    assert 'aria-label="Users &amp; co"' in drawn


def test_one_value_is_no_line() -> None:
    """It would show nothing."""
    assert sparkline([3], label="x") == ""
