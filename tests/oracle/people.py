"""Reports about people by brute force: who is new, stays, comes back and leaves, logs in, and leads.

Organisations are given as a list; a person of two counts in each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from tests.oracle.events import Event, Window, activity, distinct, identity, local_date, week_of, when

Person = tuple[str, str]


def user_statistics(
    events: Sequence[Event], orgs: Sequence[str], window: Window
) -> tuple[int, int, int, int]:
    """Active people, new people, everybody who is a person, logins."""
    moments = _moments(events, orgs, window, people_only=True)
    began = _first(events, orgs, people_only=True)
    logins = [
        event
        for event in _logins(events, orgs)
        if event.get("actor_type", "user") == "user" and window.contains(when(event))
    ]
    new = [person for person, moment in began.items() if window.contains(moment)]
    return len({person for person, _ in moments}), len(new), len(_staff(events, orgs)), len(logins)


def last_logins(
    events: Sequence[Event], orgs: Sequence[str], window: Window, *, people_only: bool = True
) -> list[tuple[str, str, str, datetime | None]]:
    """Identity, organisation, `member`, last login in the window; whoever ever acted."""
    last: dict[Person, datetime | None] = dict.fromkeys(_staff(events, orgs, people_only=people_only))
    for event in _logins(events, orgs):
        person, moment = (event["org_id"], identity(event)), when(event)
        if person in last and window.contains(moment):
            last[person] = max(moment, last[person] or moment)

    def order(person: Person) -> tuple[float, str, str]:
        moment = last[person]
        return -moment.timestamp() if moment else 1.0, person[1], person[0]

    return [(person[1], person[0], "member", last[person]) for person in sorted(last, key=order)]


def leaderboard(
    events: Sequence[Event],
    orgs: Sequence[str],
    window: Window,
    *,
    span: str,
    week_start: int = 1,
    people_only: bool = True,
) -> list[tuple[int, str, int, datetime, date, date]]:
    """Rank, identity, active days, last activity, first and last day that count."""
    existing = window.days()
    closing = existing[-1]
    ends_before = closing.replace(day=1) - timedelta(days=1)
    opening, ending = {
        "week": (week_of(closing, week_start), closing),
        "seven_days": (existing[-7:][0], closing),
        "month": (closing.replace(day=1), closing),
        "last_month": (ends_before.replace(day=1), ends_before),
    }[span]
    days: dict[Person, set[date]] = defaultdict(set)
    last: dict[Person, datetime] = {}
    for person, moment in _moments(events, orgs, window, people_only=people_only):
        day = local_date(moment, window.timezone)
        if opening <= day <= ending:
            days[person].add(day)
            last[person] = max(moment, last.get(person, moment))
    ranked = sorted(days, key=lambda who: (-len(days[who]), -last[who].timestamp(), who[1], who[0]))
    first_day = max(opening, existing[0])
    return [
        (place, who[1], len(days[who]), last[who], first_day, ending)
        for place, who in enumerate(ranked, start=1)
    ]


def stickiness(
    events: Sequence[Event], orgs: Sequence[str], window: Window, *, people_only: bool = True
) -> list[tuple[date, int, int, int, float | None]]:
    """Day, people active on it, in the 7 dates and in the 30 dates up to it, and the first of the last in percent."""
    days = window.days()
    eve = days[0] - timedelta(days=1)
    lead = Window(window.timezone, eve - timedelta(days=40), eve).days()[-29:]
    seen: dict[date, set[Person]] = defaultdict(set)
    for part in (Window(window.timezone, lead[0], eve), window):
        for person, moment in _moments(events, orgs, part, people_only=people_only):
            seen[local_date(moment, window.timezone)].add(person)
    dates = [*lead, *days]
    rows = []
    for place, day in enumerate(days, start=len(lead)):
        daily, weekly, monthly = (
            len(set().union(*(seen.get(each, ()) for each in dates[max(0, place + 1 - length) : place + 1])))
            for length in (1, 7, 30)
        )
        rows.append((day, daily, weekly, monthly, 100 * daily / monthly if monthly else None))
    return rows


def lifecycle(
    events: Sequence[Event],
    orgs: Sequence[str],
    window: Window,
    *,
    per: str,
    week_start: int = 1,
    people_only: bool = True,
) -> list[tuple[date, int, int, int, int, int]]:
    """First day of each week or month, active, new, returning, resurrected, dormant; the first one counts whole."""
    first = start_of(per, window.days()[0], week_start)
    eve = first - timedelta(days=1)
    whole = replace(window, first=first, since=None)
    began = _first(events, orgs, people_only=people_only)
    seen: dict[date, set[Person]] = defaultdict(set)
    for part in (Window(window.timezone, start_of(per, eve, week_start), eve), whole):
        for person, moment in _moments(events, orgs, part, people_only=people_only):
            seen[start_of(per, local_date(moment, window.timezone), week_start)].add(person)
    rows = []
    for start in sorted({start_of(per, day, week_start) for day in _dates(whole)}):
        here, before = seen[start], seen[start_of(per, start - timedelta(days=1), week_start)]
        new = {
            person
            for person in here - before
            if start_of(per, local_date(began[person], window.timezone), week_start) == start
        }
        stayed = here & before
        rows.append((start, len(here), len(new), len(stayed), len(here - before - new), len(before - here)))
    return rows


def retention_cohorts(
    events: Sequence[Event],
    orgs: Sequence[str],
    window: Window,
    *,
    per: str,
    week_start: int = 1,
    people_only: bool = True,
) -> list[tuple[date, int, int, int, float | None]]:
    """Cohort, its size, how many weeks or months later, how many were active then, and in percent."""
    starts = sorted({start_of(per, day, week_start) for day in window.days()})
    cohorts: dict[date, set[Person]] = defaultdict(set)
    for person, moment in _first(events, orgs, people_only=people_only).items():
        if window.contains(moment):
            cohorts[start_of(per, local_date(moment, window.timezone), week_start)].add(person)
    seen: dict[date, set[Person]] = defaultdict(set)
    for person, moment in _moments(events, orgs, window, people_only=people_only):
        seen[start_of(per, local_date(moment, window.timezone), week_start)].add(person)
    rows = []
    for number, start in enumerate(starts):
        size = len(cohorts[start])
        for after, later in enumerate(starts[number:] if size else [start]):
            active = len(cohorts[start] & seen[later])
            rows.append((start, size, after, active, 100 * active / size if size else None))
    return rows


def start_of(per: str, day: date, week_start: int) -> date:
    """The first day of the week or month of a day."""
    return day.replace(day=1) if per == "month" else week_of(day, week_start)


def _dates(window: Window) -> list[date]:
    """The window's days, where it may have a first date and an instant as its end."""
    if window.until is None:
        return window.days()
    assert window.first is not None
    end = local_date(window.until - timedelta(milliseconds=1), window.timezone)
    return [day for day in Window(window.timezone, window.first, end).days() if day <= end]


