"""Moments as the contract writes them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime

from trailhouse.producers.errors import InvalidEvent


def now() -> str:
    """The current moment, as `format_time` writes it."""
    return write_milliseconds(time.time_ns() // 1_000_000)


def write_milliseconds(milliseconds: int) -> str:
    """A moment given as milliseconds since 1970, as `format_time` writes it."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_write_seconds(seconds)}{rest:03}Z"


@functools.lru_cache(maxsize=4)
def _write_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def format_time(moment: datetime | str) -> str:
    """RFC 3339, UTC, milliseconds (cut, not rounded); a time without a zone is read as UTC. Raises `InvalidEvent`."""
    if isinstance(moment, str):
        moment = parse_time(moment)
    if not isinstance(moment, datetime):
        raise InvalidEvent("occurred_at", moment, "must be a datetime or an RFC 3339 time")
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidEvent("occurred_at", moment, "must lie in the years 1970 to 9999 in UTC") from None
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 / RFC 3339 time; raises `InvalidEvent`."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(
            "occurred_at", text, "must be an RFC 3339 time such as 2026-01-31T12:34:56.789Z"
        ) from None
