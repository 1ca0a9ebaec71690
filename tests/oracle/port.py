"""Port's reports by brute force: activation, teams, logins, pages, what exists, actions and AI (requirements §7).

Events are those of the raw topic; organisations are given as a list, and a person of two counts in each. Which actions
count as activity or as a login is the catalogue's.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tests.oracle.events import Event, Window, distinct, identity, local_date, week_of, when

from trailhouse.producers.actions import classify

Person = tuple[str, str]
Team = tuple[str, str, str]


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def months_of(window: Window) -> list[date]:
    return sorted({month_of(day) for day in window.days()})


def shown(orgs: Sequence[str], events: Iterable[Event]) -> list[Event]:
    """Each event of these organisations once."""
    return [event for event in distinct(events) if event["org_id"] in orgs]


def is_person(event: Event) -> bool:
    return bool(identity(event)) and event.get("actor_type", "user") == "user"


def is_done(event: Event) -> bool:
    return event.get("outcome", "success") not in {"failure", "denied"}


def logins(events: Iterable[Event], orgs: Sequence[str]) -> list[tuple[Person, datetime]]:
    return [
        ((event["org_id"], identity(event)), when(event))
        for event in shown(orgs, events)
        if classify(event["action"]).is_login and is_done(event) and is_person(event)
    ]


def activations(
    events: Iterable[Event], orgs: Sequence[str], window: Window, week_start: int
) -> dict[Person, date]:
    """Person -> first day with a login in the third of their weeks with one; history is what lies before the end."""
    end = end_of(window)
    days: dict[Person, set[date]] = defaultdict(set)
    for who, moment in logins(events, orgs):
        if moment < end:
            days[who].add(local_date(moment, window.timezone))
    found = {}
    for who, theirs in days.items():
        weeks = sorted({week_of(day, week_start) for day in theirs})
        if len(weeks) >= 3:
            found[who] = min(day for day in theirs if week_of(day, week_start) == weeks[2])
    return found


def activated_users(
    events: Iterable[Event], orgs: Sequence[str], window: Window, week_start: int = 1
) -> list[tuple[Any, ...]]:
    found = activations(events, orgs, window, week_start)
    ranked = sorted(found, key=lambda who: (-found[who].toordinal(), who[1], who[0]))
    return [(who, org, found[org, who]) for org, who in ranked]


def activated_users_by_month(
    events: Iterable[Event], orgs: Sequence[str], window: Window, week_start: int = 1
) -> list[tuple[Any, ...]]:
    days = [month_of(day) for day in activations(events, orgs, window, week_start).values()]
    rows = []
    for month in months_of(window):
        as_of, new = sum(each <= month for each in days), days.count(month)
        growth = round(100 * new / (as_of - new), 1) if as_of - new else None
        rows.append((month, as_of, growth, new, new - days.count(month_before(month))))
    return rows


def team_logins(
    events: Iterable[Event],
    orgs: Sequence[str],
    window: Window,
    teams: Mapping[Person, set[Team]],
    *,
    least: bool,
) -> list[tuple[Any, ...]]:
    """Month, team, organisation, daily logins, difference; `teams` = (organisation, id, name) of each person."""
    whole = Window(window.timezone, month_before(months_of(window)[0]), window.last, until=window.until)
    pairs: dict[tuple[Team, date], set[tuple[Person, date]]] = defaultdict(set)
    for who, moment in logins(events, orgs):
        if whole.contains(moment):
            day = local_date(moment, window.timezone)
            for team in teams.get(who, ()):
                pairs[team, month_of(day)].add((who, day))
    rows = []
    everybody = {team for of_one in teams.values() for team in of_one if team[0] in orgs}
    for month in reversed(months_of(window)):
        sizes = {team: len(pairs[team, month]) for team in everybody}
        ranked = sorted(
            everybody,
            key=lambda team: (sizes[team] if least else -sizes[team], team[2] or team[1], team[1], team[0]),
        )
        rows += [
            (
                month,
                team[2] or team[1],
                team[0],
                sizes[team],
                sizes[team] - len(pairs[team, month_before(month)]),
            )
            for team in ranked[:10]
        ]
    return rows


def inactive_users(events: Iterable[Event], orgs: Sequence[str], window: Window) -> list[tuple[Any, ...]]:
    start = start_of(window)
    everybody = {
        (event["org_id"], identity(event))
        for event in shown(orgs, events)
        if is_person(event)
        and classify(event["action"]).is_activity
        and counts(event)
        and when(event) < start
    }
    last: dict[Person, datetime] = {}
    for who, moment in logins(events, orgs):
        if window.contains(moment):
            everybody.discard(who)
        elif moment < start:
            last[who] = max(moment, last.get(who, moment))
    first = datetime.min.replace(tzinfo=UTC)
    ranked = sorted(everybody, key=lambda who: (last.get(who, first), who[1], who[0]))
    return [(who[1], who[0], last.get(who)) for who in ranked]


def counts(event: Event) -> bool:
    """A login that did not succeed is nobody's activity."""
    return not classify(event["action"]).is_login or is_done(event)