def _moments(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, people_only: bool
) -> list[tuple[Person, datetime]]:
    known = list(events)
    return [
        ((org, who), moment)
        for org in orgs
        for who, moment in activity(known, org, window, people_only=people_only)
    ]


def _first(events: Sequence[Event], orgs: Sequence[str], *, people_only: bool) -> dict[Person, datetime]:
    """When each person was active for the first time ever."""
    found: dict[Person, datetime] = {}
    for person, moment in _moments(events, orgs, Window("UTC"), people_only=people_only):
        found[person] = min(moment, found.get(person, moment))
    return found


def _logins(events: Iterable[Event], orgs: Sequence[str]) -> list[Event]:
    return [
        event
        for event in distinct(events)
        if event["org_id"] in orgs
        and event["action"] == "user:login"
        and event.get("is_activity", True)
        and identity(event)
    ]


def _staff(events: Iterable[Event], orgs: Sequence[str], *, people_only: bool = True) -> set[Person]:
    """Whoever ever acted and, if people alone are asked for, last did so as one."""
    latest: dict[Person, tuple[datetime, str, str]] = {}
    for event in distinct(events):
        if event["org_id"] in orgs and identity(event):
            person = (event["org_id"], identity(event))
            acted = (when(event), event["event_id"], event.get("actor_type", "user"))
            latest[person] = max(acted, latest.get(person, acted))
    return {person for person, acted in latest.items() if not people_only or acted[2] == "user"}
