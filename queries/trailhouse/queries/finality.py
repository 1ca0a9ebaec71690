"""How final a figure is: still growing, provisional, or final, as far as late events go."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from trailhouse.queries.header import Bucket

#: Events may come so late, and a figure is still called provisional.
LATENESS: Final = timedelta(hours=24)


class State(StrEnum):
    """How final a figure is (docs/definitions.md)."""

    SO_FAR = "so_far"
    """its time is not over"""
    PROVISIONAL = "provisional"
    """its time is over, and the newest stored receipt lies less than 24 h after it"""
    FINAL = "final"
    """its time ended more than 24 h before the newest stored receipt"""

    @property
    def words(self) -> str:
        """For people: `so far`."""
        return self.value.replace("_", " ")


def state_of(end: datetime, *, now: datetime, landed_until: datetime | None) -> State:
    """The state of what ended at `end`; `landed_until` is when the newest stored record was received, None = never."""
    if end > now:
        return State.SO_FAR
    is_final = landed_until is not None and end + LATENESS < landed_until
    return State.FINAL if is_final else State.PROVISIONAL


def later(first: date, bucket: Bucket, count: int) -> date:
    """The first date of the day, week or month that comes `count` after the one that begins with a date."""
    match bucket:
        case "day":
            return first + timedelta(days=count)
        case "week":
            return first + timedelta(weeks=count)
        case "month":
            years, month = divmod(first.month - 1 + count, 12)
            return first.replace(year=first.year + years, month=month + 1)


def days_of(first: date, bucket: Bucket) -> tuple[date, date]:
    """The first and last date of the day, week or month that begins with a date."""
    match bucket:
        case "day":
            return first, first
        case "week":
            return first, first + timedelta(days=6)
        case "month":
            following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
            return first, following - timedelta(days=1)
