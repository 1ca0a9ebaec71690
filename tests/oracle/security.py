"""The security reports by brute force: who tried, deleted, changed rights and came from where, one event at a time.

Events are dicts as on the raw topic. Rows are those of the reports, in their order, for a caller who may read names and
addresses. What an action does is said here once more, by its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.events import Event, Window, distinct, identity, local_date, when

Row = tuple[Any, ...]
FAILED = {"failure", "denied"}
DELETIONS = {
    "run:delete_many": True,
    "entity:delete": False,
    "user:delete_api_key": False,
    "team:uninvite": False,
}
KINDS = {
    "team:create_service_account": "service_account",
    "user:create_api_key": "key",
    "user:delete_api_key": "key",
    "user:assign_seat": "seat",
    "user:release_seat": "seat",
    "user:change_role": "role",
    "team:invite_user": "team",
    "team:uninvite": "team",
    "workspace:grant": "workspace",
    "workspace:revoke": "workspace",
    "user:deactivate": "account",
    "access:grant_admin": "other",
}
WEEKDAYS = {
    "mon-fri": {1, 2, 3, 4, 5},
    "mon-sat": {1, 2, 3, 4, 5, 6},
    "sun-thu": {7, 1, 2, 3, 4},
    "every": {1, 2, 3, 4, 5, 6, 7},
    "none": set[int](),
}


def failed_logins(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, by: str = "actor", minimum: int = 5
) -> list[Row]:
    tried: dict[Row, list[Event]] = defaultdict(list)
    for event in _of(events, orgs):
        if event["action"] == "user:login" and window.contains(when(event)):
            who = "" if by == "address" else identity(event)
            place = "" if by == "actor" else event.get("actor_ip", "")
            tried[event["org_id"], who, place].append(event)
    rows = []
    for key, logins in tried.items():
        failed = sorted((each for each in logins if has_failed(each)), key=when)
        if len(failed) >= minimum:
            alarm = when(failed[minimum - 1])
            after = [when(each) for each in logins if not has_failed(each) and when(each) > alarm]
            rows.append(
                (
                    *key,
                    len(failed),
                    len({identity(each) for each in failed} - {""}),
                    len({each.get("actor_ip", "") for each in failed} - {""}),
                    when(failed[0]),
                    when(failed[-1]),
                    min(after, default=None),
                )
            )
    return sorted(rows, key=lambda row: (-row[3], -row[7].timestamp(), *row[:3]))


def first_seen_addresses(
    events: Iterable[Event],
    orgs: Sequence[str],
    window: Window,
    clients: Mapping[str, str],
    *,
    kind: str = "all",
    known_for: int = 1,
    people_only: bool = True,
) -> list[Row]:
    """`clients`: what each user agent is called without its versions."""
    seen: dict[Row, list[datetime]] = defaultdict(list)
    known: dict[Row, datetime] = {}
    for event in _of(events, orgs):
        actor = (event["org_id"], identity(event), event.get("actor_type", "user"))
        if not identity(event) or not is_activity(event) or (people_only and actor[2] != "user"):
            continue
        known[actor] = min(when(event), known.get(actor, when(event)))
        for what, value in (
            ("address", event.get("actor_ip")),
            ("client", clients.get(event.get("user_agent", ""))),
        ):
            if value and kind in {"all", what}:
                seen[*actor, what, value].append(when(event))
    rows = []
    for key, moments in seen.items():
        age = min(moments) - known[key[:3]]
        if window.contains(min(moments)) and age > timedelta() and age >= timedelta(days=known_for):
            rows.append((*key, min(moments), max(moments), known[key[:3]]))
    return sorted(rows, key=lambda row: (-row[5].timestamp(), *row[:2], row[3], row[4], row[2]))


def many_deletions(
    events: Iterable[Event],
    orgs: Sequence[str],
    window: Window,
    *,
    minimum: int = 20,
    minutes: int = 10,
    people_only: bool = False,
) -> list[Row]:
    done: dict[Row, list[Event]] = defaultdict(list)
    for event in _of(events, orgs):
        actor = (event["org_id"], identity(event), event.get("actor_type", "user"))
        if (
            event["action"] in DELETIONS
            and not has_failed(event)
            and identity(event)
            and window.contains(when(event))
            and (not people_only or actor[2] == "user")
        ):
            done[actor].append(event)
    rows = []
    for actor, deletions in done.items():
        windows = [
            {
                number
                for number, other in enumerate(deletions)
                if timedelta() <= when(other) - when(each) <= timedelta(minutes=minutes)
            }
            for each in deletions
        ]
        for burst in _joined([each for each in windows if len(each) >= minimum]):
            inside = [deletions[number] for number in burst]
            rows.append(
                (
                    *actor,
                    len(inside),
                    sum(DELETIONS[each["action"]] for each in inside),
                    max(len(each) for each in windows if each <= burst),
                    min(map(when, inside)),
                    max(map(when, inside)),
                    ", ".join(sorted({each["action"] for each in inside})),
                )
            )
    return sorted(rows, key=lambda row: (-row[3], -row[7].timestamp(), *row[:3]))


def privilege_changes(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, kind: str = "all", outcome: str = "all"
) -> list[Row]:
    ours = _of(events, orgs)
    rows = []
    for event in ours:
        attributes, ended = event.get("attributes", {}), event.get("outcome", "unknown")
        about = KINDS.get(event["action"], "")
        if event["action"] == "user:update" and "role" in attributes:
            about = "role"
        if (
            about
            and window.contains(when(event))
            and kind in {"all", about}
            and outcome in {"all", "refused" if has_failed(event) else "done"}
        ):
            seat = attributes.get("seat", "Full") if event["action"] == "user:assign_seat" else ""
            item = attributes.get("api_key_id", "") if about == "key" else event.get("entity_asset", "")
            rows.append(
                (
                    when(event),
                    event["org_id"],
                    identity(event),
                    event["action"],
                    about,
                    event.get("user_asset", ""),
                    attributes.get("workspace", item) if about == "workspace" else item,
                    _role_before(ours, event)
                    if about in {"role", "team", "account", "service_account"}
                    else "",
                    attributes.get("role", seat),
                    ended,
                    event["event_id"],
                )
            )
    rows.sort(key=lambda row: (-row[0].timestamp(), row[1], row[-1]))
    return [row[:-1] for row in rows]


def api_key_use_after_rotation(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, grace: int = 0
) -> list[Row]:
    ended: dict[Row, tuple[datetime, str]] = {}
    used: dict[Row, list[datetime]] = defaultdict(list)
    for event in sorted(_of(events, orgs), key=when):
        key = (event["org_id"], event.get("attributes", {}).get("api_key_id", ""))
        if not key[1] or event["action"] == "user:create_api_key":
            continue
        if event["action"] == "user:delete_api_key":
            if not has_failed(event):
                ended.setdefault(key, (when(event), identity(event)))
        elif window.contains(when(event)):
            who = identity(event)
            used[*key, who, event.get("actor_type", "user") if who else "anonymous"].append(when(event))
    rows = []
    for (org, name, who, actor_type), moments in used.items():
        end, by = ended.get((org, name), (None, ""))
        if end is not None and max(moments) > end + timedelta(minutes=grace):
            quarters = {each for each in map(_quarter, moments) if each >= end}
            rows.append((org, name, end, by, who, actor_type, max(moments), len(quarters)))
    return sorted(rows, key=lambda row: (-row[6].timestamp(), *row[:2], row[4], row[5]))


def activity_outside_working_hours(
    events: Iterable[Event],
    orgs: Sequence[str],
    window: Window,
    *,
    starts: int = 8,
    ends: int = 18,
    weekdays: str = "mon-fri",
    minimum: int = 1,
    people_only: bool = True,
) -> list[Row]:
    zone = ZoneInfo(window.timezone)
    active: dict[Row, set[datetime]] = defaultdict(set)
    outside: dict[Row, set[datetime]] = defaultdict(set)
    days: dict[Row, set[date]] = defaultdict(set)
    hours: Callable[[int], bool] = (
        (lambda hour: starts <= hour < ends)
        if starts <= ends
        else (lambda hour: hour >= starts or hour < ends)
    )
    for event in _of(events, orgs):
        if (
            not is_activity(event)
            or not identity(event)
            or (people_only and event.get("actor_type", "user") != "user")
            or not window.contains(when(event))
        ):
            continue
        who, local = (event["org_id"], identity(event)), when(event).astimezone(zone)
        active[who].add(_quarter(when(event)))
        if not (hours(local.hour) and local.isoweekday() in WEEKDAYS[weekdays]):
            outside[who].add(_quarter(when(event)))
            days[who].add(local_date(when(event), window.timezone))
    rows = [
        (*who, len(found), len(active[who]), round(100 * len(found) / len(active[who]), 1), len(days[who]))
        for who, found in outside.items()
        if len(found) >= minimum
    ]
    return sorted(rows, key=lambda row: (-row[2], -row[3], *row[:2]))


def service_accounts_used_by_people(
    events: Iterable[Event], orgs: Sequence[str], window: Window, *, minimum: int = 1
) -> list[Row]:
    signs: dict[Row, list[tuple[Event, list[bool]]]] = defaultdict(list)
    for event in _of(events, orgs):
        if event.get("actor_type") == "service_account" and identity(event) and window.contains(when(event)):
            found = [
                event["action"] == "user:login" and not has_failed(event),
                event["action"].startswith("page:"),
                event.get("source") == "web",
                event.get("user_agent", "").startswith(("Mozilla/", "Opera/")),
            ]
            if any(found):
                signs[event["org_id"], identity(event)].append((event, found))
    rows = []
    for who, each in signs.items():
        if len(each) >= minimum:
            moments = [when(event) for event, _ in each]
            counts = [sum(found[number] for _, found in each) for number in range(4)]
            addresses = {event.get("actor_ip", "") for event, _ in each} - {""}
            rows.append((*who, len(each), *counts, len(addresses), min(moments), max(moments)))
    return sorted(rows, key=lambda row: (-row[2], -row[9].timestamp(), *row[:2]))


def has_failed(event: Event) -> bool:
    return event.get("outcome") in FAILED


def is_activity(event: Event) -> bool:
    return event["action"] != "user:initiate_login" and not (
        event["action"] == "user:login" and has_failed(event)
    )


def _of(events: Iterable[Event], orgs: Sequence[str]) -> list[Event]:
    return [event for event in distinct(events) if event["org_id"] in orgs]


def _quarter(moment: datetime) -> datetime:
    """The beginning of its quarter-hour; every zone's offset is whole ones."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _role_before(events: Iterable[Event], event: Event) -> str:
    """What was said last of the role of whom it is about, before."""
    whom = event.get("user_asset", "")
    said = [
        (when(each), each["event_id"], each["attributes"]["role"])
        for each in events
        if whom
        and each.get("user_asset") == whom
        and each["org_id"] == event["org_id"]
        and each["action"].startswith(("user:", "team:"))
        and "role" in each.get("attributes", {})
        and not has_failed(each)
        and when(each) < when(event)
    ]
    return max(said)[2] if said else ""


def _joined(windows: list[set[int]]) -> list[set[int]]:
    """Windows that share anything, put together."""
    bursts: list[set[int]] = []
    for each in windows:
        shared = [burst for burst in bursts if burst & each]
        bursts = [burst for burst in bursts if not burst & each] + [each.union(*shared)]
    return bursts
