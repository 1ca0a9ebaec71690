from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from itertools import accumulate

import pytest

from trailhouse.producers.actions import CATALOGUE
from trailhouse.producers.company import generate
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.habits import ADMIN, WEIGHTS
from trailhouse.producers.roster import MACHINES

END = date(2026, 3, 31)


@cache
def events(seed: int = 1, people: int = 60, days: int = 42) -> tuple[AuditEvent, ...]:
    return tuple(generate(seed, people=people, days=days, end=END, org_id="acme"))


def deeds(of: Iterable[AuditEvent]) -> set[str]:
    """Ids of what people and machines do. What the roster says of the machines is the same for every company."""
    return {event.event_id for event in of if event.source != "roster"}


def moment(event: AuditEvent) -> datetime:
    return datetime.fromisoformat(event.occurred_at)


def test_the_same_seed_gives_the_same_company_and_another_one_another() -> None:
    """A demo can be repeated: equal arguments, equal events in equal order."""
    assert tuple(generate(1, people=60, days=42, end=END, org_id="acme")) == events()
    assert deeds(events()).isdisjoint(deeds(events(seed=2)))


def test_ninety_days_of_two_hundred_people_are_thirty_to_fifty_thousand_events() -> None:
    """Enough to look at, little enough to wait for."""
    assert 30_000 <= len(events(people=200, days=90)) <= 50_000


def test_every_action_is_in_the_catalogue() -> None:
    """What the company does is what the reports know."""
    assert {event.action for event in events(people=200, days=90)} <= set(CATALOGUE)
    named = {action for weights in (*WEIGHTS.values(), ADMIN) for action in weights}
    assert named | {action for machine in MACHINES for action in machine.actions} <= set(CATALOGUE)


def test_no_event_lies_outside_the_days_asked_for() -> None:
    """The window is whole UTC dates, the last one included."""
    days = {moment(event).date() for event in events()}
    assert (min(days), max(days)) == (END - timedelta(days=41), END)


def test_weekends_are_quiet_and_people_sleep_in_their_own_zones() -> None:
    """Working days see several times the people of a weekend; no hour of the day is empty."""
    people: defaultdict[date, set[str]] = defaultdict(set)
    for event in events():
        if event.actor_type is None and event.actor_user_id:
            people[moment(event).date()].add(event.actor_user_id)
    working = [len(who) for day, who in people.items() if day.weekday() < 5]
    weekend = [len(who) for day, who in people.items() if day.weekday() >= 5]
    assert sum(working) / len(working) > 3 * sum(weekend) / len(weekend)
    assert len({moment(event).hour for event in events()}) == 24


def test_events_arrive_nearly_in_order_some_late_a_few_twice() -> None:
    """Resends are exact (same id, same bytes); lateness is real but rare."""
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for event in events():
        contents[event.event_id].add(event.to_bytes())
    assert all(len(each) == 1 for each in contents.values())
    repeats = len(events()) - len(contents)
    assert 0.001 < repeats / len(contents) < 0.02
    newest = accumulate(map(moment, events()), max)
    late = sum(
        moment(event) < before - timedelta(minutes=2) for event, before in zip(events(), newest, strict=True)
    )
    assert 0.01 < late / len(events()) < 0.02


def test_people_come_and_go_and_cannot_act_before_or_after() -> None:
    """An invitation precedes the first act, a deactivation ends them; some never come."""
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    invited: dict[str, datetime] = {}
    gone: dict[str, datetime] = {}
    for event in sorted(events(people=200, days=90), key=moment):
        if event.action == "team:invite_user" and event.user_asset:
            invited[event.user_asset] = moment(event)
        elif event.action == "user:deactivate" and event.user_asset:
            gone[event.user_asset] = moment(event)
        if event.actor_user_id:
            first.setdefault(event.actor_user_id, moment(event))
            last[event.actor_user_id] = moment(event)
    day = timedelta(days=1)
    assert len(invited) > 20
    assert len(gone) > 5
    assert all(at > invited[who] - day for who, at in first.items() if who in invited)
    assert all(last[who] < at + day for who, at in gone.items() if who in last)
    assert set(invited) - set(first)


def test_everybody_is_on_the_roster_or_invited() -> None:
    """Nobody acts whom the directory could not place: a role, a team, a day on which they were added."""
    listed = {event.user_asset for event in events() if event.action in {"roster:user", "team:invite_user"}}
    assert {event.actor_user_id for event in events()} - {None} <= listed
    first = min(map(moment, events()))
    assert {moment(event) for event in events() if event.source == "roster"} == {first}


def test_there_are_machines_failed_logins_and_admins_among_members() -> None:
    """What the reports tell apart is there to be told apart."""
    kinds = Counter(event.actor_type for event in events())
    assert kinds["service_account"] > 0 < kinds["system"]
    logins = Counter(event.outcome for event in events() if event.action == "user:login")
    assert 0 < logins["failure"] < logins["success"]
    roles = {event.actor_role for event in events() if event.action == "page:view"}
    assert roles == {"admin", "member", "viewer"}


def test_nobody_real_can_be_meant() -> None:
    """Addresses are of reserved domains and documentation networks."""
    for event in events():
        for mail in (event.actor_email, event.user_email):
            assert mail is None or mail.endswith("@example.com")
        assert event.actor_ip is None or event.actor_ip.startswith(
            ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8::")
        )


@pytest.mark.parametrize(("people", "days"), [(1, 1), (3, 2), (5, 400)])
def test_small_and_long_companies_work(people: int, days: int) -> None:
    """No size is special."""
    assert all(
        event.org_id == "tiny" for event in generate(3, people=people, days=days, end=END, org_id="tiny")
    )
