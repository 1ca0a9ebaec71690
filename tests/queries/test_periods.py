"""Periods: what people ask for, as exact spans of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle import Window

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import Last, Period, between, first_day, parse_bound, parse_last
from trailhouse.queries.zones import DAY_MS

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Asia/Tehran", "Pacific/Apia", "Africa/Monrovia")
UTC_ZONE = ZoneInfo("UTC")
QUARTER_MS = 900_000
DATES = st.dates(date(1970, 1, 2), date(2040, 1, 1))


def holds(period: Period, moment: datetime) -> bool:
    millis = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return sum(span.since <= millis < span.until for span in period.spans) == 1


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), first=DATES, days=st.integers(0, 400), data=st.data())
def test_a_period_of_dates_holds_exactly_their_instants(
    zone: str, first: date, days: int, data: st.DataObject
) -> None:
    """An instant is inside when the zone's clock shows one of the dates, and never otherwise."""
    last = first + timedelta(days=days)
    period = between(ZoneInfo(zone), first, last)
    assert (first, last) == (period.first, period.last)
    low = datetime.combine(first, datetime.min.time(), UTC) - timedelta(days=2)
    for _ in range(8):
        inside = data.draw(st.integers(0, (days + 5) * 86_400_000))
        near = data.draw(st.sampled_from([period.since, period.until])) + timedelta(
            milliseconds=data.draw(st.sampled_from([-1, 0, 1]))
        )
        for moment in (low + timedelta(milliseconds=inside), near):
            if moment >= datetime(1970, 1, 1, tzinfo=UTC):
                assert Window(zone, first, last).contains(moment) == holds(period, moment)


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ZONES), today=DATES, count=st.integers(1, 120))
def test_last_n_days_are_exactly_n_local_dates(zone: str, today: date, count: int) -> None:
    """`30d` is thirty dates that existed, the last of them today; a date the zone skipped is no day."""
    first = first_day(Last(count, "d"), today, ZoneInfo(zone), None)
    existing = Window(zone, first, today).days()
    if today in existing and first > date(1970, 1, 3):
        assert count == len(existing)
        assert first == existing[0]


def test_apia_has_thirty_days_around_the_date_it_skipped() -> None:
    """2011-12-30 did not exist in Apia, so thirty days reach one date further back."""
    assert date(2011, 12, 6) == first_day(parse_last("30d"), date(2012, 1, 5), ZoneInfo("Pacific/Apia"), None)
    assert date(2011, 12, 7) == first_day(
        parse_last("30d"), date(2012, 1, 5), ZoneInfo("Pacific/Auckland"), None
    )


@pytest.mark.parametrize(
    ("last", "today", "first"),
    [
        ("1d", "2026-01-31", "2026-01-31"),
        ("1w", "2026-01-31", "2026-01-25"),
        ("12w", "2026-01-31", "2025-11-09"),
        ("1m", "2026-03-15", "2026-02-16"),
        ("1m", "2026-03-31", "2026-03-01"),
        ("3m", "2026-01-01", "2025-10-02"),
        ("12m", "2024-02-29", "2023-03-01"),
        ("1y", "2024-02-29", "2023-03-01"),
        ("135y", "2026-01-01", "1970-01-01"),
    ],
)
def test_last_units(last: str, today: str, first: str) -> None:
    """Weeks are seven days; months end on the day of the month before, or on that month's last."""
    end = date.fromisoformat(today)
    assert date.fromisoformat(first) == first_day(parse_last(last), end, UTC_ZONE, None)


def test_all_begins_with_the_first_event_in_the_zone() -> None:
    """An event at 20:00 UTC happened tomorrow in Kathmandu; without any event the period is today."""
    event, today = datetime(2020, 1, 1, 20, tzinfo=UTC), date(2026, 1, 1)
    assert date(2020, 1, 2) == first_day(parse_last("all"), today, ZoneInfo("Asia/Kathmandu"), event)
    assert today == first_day(parse_last("all"), today, UTC_ZONE, None)
    assert today == first_day(parse_last("all"), today, UTC_ZONE, datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "0d", "30", "d", "-1d", "30 d", "1h", "999999d", "136y", "٣d", "ALL"])
def test_an_odd_last_is_refused(text: str) -> None:
    """Only a count from 1 and a unit, or all."""
    with pytest.raises(BadParameter, match="last is"):
        parse_last(text)


