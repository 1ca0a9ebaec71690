"""A value of an answer: as text, and read back from it."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

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


def read_value(name: str, kind: ColumnType, text: str) -> Value:
    """Read what `text_of` wrote; raises `BadParameter`."""
    try:
        value = _read(kind, text)
        is_good = not isinstance(value, date) or EARLIEST.year <= value.year <= LATEST.year
    except (ValueError, OverflowError):
        is_good = False
    if not is_good:
        raise BadParameter(name, text, f"a {kind}, as the row has it")
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
