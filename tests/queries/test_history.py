"""All of time up to a period's end: nothing is left out, and what a clock showed twice is told apart."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trailhouse.queries.history import past
from trailhouse.queries.periods import between

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("UTC", datetime(2026, 1, 5, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2025, 10, 26, 1, tzinfo=UTC)),
        ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
        ("Antarctica/Casey", datetime(2010, 3, 4, 15, tzinfo=UTC)),
        ("Africa/Monrovia", datetime(1972, 1, 7, 0, 44, 30, tzinfo=UTC)),
    ],
)
def test_outside_of_cuts_later_never_has_an_earlier_date(zone: str, around: datetime) -> None:
    """Second by second around a change: in no cut and so in order by date, or in a cut that names the date."""
    pieces, cuts = past(between(ZoneInfo(zone), around - timedelta(days=9), around + timedelta(days=3)))
    latest = 0
    for second in range(-6 * 3600, 6 * 3600, 15):
        moment = around + timedelta(seconds=second)
        at = (moment - EPOCH) // timedelta(milliseconds=1)
        day = (moment.astimezone(ZoneInfo(zone)).date() - EPOCH.date()).days
        assert [piece.local_day(at) for piece in pieces if piece.since <= at < piece.until] == [day]
        inside = {cut.local_day for cut in cuts if cut.since <= at < cut.until}
        assert inside <= {day}
        if not inside:
            assert day >= latest
            latest = day


def test_it_ends_with_the_period() -> None:
    """Up to the period's last moment and not further, from 1970 on; in quarter-hours there is nothing to cut."""
    pieces, cuts = past(between(ZoneInfo("Asia/Kathmandu"), date(2026, 1, 1), date(2026, 1, 31)))
    assert pieces[0].since == 0
    assert pieces[-1].until == (datetime(2026, 1, 31, 18, 15, tzinfo=UTC) - EPOCH) // timedelta(
        milliseconds=1
    )
    assert all(cut.since < 86_400_000 for cut in cuts)