def test_bounds_are_dates_or_instants() -> None:
    """A date stays a date; a time without an offset is the zone's own."""
    zone = ZoneInfo("Asia/Kathmandu")
    assert date(2026, 1, 31) == parse_bound("since", "2026-01-31", zone)
    assert datetime(2026, 1, 31, tzinfo=UTC) == parse_bound("since", "2026-01-31T00:00:00Z", zone)
    assert datetime(2026, 1, 30, 18, 15, tzinfo=UTC) == parse_bound("since", "2026-01-31T00:00", zone)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-02-30", "2026-1-1", "1969-12-31", "2106-01-01", "0001-01-01T00:00+23:00"]
)
def test_an_odd_bound_is_refused(text: str) -> None:
    """The error names the parameter and shows a good value."""
    with pytest.raises(BadParameter) as caught:
        parse_bound("since", text, UTC_ZONE)
    assert "since is" in str(caught.value)
    assert "wanted" in caught.value.hint


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (date(2026, 1, 2), date(2026, 1, 1)),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (datetime(2026, 1, 3, tzinfo=UTC), date(2026, 1, 1)),
        (date(2026, 1, 3), datetime(2026, 1, 3, tzinfo=UTC)),
    ],
)
def test_bounds_the_wrong_way_round_are_refused(since: date | datetime, until: date | datetime) -> None:
    """A period that could hold nothing is a mistake, not an empty answer."""
    with pytest.raises(BadParameter, match="since is"):
        between(UTC_ZONE, since, until)


def test_a_skipped_date_is_a_period_without_time() -> None:
    """Asking Apia for 2011-12-30 is no mistake; nothing happened, because the date did not."""
    period = between(ZoneInfo("Pacific/Apia"), date(2011, 12, 30), date(2011, 12, 30))
    assert [*period.spans, *period.cuts, *period.ranges] == []
    assert period.since == period.until


def test_ranges_join_spans_that_touch() -> None:
    """A change of offset inside the period is no gap in time, a date that comes back for an hour is one."""
    year = between(ZoneInfo("Europe/Berlin"), date(2026, 1, 1), date(2026, 12, 31))
    assert (len(year.spans), len(year.ranges)) == (3, 1)
    odd = between(ZoneInfo("America/St_Johns"), date(2010, 11, 6), date(2010, 11, 6))
    assert [after[0] - before[1] for before, after in zip(odd.ranges, odd.ranges[1:], strict=False)] == [
        60_000
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Asia/Tehran", "Pacific/Apia", "America/New_York"])
def test_whole_days_need_no_cut(zone: str) -> None:
    """Where midnights are whole quarter-hours, masks alone answer, so no event is read."""
    assert between(ZoneInfo(zone), date(2000, 1, 1), date(2026, 12, 31)).cuts == ()


@settings(max_examples=200, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    since=st.integers(DAY_MS, 50 * 365 * DAY_MS),
    length=st.integers(1, 3 * DAY_MS),
)
def test_cuts_are_all_that_is_not_a_whole_quarter_hour(zone: str, since: int, length: int) -> None:
    """Cuts are shorter than a quarter-hour, lie in one span, and with the whole quarter-hours make up the period."""
    instants = [
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=each) for each in (since, since + length)
    ]
    period = between(ZoneInfo(zone), *instants)
    whole = sum(
        QUARTER_MS
        for span in period.spans
        for start in range(-(-span.since // QUARTER_MS) * QUARTER_MS, span.until - QUARTER_MS + 1, QUARTER_MS)
        if span.local_day(start) == span.local_day(start + QUARTER_MS - 1)
    )
    assert length == whole + sum(cut.until - cut.since for cut in period.cuts)
    for cut in period.cuts:
        assert 0 < cut.until - cut.since < QUARTER_MS
        (span,) = [each for each in period.spans if each.since <= cut.since and cut.until <= each.until]
        assert cut.local_day == span.local_day(cut.since) == span.local_day(cut.until - 1)


def test_so_far_ends_with_the_period() -> None:
    """Today's figures may grow until the local day is over."""
    period = between(ZoneInfo("Asia/Kathmandu"), date(2026, 1, 1), date(2026, 1, 31))
    assert period.is_so_far(datetime(2026, 1, 31, 18, 14, tzinfo=UTC))
    assert not period.is_so_far(datetime(2026, 1, 31, 18, 15, tzinfo=UTC))


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(ZONES), first=st.dates(date(1971, 1, 1), date(2040, 1, 1)), days=st.integers(0, 100)
)
def test_the_period_before_has_as_many_dates(zone: str, first: date, days: int) -> None:
    """And ends with the day before."""
    period = between(ZoneInfo(zone), first, first + timedelta(days=days))
    before = period.before()
    assert before.last == first - timedelta(days=1)
    existing = Window(zone, before.first, before.last).days()
    wanted = len(Window(zone, period.first, period.last).days())
    # The day before may be the one that was skipped.
    assert len(existing) in {wanted, max(wanted, 1)}


def test_a_part_of_a_period_keeps_its_edges() -> None:
    """A week that the period cuts has the period's own bounds; outside there is nothing."""
    since = datetime(2026, 1, 6, 10, tzinfo=UTC)
    period = between(UTC_ZONE, since, date(2026, 1, 20))
    part = period.clip(date(2026, 1, 5), date(2026, 1, 11))
    assert (part.since, part.until) == (since, datetime(2026, 1, 12, tzinfo=UTC))
    assert (part.first, part.last) == (date(2026, 1, 6), date(2026, 1, 11))
    assert period.clip(date(2026, 2, 1), date(2026, 2, 7)).spans == ()
