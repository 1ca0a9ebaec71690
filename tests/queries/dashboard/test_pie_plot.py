"""Rings."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.dashboard.pie_plot import OTHERS, largest, percent, pie_plot
from trailhouse.queries.dashboard.series import SERIES_MAX


@given(st.lists(st.integers(-3, 10_000), max_size=30))
def test_the_parts_are_the_whole(values: list[int]) -> None:
    """Nothing that counts is left out, largest first, and there are colours for all."""
    parts = largest([str(number) for number in range(len(values))], values)
    assert sum(value for _, value in parts) == sum(value for value in values if value > 0)
    assert len(parts) <= SERIES_MAX
    own = [value for name, value in parts if name != OTHERS]
    assert own == sorted(own, reverse=True)


def test_slices_names_and_shares() -> None:
    """Each part stands beside its figure and share; the whole in the middle."""
    pie = pie_plot(["service", "<i>"], [3000, 1000], unit="entities", label="Entities by blueprint")
    assert re.findall(r'<td class="number share">([^<]+)', pie) == ["75\u202f%", "25\u202f%"]
    assert 'class="total" x="60" y="60" text-anchor="middle">4k<' in pie
    assert "<i>" not in pie.replace('<i class="swatch', "")
    lengths = [float(each) for each in re.findall(r'stroke-dasharray="([\d.]+)', pie)]
    assert abs(lengths[0] - 3 * lengths[1]) < 3


def test_small_parts_are_not_nothing() -> None:
    """0 % would say that there is none."""
    assert [percent(each) for each in (0, 0.001, 0.5, 1)] == [
        "0\u202f%",
        "<1\u202f%",
        "50\u202f%",
        "100\u202f%",
    ]
