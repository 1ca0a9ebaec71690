"""Axes: they hold every value, and their marks are round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.dashboard.scale import named, scale


@given(st.lists(st.integers(-(10**9), 10**12), max_size=20))
def test_an_axis_holds_zero_and_every_value(values: list[int]) -> None:
    """Few marks, whole and evenly apart, around all values."""
    axis = scale([float(each) for each in values])
    assert axis.low <= min([0, *values]) <= max([0, *values]) <= axis.high
    assert axis.low < axis.high
    assert 2 <= len(axis.marks) <= 8
    assert all(mark.is_integer() for mark in axis.marks)
    assert axis.height(axis.low) == 0
    assert abs(axis.height(axis.high) - 100) < 1e-9


def test_marks_are_round() -> None:
    """As people count; shares may be parts of one."""
    assert scale([7.0]).marks == (0, 2, 4, 6, 8)
    assert scale([1.0]).marks == (0, 1)
    assert scale([149.0]).marks == (0, 50, 100, 150)
    assert scale([0.4], is_whole=False).high < 1


@given(st.integers(0, 1000), st.integers(1, 20))
def test_names_are_few_and_begin_at_the_first(count: int, most: int) -> None:
    """So that they do not lie on each other."""
    found = named(count, most)
    assert len(found) <= most
    assert found[:1] == ([0] if count else [])
