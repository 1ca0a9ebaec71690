"""`startDate` and `numDays`, as W&B reads them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.audit_window import Window, window_of
from trailhouse.queries.errors import BadParameter

TODAY = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("start", "days", "days_max", "first", "last"),
    [
        (None, None, None, "2026-01-31", "2026-01-31"),
        (None, "0", None, "2026-01-31", "2026-01-31"),
        (None, "1", None, "2026-01-30", "2026-01-31"),
        (None, "7", 7, "2026-01-24", "2026-01-31"),
        (None, "9", 7, "2026-01-24", "2026-01-31"),
        (None, "9", None, "2026-01-22", "2026-01-31"),
        ("2026-01-31", "2", None, "2026-01-29", "2026-01-31"),
        ("2025-12-24", None, 7, "2025-12-24", "2025-12-24"),
        ("2025-12-24", "400", 7, "2025-12-17", "2025-12-24"),
        ("2024-03-01", "1", None, "2024-02-29", "2024-03-01"),
        ("2027-01-01", None, None, "2027-01-01", "2027-01-01"),
        ("1970-01-02", "999999999", None, "1970-01-01", "1970-01-02"),
    ],
)
def test_windows(start: str | None, days: str | None, days_max: int | None, first: str, last: str) -> None:
    """Today by default; N days back are N + 1 dates; more than SaaS allows is what SaaS allows, without a word."""
    window = Window(date.fromisoformat(first), date.fromisoformat(last))
    assert window_of(start, days, today=TODAY, days_max=days_max) == window


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.integers(0, 400))
def test_days_are_one_more_than_asked_for(start: date, count: int) -> None:
    """Ending at `startDate`, without gaps, never before 1970."""
    days = window_of(str(start), str(count), today=TODAY, days_max=None).days
    assert days[-1] == start
    assert len(days) == min(count, (start - date(1970, 1, 1)).days) + 1
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


@pytest.mark.parametrize(
    ("start", "days", "name"),
    [
        ("31.01.2026", None, "startDate"),
        ("2026-02-30", None, "startDate"),
        ("20260131", None, "startDate"),
        ("", None, "startDate"),
        ("1969-12-31", None, "startDate"),
        ("9999-12-31", None, "startDate"),
        (None, "-1", "numDays"),
        (None, "1.5", "numDays"),
        (None, "", "numDays"),
        (None, "٣", "numDays"),
        (None, "9999999999", "numDays"),
    ],
)
def test_what_is_no_date_and_no_number_is_refused(start: str | None, days: str | None, name: str) -> None:
    """By the parameter's name."""
    with pytest.raises(BadParameter) as refused:
        window_of(start, days, today=TODAY, days_max=None)
    assert refused.value.name == name
