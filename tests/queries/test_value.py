"""Values as text, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.header import ColumnType
from trailhouse.queries.value import Value, localised, read_value, text_of


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=timezone(timedelta())), "2026-01-01T00:00:00.005Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-01-01T00:00:00+05:45"),
    ],
)
def test_times_are_rfc_3339(moment: datetime, text: str) -> None:
    """`Z` for UTC, the offset for other zones, milliseconds where there are any."""
    assert text == text_of(moment)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", date(2026, 1, 31)),
        ("time", datetime(2026, 1, 31, 18, 15, 0, 7000, tzinfo=UTC)),
        ("integer", -5),
        ("number", 0.25),
        ("text", "=cmd|' \u202e"),
        ("text", ""),
    ],
)
def test_what_was_written_is_read(kind: ColumnType, value: Value) -> None:
    """A row's value goes through a link and comes back the same."""
    assert read_value("row.x", kind, text_of(value)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "31"),
        ("time", "now"),
        ("integer", "1.5"),
        ("number", "x"),
        ("number", "inf"),
        ("integer", "9" * 19),
        ("date", "1969-12-31"),
        ("time", "9999-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_such_value_is_refused(kind: ColumnType, text: str) -> None:
    """By the name of its parameter."""
    with pytest.raises(BadParameter, match=r"row\.x is"):
        read_value("row.x", kind, text)


def test_the_repeated_hour_keeps_its_order() -> None:
    """In a zone's own time the second 01:30 would equal the first."""
    zone = ZoneInfo("Europe/London")
    first, second = (datetime(2025, 10, 26, hour, 30, tzinfo=UTC) for hour in (0, 1))
    shown = [localised(first, zone), localised(second, zone)]
    assert [text_of(each) for each in shown] == ["2025-10-26T01:30:00+01:00", "2025-10-26T01:30:00Z"]
    assert shown[0] < shown[1]
