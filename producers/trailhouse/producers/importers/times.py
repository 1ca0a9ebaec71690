"""Times as other systems write them, read as UTC moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.importers.errors import BadMapping

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNIX: Final = {"unix": "seconds", "unix_ms": "milliseconds"}

# Clocks of other machines run ahead by minutes; a day tells them from a wrong year.
AHEAD_MAX: Final = timedelta(days=1)


def check_time_format(time_format: str | None) -> None:
    """Raise `BadMapping` for a format that no time could ever match."""
    if time_format is None or time_format in UNIX:
        return
    try:
        datetime.strptime("", time_format)  # noqa: DTZ007  only the format is looked at
    except ValueError as error:
        if "does not match format" not in str(error):
            raise BadMapping(
                f"time format {time_format!r}: {error}",
                "use strptime's directives such as '%d/%m/%Y %H:%M:%S', or the words unix or unix_ms",
            ) from None


def read_time(value: Any, time_format: str | None, latest: datetime) -> datetime:
    """The moment a value names: any ISO 8601 form, else by `time_format`; no zone = UTC.

    Raises `InvalidEvent` when it cannot be read, lies before 1970 or after `latest`.
    """
    if time_format is None:
        moment = _read_iso(value)
    elif time_format in UNIX:
        moment = _read_unix(value, UNIX[time_format])
    else:
        moment = _read_formatted(value, time_format)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < EPOCH:
        raise InvalidEvent("occurred_at", value, "lies before 1970")
    if moment > latest:
        raise InvalidEvent("occurred_at", value, "lies in the future")
    return moment


def _read_iso(value: Any) -> datetime:
    if not isinstance(value, str):
        raise InvalidEvent("occurred_at", value, "is no text; a number needs --time-format unix or unix_ms")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        pass
    text = value.strip()
    for ending in ("UTC", "GMT", "z"):
        if text.endswith(ending):
            text = text[: -len(ending)].rstrip() + "+00:00"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(
            "occurred_at", value, "is no ISO 8601 time; other forms need --time-format"
        ) from None


def _read_unix(value: Any, unit: str) -> datetime:
    try:
        number = float(value) if isinstance(value, str) and not value.strip().isdigit() else value
        amount = number if isinstance(number, float) else int(number)
        return EPOCH + timedelta(**{unit: amount})
    except (ValueError, TypeError, OverflowError):
        raise InvalidEvent("occurred_at", value, f"is no number of {unit} since 1970") from None


def _read_formatted(value: Any, time_format: str) -> datetime:
    try:
        return datetime.strptime(value if isinstance(value, str) else str(value), time_format)  # noqa: DTZ007  no zone = UTC
    except ValueError:
        raise InvalidEvent("occurred_at", value, f"does not match the time format {time_format}") from None
