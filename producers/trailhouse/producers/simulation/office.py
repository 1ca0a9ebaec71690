"""Where people sit: time zones by rule, so that a machine's own time zone tables change nothing, and seasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

Summer = Literal["none", "eu", "us", "au"]
DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()

WEEKEND: Final = 0.06
HOLIDAY: Final = 0.04
MONTH_END: Final = 1.25
"""the two last working days of a month, when books are closed and reports written"""


@dataclass(frozen=True, slots=True)
class Office:
    """`zone` is its IANA name, `minutes` its standard time east of UTC, `share` its part of all staff in percent.

    `holidays` are (month, day); `slack` says how busy a month is where it is not usual.
    """

    zone: str
    minutes: int
    summer: Summer
    share: int
    holidays: frozenset[tuple[int, int]]
    slack: tuple[tuple[int, float], ...]

    def midnight_ms(self, day: date) -> int:
        """Where the local `day` begins, in milliseconds since 1970, by the clock that holds at its noon."""
        is_summer = _is_summer(self.summer, day)
        return to_ms(day) - (self.minutes + (60 if is_summer else 0)) * 60_000

    def busyness(self, day: date) -> float:
        """How many of those who would come on a usual working day come: 1.0 = all."""
        usual = dict(self.slack).get(day.month, 1.0)
        if day.month == 12 and day.day >= 24:
            usual = min(usual, 0.3)
        if day.weekday() >= 5:
            return WEEKEND * usual
        if (day.month, day.day) in self.holidays:
            return HOLIDAY
        return usual * (MONTH_END if _is_month_end(day) else 1.0)


_NEW_YEAR: Final = (1, 1)
_CHRISTMAS: Final = ((12, 25), (12, 26), _NEW_YEAR)
_AUGUST: Final = ((7, 0.88), (8, 0.62))
_JANUARY: Final = ((1, 0.7),)

# Half-hour and quarter-hour zones and both hemispheres are there on purpose.
OFFICES: Final = (
    Office("Europe/Berlin", 60, "eu", 30, frozenset({*_CHRISTMAS, (5, 1), (10, 3)}), _AUGUST),
    Office(
        "America/New_York", -300, "us", 22, frozenset({(12, 25), _NEW_YEAR, (7, 4), (11, 11)}), ((8, 0.85),)
    ),
    Office(
        "America/Los_Angeles",
        -480,
        "us",
        14,
        frozenset({(12, 25), _NEW_YEAR, (7, 4), (11, 11)}),
        ((8, 0.85),),
    ),
    Office("Asia/Kolkata", 330, "none", 14, frozenset({(1, 26), (8, 15), (10, 2)}), ()),
    Office("Australia/Sydney", 600, "au", 8, frozenset({*_CHRISTMAS, (1, 26), (4, 25)}), _JANUARY),
    Office(
        "America/Sao_Paulo", -180, "none", 7, frozenset({(12, 25), _NEW_YEAR, (9, 7), (11, 15)}), _JANUARY
    ),
    Office("Asia/Kathmandu", 345, "none", 5, frozenset({(4, 14), (5, 29), (9, 20)}), ()),
)


def to_ms(day: date) -> int:
    """Where a UTC date begins, in milliseconds since 1970."""
    return (day.toordinal() - _EPOCH) * DAY_MS


@lru_cache(maxsize=256)
def _turns(summer: Summer, year: int) -> tuple[date, date]:
    """The days on whose noon summer time has begun, and has ended; rules in force since 2008."""
    if summer == "eu":
        return _sunday(date(year, 3, 25)), _sunday(date(year, 10, 25))
    if summer == "us":
        return _sunday(date(year, 3, 8)), _sunday(date(year, 11, 1))
    return _sunday(date(year, 10, 1)), _sunday(date(year, 4, 1))


def _sunday(day: date) -> date:
    """The first Sunday on or after."""
    return day + timedelta(days=(6 - day.weekday()) % 7)


def _is_summer(summer: Summer, day: date) -> bool:
    if summer == "none":
        return False
    begins, ends = _turns(summer, day.year)
    return begins <= day < ends if begins < ends else not ends <= day < begins


def _is_month_end(day: date) -> bool:
    """One of the two last days of Monday to Friday of its month."""
    left = day + timedelta(days=1)
    working = 0
    while left.month == day.month:
        working += left.weekday() < 5
        left += timedelta(days=1)
    return working < 2
