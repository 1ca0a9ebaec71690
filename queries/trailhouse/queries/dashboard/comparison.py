"""Which time a period is compared with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import EARLIEST, Period

PREVIOUS: Final = "previous"
OFF: Final = "off"
#: What `compare` in a page's address may be, and in words; a date is the first day of a time of one's own choice.
CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        PREVIOUS: "vs period before",
        "weekdays": "vs same weekdays before",
        "year": "vs a year before",
        OFF: "No comparison",
    }
)


def compared(period: Period, how: str) -> tuple[date, date] | None:
    """The first and last date to compare with, as many as the period has; None = nothing is compared.

    `weekdays` goes back whole weeks, so that Mondays stand beside Mondays. Raises `BadParameter` for what is neither one
    of `CHOICES` nor a date.
    """
    days = timedelta((period.last - period.first).days)
    match how:
        case "off":
            return None
        case "previous":
            before = period.before()
            return _kept(before.first, before.last)
        case "weekdays":
            back = timedelta(weeks=-(-(days.days + 1) // 7))
            return _kept(period.first - back, period.last - back)
        case "year":
            first = _year_before(period.first)
            return _kept(first, first + days)
        case _:
            try:
                first = date.fromisoformat(how)
            except ValueError:
                wanted = ", ".join(CHOICES)
                raise BadParameter("compare", how, f"one of {wanted}, or a date such as 2026-01-31") from None
            return _kept(first, first + days)


def words(how: str) -> str:
    """What a choice is called."""
    return CHOICES.get(how, f"vs from {how} on")


def _year_before(day: date) -> date:
    # 29 February has no day of its own the year before.
    return day.replace(year=day.year - 1, day=min(day.day, 28) if day.month == 2 else day.day)


def _kept(first: date, last: date) -> tuple[date, date] | None:
    return (first, last) if first >= EARLIEST else None