def latest_logins(events: Iterable[Event], orgs: Sequence[str], window: Window) -> list[tuple[Any, ...]]:
    last: dict[Person, datetime] = {}
    for who, moment in logins(events, orgs):
        if window.contains(moment):
            last[who] = max(moment, last.get(who, moment))
    ranked = sorted(last, key=lambda who: (-last[who].timestamp(), who[1], who[0]))
    return [(who[1], who[0], last[who]) for who in ranked]


def popular_pages(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, admins: bool
) -> list[tuple[Any, ...]]:
    views = Counter(
        event["attributes"]["page"]
        for event in shown(orgs, events)
        if event["action"] == "page:view"
        and event.get("attributes", {}).get("page")
        and is_person(event)
        and is_done(event)
        and (event.get("actor_role", "").lower() == "admin") == admins
        and window.contains(when(event))
    )
    ranked = sorted(views, key=lambda page: (-views[page], page))
    return [(place, page, views[page]) for place, page in enumerate(ranked[:10], start=1)]


@lru_cache(maxsize=4096)
def end_of_month(month: date, timezone: str) -> datetime:
    """The first moment after the last one that shows a date of the month."""
    moment = datetime.combine((month + timedelta(days=32)).replace(day=1), datetime.min.time(), UTC)
    moment += timedelta(days=2)
    while month_of(local_date(moment - timedelta(minutes=1), timezone)) > month:
        moment -= timedelta(minutes=1)
    return moment


def end_of(window: Window) -> datetime:
    if window.until is not None:
        return window.until
    assert window.last is not None
    moment = datetime.combine(window.last, datetime.min.time(), UTC) + timedelta(days=3)
    while local_date(moment - timedelta(minutes=1), window.timezone) > window.last:
        moment -= timedelta(minutes=1)
    return moment


def start_of(window: Window) -> datetime:
    if window.since is not None:
        return window.since
    assert window.first is not None
    moment = datetime.combine(window.first, datetime.min.time(), UTC) - timedelta(days=2)
    while local_date(moment, window.timezone) < window.first:
        moment += timedelta(minutes=1)
    return moment


def order(event: Event) -> tuple[datetime, int, int]:
    """By time, then by id as ClickHouse compares ids: the second half first."""
    return when(event), *_halves(event["event_id"])


@lru_cache(maxsize=100_000)
def _halves(event_id: str) -> tuple[int, int]:
    number = uuid.UUID(event_id).int
    return number & (2**64 - 1), number >> 64


