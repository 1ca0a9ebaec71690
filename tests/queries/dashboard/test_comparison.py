"""What a period is compared with."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.queries.dashboard.comparison import compared, words
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import between

UTC = ZoneInfo("UTC")
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 30)


def test_each_choice() -> None:
    """The days before, the same weekdays before, the same days a year before, from a date on, nothing (rule 10)."""
    period = between(UTC, FIRST, LAST)
    assert compared(period, "previous") == (date(2026, 1, 30), date(2026, 2, 28))
    assert compared(period, "weekdays") == (date(2026, 1, 25), date(2026, 2, 23))
    assert compared(period, "year") == (date(2025, 3, 1), date(2025, 3, 30))
    assert compared(period, "2025-06-01") == (date(2025, 6, 1), date(2025, 6, 30))
    assert compared(period, "off") is None
    assert words("previous") == "vs period before"
    assert words("2025-06-01") == "vs from 2025-06-01 on"


def test_what_is_none() -> None:
    """A word we do not know is told; 29 February has a neighbour; before 1970 there is nothing."""
    with pytest.raises(BadParameter, match="compare"):
        compared(between(UTC, FIRST, LAST), "yesterday")
    leap = between(UTC, date(2024, 2, 29), date(2024, 2, 29))
    assert compared(leap, "year") == (date(2023, 2, 28), date(2023, 2, 28))
    assert compared(between(UTC, date(1970, 1, 1), date(1970, 1, 9)), "weekdays") is None


@settings(deadline=None)
@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 400))
def test_as_many_days_and_the_same_weekdays(first: date, days: int) -> None:
    """Both sides have the same length; matched weekdays begin on the same one and end before the period (rule 8)."""
    period = between(UTC, first, first + timedelta(days))
    for how in ("previous", "weekdays", "year"):
        found = compared(period, how)
        assert found
        assert (found[1] - found[0]).days == days
    matched = compared(period, "weekdays")
    assert matched
    assert matched[0].weekday() == first.weekday()
    assert matched[1] < first
