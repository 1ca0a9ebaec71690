"""Spans: a zone's offsets between two instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.zones import DAY_MS, LATEST_MS, find_zone, spans

ZONES = (
    "UTC",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Asia/Tehran",
    "Pacific/Apia",
    "Africa/Monrovia",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    since=st.integers(0, 65 * 365 * DAY_MS),
    length=st.integers(1, 900 * DAY_MS),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5),
)
def test_every_instant_has_its_zones_local_date(
    zone: str, since: int, length: int, places: list[float]
) -> None:
    """The spans cover the time without hole or overlap, and each gives the date the zone's clock shows."""
    found = list(spans(ZoneInfo(zone), since, since + length))
    assert (since, since + length) == (found[0].since, found[-1].until)
    assert all(
        before.until == after.since and before.offset_s != after.offset_s for before, after in pairwise(found)
    )
    for millis in [since, since + length - 1, *(since + int(place * length) for place in places)]:
        (span,) = [each for each in found if each.since <= millis < each.until]
        assert moment(millis).astimezone(ZoneInfo(zone)).date() == date(1970, 1, 1) + timedelta(
            days=span.local_day(millis)
        )


def test_a_change_at_one_past_midnight_is_found_to_the_second() -> None:
    """St. John's set its clock back at 00:01 until 2010, one minute after the date had changed."""
    since = int(datetime(2010, 11, 7, tzinfo=UTC).timestamp() * 1000)
    found = list(spans(ZoneInfo("America/St_Johns"), since, since + DAY_MS))
    assert [datetime(2010, 11, 7, 2, 31, tzinfo=UTC)] == [moment(each.since) for each in found[1:]]
    assert [each.offset_s for each in found] == [-9000, -12600]


@pytest.mark.parametrize(
    ("zone", "year"),
    [
        ("Africa/Casablanca", 2012),
        ("Africa/Casablanca", 2026),
        ("America/Cambridge_Bay", 2000),
        ("America/Recife", 2000),
    ],
)
def test_changes_close_together_are_all_found(zone: str, year: int) -> None:
    """Clocks that change for Ramadan alone, or for a week: as many spans as an hourly look at the clock finds."""
    since, until = (int(datetime(each, 1, 1, tzinfo=UTC).timestamp() * 1000) for each in (year, year + 1))
    clock = [moment(each).astimezone(ZoneInfo(zone)).utcoffset() for each in range(since, until, 3_600_000)]
    changes = sum(before != after for before, after in pairwise(clock))
    assert changes > 1
    assert len(list(spans(ZoneInfo(zone), since, until))) == changes + 1


def test_nothing_lies_outside_what_the_tables_hold() -> None:
    """A period before 1970 or after 2105 has no spans, so no query runs for ever."""
    assert list(spans(ZoneInfo("UTC"), -5 * DAY_MS, 0)) == []
    assert list(spans(ZoneInfo("UTC"), LATEST_MS, LATEST_MS + DAY_MS)) == []


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("CEST", "Europe/Berlin"),
        ("pdt", "America/Los_Angeles"),
        ("kathmandu", "Asia/Kathmandu"),
        ("new york", "America/New_York"),
        ("Europe/Berln", "Europe/Berlin"),
        ("?", "Europe/Berlin"),
    ],
)
def test_the_zone_suggested_is_a_place(name: str, suggested: str) -> None:
    """By city, by abbreviation, by spelling."""
    with pytest.raises(BadParameter) as caught:
        find_zone(name)
    assert caught.value.hint == f"wanted: an IANA time zone such as {suggested}"


@pytest.mark.parametrize("name", ["Europe/Berln", "", "../../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
def test_an_unknown_zone_is_refused_with_a_suggestion(name: str) -> None:
    """A zone is a name of the IANA database and never a path."""
    with pytest.raises(BadParameter) as caught:
        find_zone(name)
    assert "IANA" in caught.value.hint
    assert name != "Europe/Berln" or "Europe/Berlin" in caught.value.hint
