"""Who was active, how often, doing what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from tests.oracle.events import Event, Window, activity, distinct, local_date, week_of, when


def active_users(events: Iterable[Event], org: str, window: Window, *, people_only: bool = True) -> int:
    return len({who for who, _ in activity(events, org, window, people_only=people_only)})


def users_active_over_time(
    events: Iterable[Event], org: str, window: Window, *, people_only: bool = True
) -> list[tuple[date, int]]:
    seen: dict[date, set[str]] = {day: set() for day in window.days()}
    for who, moment in activity(events, org, window, people_only=people_only):
        seen[local_date(moment, window.timezone)].add(who)
    return [(day, len(users)) for day, users in sorted(seen.items())]


def weekly_active_users(
    events: Iterable[Event], org: str, window: Window, *, people_only: bool = True, week_start: int = 1
) -> list[tuple[date, int]]:
    seen: dict[date, set[str]] = {week_of(day, week_start): set() for day in window.days()}
    for who, moment in activity(events, org, window, people_only=people_only):
        seen[week_of(local_date(moment, window.timezone), week_start)].add(who)
    return [(week, len(users)) for week, users in sorted(seen.items())]


def most_active_users(
    events: Iterable[Event], org: str, window: Window, *, people_only: bool = True, limit: int = 10
) -> list[tuple[int, str, int, datetime]]:
    """Rank, identity, active days, last activity."""
    days: dict[str, set[date]] = defaultdict(set)
    last: dict[str, datetime] = {}
    for who, moment in activity(events, org, window, people_only=people_only):
        days[who].add(local_date(moment, window.timezone))
        last[who] = max(moment, last.get(who, moment))
    ranked = sorted(days, key=lambda who: (-len(days[who]), -last[who].timestamp(), who))
    return [(place, who, len(days[who]), last[who]) for place, who in enumerate(ranked[:limit], start=1)]


def events_by_action(events: Iterable[Event], org: str, window: Window) -> list[tuple[str, int]]:
    counts = Counter(
        event["action"]
        for event in distinct(events)
        if event["org_id"] == org and window.contains(when(event))
    )
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