def existing(
    events: Iterable[Event], orgs: Sequence[str], kind: str, moment: datetime
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """What exists just before a moment: (organisation, blueprint, id) -> latest said source, type and name, and created."""
    things: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in sorted(shown(orgs, events), key=order):
        said = event.get("attributes", {})
        if (
            event["action"] in {f"{kind}:{verb}" for verb in ("create", "update", "delete")}
            and is_done(event)
            and said.get(kind)
        ):
            things[event["org_id"], said.get("blueprint", "") if kind == "entity" else "", said[kind]].append(
                event
            )
    found = {}
    for thing, happened in things.items():
        before = [event for event in happened if when(event) < moment]
        if before and not before[-1]["action"].endswith(":delete"):
            # A log shows what is known now: names and the creation may be said later.
            made = [event for event in happened if event["action"].endswith(":create")]
            alive = [event for event in happened if not event["action"].endswith(":delete")]
            found[thing] = {
                "source": said_last(before, "data_source") if kind == "entity" else "",
                "type": said_last(happened, "type"),
                "name": said_last(happened, "name"),
                "created": when((made or alive)[0]),
            }
    return found


def said_last(events: Iterable[Event], name: str) -> str:
    return next(
        (value for event in reversed([*events]) if (value := event.get("attributes", {}).get(name))), ""
    )


def things_by_month(
    events: Sequence[Event], orgs: Sequence[str], window: Window, kind: str
) -> list[tuple[date, int, int]]:
    months = months_of(window)
    ends = [end_of_month(month, window.timezone) for month in (month_before(months[0]), *months[:-1])]
    sizes = [len(existing(events, orgs, kind, end)) for end in (*ends, end_of(window))]
    return [
        (month, now, now - before) for month, before, now in zip(months, sizes[:-1], sizes[1:], strict=True)
    ]


def entities_by_blueprint(
    events: Sequence[Event], orgs: Sequence[str], window: Window
) -> list[tuple[str, int]]:
    counted = Counter(blueprint for _, blueprint, _ in existing(events, orgs, "entity", end_of(window)))
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


def entities_by_source(events: Sequence[Event], orgs: Sequence[str], window: Window) -> list[tuple[Any, ...]]:
    month = month_before(months_of(window)[-1])
    before, now = (
        Counter(
            (thing[1], facts["source"]) for thing, facts in existing(events, orgs, "entity", moment).items()
        )
        for moment in (end_of_month(month, window.timezone), end_of(window))
    )
    ranked = sorted({*before, *now}, key=lambda key: (-now[key], key))
    return [(*key, now[key], now[key] - before[key]) for key in ranked]


def data_sources(events: Sequence[Event], orgs: Sequence[str], window: Window) -> list[tuple[Any, ...]]:
    rows = [
        (facts["type"], facts["name"] or thing[2], thing[0], facts["created"], thing[2])
        for thing, facts in existing(events, orgs, "data_source", end_of(window)).items()
    ]
    return sorted(rows, key=lambda row: (-row[3].timestamp(), row[1], row[4], row[2]))


def happened(events: Iterable[Event], orgs: Sequence[str], window: Window, *actions: str) -> list[Event]:
    return [
        event
        for event in shown(orgs, events)
        if any(event["action"].startswith(action) for action in actions) and window.contains(when(event))
    ]


def by_month(
    events: Iterable[Event], orgs: Sequence[str], window: Window, action: str, *, each_org: bool
) -> list[tuple[Any, ...]]:
    found = Counter(
        (month_of(local_date(when(event), window.timezone)), event["org_id"])
        for event in happened(events, orgs, window, action)
    )
    totals = {month: sum(found[month, org] for org in orgs) for month in months_of(window)}
    if not each_org:
        return sorted(totals.items())
    return [
        (month, org, found[month, org], totals[month]) for month in sorted(totals) for org in sorted(orgs)
    ]


def counted(
    events: Iterable[Event], orgs: Sequence[str], window: Window, action: str, key: Callable[[Event], Any]
) -> list[tuple[Any, int]]:
    """(key, how often), more first, then by key."""
    found = Counter(key(event) for event in happened(events, orgs, window, action))
    return sorted(found.items(), key=lambda each: (-each[1], each[0]))


def triggers(events: Iterable[Event], orgs: Sequence[str], window: Window) -> list[tuple[int, int, int]]:
    via_api = sum(event.get("source") == "api" for event in happened(events, orgs, window, "action:run"))
    automations = len(happened(events, orgs, window, "automation:trigger"))
    return [(via_api + automations, via_api, automations)]


def actions_by_team(
    events: Iterable[Event], orgs: Sequence[str], window: Window, teams: Mapping[Person, set[Team]]
) -> list[tuple[Any, ...]]:
    runs: Counter[Team] = Counter()
    users: dict[Team, set[str]] = defaultdict(set)
    for event in happened(events, orgs, window, "action:run"):
        org, who = event["org_id"], identity(event)
        for team in teams.get((org, who)) or {(org, "", "")}:
            runs[team] += 1
            users[team] |= {who} - {""}
    ranked = sorted(runs, key=lambda team: (-runs[team], team[2] or team[1], team[1], team[0]))
    return [(team[2] or team[1], team[0], runs[team], len(users[team])) for team in ranked]
