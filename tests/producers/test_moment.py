"""Moments as the contract writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.moment import format_time, now, parse_time


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)))  # noqa: DTZ001 - bounds are naive by interface
def test_written_times_read_back(moment: datetime) -> None:
    """The same instant, cut to milliseconds, in 24 characters."""
    written = format_time(moment)
    in_utc = moment.astimezone(UTC)
    assert len(written) == 24
    assert written.endswith("Z")
    assert parse_time(written) == in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000)


def test_now_is_a_written_time() -> None:
    """The quick way writes as the long one."""
    written = now()
    assert format_time(written) == written


@pytest.mark.parametrize("bad", [None, 7, b"2026-01-31"])
def test_other_types_are_refused(bad: object) -> None:
    """Neither a datetime nor text."""
    with pytest.raises(InvalidEvent, match="must be a datetime or an RFC 3339 time"):
        format_time(bad)  # type: ignore[arg-type] # that is the point
