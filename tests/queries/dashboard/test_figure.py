"""Figures as the dashboard writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.queries.dashboard.answers import MONTH, NAME, USERS

from trailhouse.queries.dashboard.figure import (
    ago,
    axis_days,
    change,
    day,
    exact,
    lasted,
    precise,
    short,
    shown,
)
from trailhouse.queries.header import Column


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0, "0"),
        (-10, "\u221210"),
        (999, "999"),
        (1_000, "1k"),
        (1_234, "1.2k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_999, "1M"),
        (1_000_000, "1M"),
        (1_500_000, "1.5M"),
        (10**9, "1B"),
        (999_999_999, "1B"),
        (999.6, "1k"),
        (2.5, "2.5"),
        (0.04, "0"),
    ],
)
def test_short_figures(value: float, wanted: str) -> None:
    """Never `1000k` or `1000.0b`; what rounds up takes the next letter (design rule 3)."""
    assert short(value) == wanted


def test_exact_figures() -> None:
    """Every digit."""
    values = (0, 1_234_567, -1, 2.0, 2.25, 2.5)
    assert [exact(each) for each in values] == ["0", "1,234,567", "\u22121", "2", "2.25", "2.5"]


def test_changes_say_only_what_is_known() -> None:
    """None before is new, shares differ in points, and nothing is infinite (design rules 4 and 5)."""
    assert (change(5, 0).direction, change(5, 0).text) == ("new", "new: none before")
    assert (change(150, 100).direction, change(150, 100).text) == ("up", "+50\u202f%")
    assert (change(50, 100).direction, change(50, 100).text) == ("down", "\u221250\u202f%")
    assert change(7, 7) == change(0, 0)
    assert change(43.5, 40, "percent").text == "+3.5 points"
    assert change(1001, 1000).text == "+0.1\u202f%"


def test_how_long_something_took() -> None:
    """Milliseconds where they matter, days where an old history came in; never sixty of a unit."""
    spans = (0, 0.0124, -0.5, 9.5, 12.34, 59.95, 252, 3_599, 11_160, 93 * 86_400)
    assert [lasted(each) for each in spans] == [
        "0.000 s", "0.012 s", "0.500 s", "9.500 s", "12.3 s", "1.0 min", "4.2 min", "1.0 h", "3.1 h", "93.0 d",
    ]  # fmt: skip
    assert precise(datetime(2026, 3, 11, 14, 3, 7, 45_600, tzinfo=UTC)) == "2026-03-11 14:03:07.045"


def test_cells_and_moments() -> None:
    """Nothing is a dash; changes have their sign; months have no day."""
    percent = Column("change", "integer", "percent", "change")
    assert [shown(percent, each) for each in (3, -3, 0, None)] == [
        "+3\u202f%",
        "\u22123\u202f%",
        "0\u202f%",
        "\u2013",
    ]
    assert shown(MONTH, date(2026, 2, 1)) == "Feb 2026"
    assert shown(NAME, "") == "\u2013"
    assert shown(USERS, 1234) == "1,234"
    assert day(date(2026, 2, 1)) == "1 Feb 2026"
    assert axis_days([date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)], unit="month") == (
        "Dec 2025",
        "Jan 2026",
        "Feb",
    )
    now = datetime(2026, 3, 11, tzinfo=UTC)
    spans = (-5, 0, 12, 200, 7200, 86_400 * 3)
    assert [ago(now - timedelta(seconds=each), now) for each in spans] == [
        "now",
        "now",
        "12 s ago",
        "3 min ago",
        "2 h ago",
        "3 d ago",
    ]
