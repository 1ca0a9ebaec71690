from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.times import check_time_format, read_time

LATEST = datetime(2027, 1, 1, tzinfo=UTC)
MOMENT = datetime(2026, 1, 31, 12, 34, 56, 789000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:34:56.789Z",
        "2026-01-31 12:34:56.789",
        "2026-01-31T12:34:56,789+00:00",
        "20260131T123456.789Z",
        "2026-01-31T18:19:56.789+05:45",
        "2026-01-31T12:34:56.789z",
        "2026-01-31 12:34:56.789 UTC",
        "2026-W05-6T12:34:56.789",
    ],
)
def test_iso_times_of_every_form_are_read(text: str) -> None:
    """Any ISO 8601 form names the same moment; without a zone it is UTC."""
    assert read_time(text, None, LATEST) == MOMENT


def test_a_time_without_a_zone_is_utc_wherever_this_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own zone decides nothing."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert read_time("2026-01-31 12:34:56.789", None, LATEST) == MOMENT
        assert read_time("31.01.2026 12:34:56.789", "%d.%m.%Y %H:%M:%S.%f", LATEST) == MOMENT
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2026, 12, 30)),  # noqa: DTZ001  hypothesis wants bounds without zone
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_in_any_zone_is_the_same_moment(naive: datetime, offset_minutes: int) -> None:
    """Reading what another zone writes gives the moment back."""
    moment = naive.replace(tzinfo=UTC)
    zone = timezone(timedelta(minutes=offset_minutes))
    assert read_time(moment.astimezone(zone).isoformat(), None, LATEST) == moment


@pytest.mark.parametrize(
    ("value", "time_format"),
    [
        ("31/01/2026 12:34:56.789", "%d/%m/%Y %H:%M:%S.%f"),
        ("1/31/2026 12:34:56.789 PM", "%m/%d/%Y %I:%M:%S.%f %p"),
        ("2026-01-31 13:34:56.789 +0100", "%Y-%m-%d %H:%M:%S.%f %z"),
        (1769862896.789, "unix"),
        ("1769862896.789", "unix"),
        (1769862896789, "unix_ms"),
        ("1769862896789", "unix_ms"),
    ],
)
def test_other_forms_are_read_by_a_time_format(value: Any, time_format: str) -> None:
    """strptime's directives, or the words for seconds and milliseconds since 1970."""
    assert read_time(value, time_format, LATEST) == MOMENT


@pytest.mark.parametrize(
    ("value", "time_format", "rule"),
    [
        ("yesterday", None, "ISO 8601"),
        ("", None, "ISO 8601"),
        (1769862896, None, "--time-format unix"),
        (True, None, "--time-format unix"),
        ("1969-12-31T23:59:59Z", None, "before 1970"),
        ("1970-01-01T00:30:00+01:00", None, "before 1970"),
        (-1, "unix", "before 1970"),
        ("2027-01-01T00:00:01Z", None, "in the future"),
        ("99999999999999", "unix", "number of seconds"),
        ("soon", "unix_ms", "number of milliseconds"),
        (None, "unix", "number of seconds"),
        (float("nan"), "unix", "number of seconds"),
        ("31.01.2026", "%d/%m/%Y", "does not match"),
    ],
)
def test_an_unusable_time_is_refused_with_the_rule(value: Any, time_format: str | None, rule: str) -> None:
    """The rule says what to do; the value is left out of it."""
    with pytest.raises(InvalidEvent) as caught:
        read_time(value, time_format, LATEST)
    assert rule in caught.value.rule
    assert caught.value.field == "occurred_at"


def test_a_format_nothing_can_match_is_refused_at_once() -> None:
    """A bad directive is found before the first row."""
    check_time_format(None)
    check_time_format("unix")
    check_time_format("%d/%m/%Y")
    for bad in ("%q", "%d %"):
        with pytest.raises(BadMapping):
            check_time_format(bad)
