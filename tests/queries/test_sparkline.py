"""A series in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from tests.queries.test_render import result

from trailhouse.queries.sparkline import WIDTH, series_of, sparkline


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([0, 7, 1], "▁█▂"),
        ([3.5, None, 7], "▅ █"),
        ([-7, 0], "▁█"),
        ([None], " "),
    ],
)
def test_blocks_rise_from_zero(values: list[float | None], drawn: str) -> None:
    """So that their heights compare; what is unknown is a hole."""
    assert sparkline(values) == drawn


def test_a_long_series_keeps_its_peaks() -> None:
    """Neighbours share a block, and the greatest of them shows."""
    values: list[float | None] = [0.0] * 365
    values[200] = 9.0
    line = sparkline(values)
    assert len(line) <= WIDTH
    assert line.count("█") == 1


def test_only_a_series_over_time_is_drawn() -> None:
    """Not a ranking, and not rows of which several share a date."""
    rows = [(date(2026, 1, day), day) for day in (1, 2)]
    found = result(*rows, report="users_active_over_time")
    assert series_of(found) == ("active_users", [1, 2])
    assert series_of(replace(found, rows=(rows[0], rows[0]))) is None
    assert series_of(result(("a", 1), ("b", 2), report="events_by_action")) is None
    assert series_of(result(*rows[:1], report="users_active_over_time")) is None
