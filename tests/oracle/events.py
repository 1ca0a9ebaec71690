"""Event dicts, and what they say of time and of who acted.

An event is a dict as on the raw topic: org_id, event_id, occurred_at (RFC 3339 text), action, and where they apply
actor_type, actor_user_id, actor_email. `is_activity` in it says whether it counts as activity; left out = it does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """Local dates `first` to `last`, both included, of a zone; or instants, `since` included and `until` not."""

    timezone: str
    first: date | None = None
    last: date | None = None
    since: datetime | None = None
    until: datetime | None = None

    def contains(self, moment: datetime) -> bool:
        day = local_date(moment, self.timezone)
        return (
            (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
            and (self.since is None or self.since <= moment)
            and (self.until is None or moment < self.until)
        )

    def days(self) -> list[date]:
        """Every local date with an instant in the window; dates the zone skipped have none."""
        low = self.since or datetime.combine(_given(self.first), datetime.min.time(), UTC) - timedelta(days=2)
        high = self.until or datetime.combine(_given(self.last), datetime.min.time(), UTC) + timedelta(days=3)
        found, moment = set(), low
        while moment < high:
            if self.contains(moment):
                found.add(local_date(moment, self.timezone))
            moment += timedelta(hours=1)
        if self.contains(high - timedelta(milliseconds=1)):
            found.add(local_date(high - timedelta(milliseconds=1), self.timezone))
        return sorted(found)


def distinct(events: Iterable[Event]) -> list[Event]:
    """The first of every (org, id); what comes again is the same event."""
    first: dict[tuple[str, str], Event] = {}
    for event in events:
        first.setdefault((event["org_id"], event["event_id"].lower()), event)
    return list(first.values())


def identity(event: Event) -> str:
    """Who acted: the actor id verbatim, else the e-mail without outer spaces, lower case, NFC, else nobody ("")."""
    email = unicodedata.normalize("NFC", (event.get("actor_email") or "").strip().lower())
    return event.get("actor_user_id") or email


@lru_cache(maxsize=1_000_000)
def local_date(moment: datetime, timezone: str) -> date:
    return moment.astimezone(ZoneInfo(timezone)).date()


def week_of(day: date, week_start: int = 1) -> date:
    """The first day of the week of a day; weeks begin on Monday (1) to Sunday (7)."""
    return day - timedelta(days=(day.isoweekday() - week_start) % 7)


def when(event: Event) -> datetime:
    return _instant(event["occurred_at"])


def activity(
    events: Iterable[Event], org: str, window: Window, *, people_only: bool
) -> list[tuple[str, datetime]]:
    """Who was active when, in order of arrival: every event of the window that counts as activity."""
    return [
        (identity(event), when(event))
        for event in distinct(events)
        if event["org_id"] == org
        and event.get("is_activity", True)
        and identity(event)
        and (not people_only or event.get("actor_type", "user") == "user")
        and window.contains(when(event))
    ]


@lru_cache(maxsize=1_000_000)
def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _given(day: date | None) -> date:
    assert day is not None
    return day
