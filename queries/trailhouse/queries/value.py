"""A value of an answer: as text, and read back from it."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.header import ColumnType
from trailhouse.queries.periods import EARLIEST, LATEST

Value = str | int | float | date | datetime | None
Row = tuple[Value, ...]


def text_of(value: Value) -> str:
    """A value as CSV and JSON write it: RFC 3339 with `Z` for UTC and milliseconds where there are any."""
    if isinstance(value, datetime):
        shown = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return shown.removesuffix("+00:00") + "Z" if value.utcoffset() == UTC.utcoffset(None) else shown
    if isinstance(value, float):
        # What a division leaves behind the twelfth digit is no information.
        return f"{value:.12g}"
    return value.isoformat() if isinstance(value, date) else str(value)


def localised(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant in a zone, with its offset fixed: Python calls a zone's repeated hour unequal to the same instant elsewhere.

    A naive one is UTC, as the driver means it.
    """
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(timezone(aware.astimezone(zone).utcoffset() or timedelta()))


def read_value(name: str, kind: ColumnType, text: str) -> Value:
    """Read what `text_of` wrote; raises `BadParameter`."""
    refusal = BadParameter(name, text, f"a {kind}, as the row has it")
    try:
        value = _read(kind, text)
    except (ValueError, OverflowError):
        raise refusal from None
    if isinstance(value, date) and not EARLIEST.year <= value.year <= LATEST.year:
        raise refusal
    return value


def _read(kind: ColumnType, text: str) -> Value:
    match kind:
        case "date":
            return date.fromisoformat(text)
        case "time":
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        case "integer":
            if not -(2**63) <= int(text) < 2**63:
                raise ValueError(text)
            return int(text)
        case "number":
            if not math.isfinite(float(text)):
                raise ValueError(text)
            return float(text)
        case "text":
            return text
