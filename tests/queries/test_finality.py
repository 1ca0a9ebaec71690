"""So far, provisional, final."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from trailhouse.queries.finality import LATENESS, State, days_of, later, state_of
from trailhouse.queries.header import Bucket

END = datetime(2026, 2, 1, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("now", "landed_until", "state"),
    [
        (END - MOMENT, END + timedelta(days=9), State.SO_FAR),
        (END, None, State.PROVISIONAL),
        (END + timedelta(days=9), END - MOMENT, State.PROVISIONAL),
        (END + timedelta(days=9), END + LATENESS, State.PROVISIONAL),
        (END + timedelta(days=9), END + LATENESS + MOMENT, State.FINAL),
    ],
)
def test_what_ended_is_final_a_day_later(now: datetime, landed_until: datetime | None, state: State) -> None:
    """Not by the clock: by what has been stored since, so that a sink that lags makes nothing final."""
    assert state_of(END, now=now, landed_until=landed_until) is state
    assert state_of(END, now=now, landed_until=landed_until).words in {"so far", "provisional", "final"}


@pytest.mark.parametrize(
    ("first", "bucket", "count", "found"),
    [
        (date(2026, 2, 27), "day", 2, date(2026, 3, 1)),
        (date(2025, 12, 29), "week", 0, date(2025, 12, 29)),
        (date(2025, 12, 29), "week", 9, date(2026, 3, 2)),
        (date(2025, 11, 1), "month", 1, date(2025, 12, 1)),
        (date(2025, 11, 1), "month", 14, date(2027, 1, 1)),
    ],
)
def test_so_many_buckets_later(first: date, bucket: Bucket, count: int, found: date) -> None:
    """Over the ends of months and years."""
    assert later(first, bucket, count) == found


@pytest.mark.parametrize(
    ("first", "bucket", "last"),
    [
        (date(2026, 1, 5), "day", date(2026, 1, 5)),
        (date(2025, 12, 29), "week", date(2026, 1, 4)),
        (date(2024, 2, 1), "month", date(2024, 2, 29)),
        (date(2025, 12, 1), "month", date(2025, 12, 31)),
    ],
)
def test_the_days_of_a_bucket(first: date, bucket: Bucket, last: date) -> None:
    """Both ends are included."""
    assert days_of(first, bucket) == (first, last)
