"""The dates an audit-log request asks for: W&B's `startDate` and `numDays`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import EARLIEST, LATEST

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAYS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole UTC days from `first` to `last`, both included: W&B's `numDays=N` is N days back from `startDate`, so N + 1 dates."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Oldest first."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


def window_of(start_date: str | None, num_days: str | None, *, today: date, days_max: int | None) -> Window:
    """The dates of a request: today alone by default (WA8); more than `days_max` days back are silently that many (WA10).

    Raises `BadParameter` for a date or number that is none.
    """
    last = today if start_date is None else _date(start_date)
    days = 0 if num_days is None else _number(num_days)
    if days_max is not None:
        days = min(days, days_max)
    return Window(last - timedelta(days=min(days, (last - EARLIEST).days)), last)


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not EARLIEST <= found <= LATEST:
        raise BadParameter("startDate", text, f"a date such as 2026-01-31, from {EARLIEST} to {LATEST}")
    return found


def _number(text: str) -> int:
    if not _DAYS.fullmatch(text):
        raise BadParameter("numDays", text, "a whole number of days, 0 or more")
    return int(text)
