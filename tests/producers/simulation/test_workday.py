from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

import pytest
from tests.producers.simulation.world import PLAN, at, days, happened

from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.producers.simulation.workday import activity_for


def test_working_days_are_busy_and_nights_are_somewhere() -> None:
    """Working days see several times the people of a weekend; no hour of UTC is empty."""
    people: defaultdict[date, set[str]] = defaultdict(set)
    for event in happened():
        if "actor_type" not in event and "actor_user_id" in event:
            people[at(event).date()].add(event["actor_user_id"])
    working = [len(people[day]) for day in days() if day.weekday() < 5]
    weekend = [len(people[day]) for day in days() if day.weekday() >= 5]
    assert sum(working) / len(working) > 3 * sum(weekend) / len(weekend)
    assert len({at(event).hour for event in happened()}) == 24
    assert len(people[date(2025, 12, 25)]) < len(people[date(2025, 12, 11)]) / 2


def test_a_person_signs_in_and_sometimes_mistypes() -> None:
    """Failed logins are there also without an incident; every visit has a name of its own."""
    logins = Counter(event.get("outcome") for event in happened() if event["action"] == "user:login")
    assert 0.01 < logins["failure"] / logins.total() < 0.15
    visits: defaultdict[str, set[str]] = defaultdict(set)
    for event in happened():
        if "correlation_id" in event:
            visits[event["correlation_id"]].add(event["actor_user_id"])
    assert all(len(each) == 1 for each in visits.values())
    assert len(visits) > 1000


@pytest.mark.parametrize("events", [6_000, 12_000, 40_000])
def test_about_as_many_events_as_were_asked_for(events: int) -> None:
    """Within a tenth, more or fewer than people would make by themselves; and so many were expected."""
    simulation = Simulation(Plan(until=PLAN.until, orgs=2, people=30, days=40, events=events))
    made = sum(1 for _ in simulation.arrived())
    assert abs(made - events) < events / 10
    assert abs(simulation.expected() - events) < 100


def test_what_is_expected_without_being_asked_for_comes() -> None:
    """The progress bar ends where it should."""
    simulation = Simulation(PLAN)
    assert abs(sum(1 for _ in simulation.arrived()) - simulation.expected()) < simulation.expected() / 20


def test_activity() -> None:
    """Below what people do they come less often; above it they do more, and machines with them."""
    assert activity_for(50, 10, 60, 30) == 0.5
    assert activity_for(190, 10, 60, 30) == 2.0
    assert activity_for(-5, 10, 60, 30) == activity_for(5, 0, 0, 0) == 0.0
