from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.producers.simulation.world import PLAN, at, happened, organisations

from trailhouse.producers.simulation import Incident, Kind, Plan, Simulation
from trailhouse.producers.simulation.incident import INTRUDERS, TEXTS

INCIDENTS = Simulation(PLAN).incidents()
IDS = {event["event_id"]: event for event in happened()}
MINUTE = timedelta(minutes=1)


def of(kind: Kind) -> list[tuple[Incident, list[dict[str, Any]]]]:
    return [(each, [IDS[name] for name in each.event_ids]) for each in INCIDENTS if each.kind is kind]


def test_every_kind_takes_place_in_every_organisation() -> None:
    """A test may look for each; it knows in words what it is."""
    assert {(each.kind, each.org_id) for each in INCIDENTS} == {
        (k, org) for k in Kind for org in organisations()
    }
    assert set(TEXTS) == set(Kind)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_the_ground_is_true(kind: Kind) -> None:
    """Who, when and which events: as they were."""
    for incident, events in of(kind):
        times = [at(event) for event in events]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (incident.since, incident.until)
        assert {event["actor_user_id"] for event in events} == {incident.user_id}
        assert {event["org_id"] for event in events} == {incident.org_id}
        used = {event.get("actor_ip", "") for event in events}
        assert {ip for ip in used if ip.startswith(INTRUDERS)} <= set(incident.addresses)


def test_a_password_is_guessed() -> None:
    """Fifteen failures at least, from addresses nobody has, within minutes; then one lets in."""
    for incident, events in of(Kind.GUESSED_PASSWORD):
        logins = [event["outcome"] for event in events if event["action"] == "user:login"]
        assert logins[:-1] == ["failure"] * (len(logins) - 1)
        assert logins[-1] == "success"
        assert len(logins) > 15
        assert len({event["actor_ip"] for event in events}) >= 3
        assert incident.until - incident.since < 40 * MINUTE


def test_much_is_deleted() -> None:
    """Sixty in a quarter of an hour; nobody else deletes ten in one."""
    planned = {event["event_id"] for _, events in of(Kind.MASS_DELETION) for event in events}
    assert all(len(events) >= 60 for _, events in of(Kind.MASS_DELETION))
    assert all(each.until - each.since < 15 * MINUTE for each, _ in of(Kind.MASS_DELETION))
    others = Counter(
        (event["actor_user_id"], event["occurred_at"][:15])
        for event in happened()
        if ":delete" in event["action"] and event["event_id"] not in planned
    )
    assert max(others.values()) < 10


def test_a_privilege_is_escalated_and_taken_back() -> None:
    """They change their own role, act as an admin, and are a member again."""
    for incident, events in of(Kind.ESCALATED_PRIVILEGE):
        assert events[0]["action"] == "user:change_role"
        assert events[0]["user_asset"] == incident.user_id
        assert {event["actor_role"] for event in events} == {"admin"}
        later = {
            event["actor_role"]
            for event in happened()
            if event.get("actor_user_id") == incident.user_id
            and event["org_id"] == incident.org_id
            and at(event) > incident.until + timedelta(hours=48)
        }
        assert later <= {"member"}
    own = {
        event["event_id"]
        for event in happened()
        if event["action"] == "user:change_role" and event["user_asset"] == event["actor_user_id"]
    }
    assert own == {events[0]["event_id"] for _, events in of(Kind.ESCALATED_PRIVILEGE)}


def test_a_rotated_key_is_used() -> None:
    """After its deletion, by nobody but this incident."""
    for incident, events in of(Kind.ROTATED_KEY_USED):
        keyed = [e for e in happened() if e.get("attributes", {}).get("api_key_id") == incident.api_key]
        (deleted,) = [at(each) for each in keyed if each["action"] == "user:delete_api_key"]
        assert [each for each in keyed if at(each) > deleted] == events
        assert len(events) >= 4


def test_somebody_works_at_night() -> None:
    """Several nights between one and half past four by their own clock; an ordinary day lies elsewhere."""
    zones = {(org.org_id, m.user_id): m.office.zone for org in organisations().values() for m in org.staff}
    planned = {event["event_id"] for _, events in of(Kind.NIGHT_WORK) for event in events}
    for incident, events in of(Kind.NIGHT_WORK):
        zone = ZoneInfo(zones[incident.org_id, incident.user_id])
        local = [at(event).astimezone(zone) for event in events]
        assert {each.hour for each in local} <= {1, 2, 3, 4}
        assert len({each.date() for each in local}) >= 3
    known = {each for incident in INCIDENTS for each in incident.event_ids} - planned
    for event in happened():
        who = (event["org_id"], event.get("actor_user_id", ""))
        if who in zones and event["event_id"] not in known | planned:
            assert at(event).astimezone(ZoneInfo(zones[who])).hour not in {1, 2, 3, 4}


def test_a_service_account_is_used_in_a_browser() -> None:
    """No other ever is."""
    found = {
        event["event_id"]
        for event in happened()
        if event.get("actor_type") == "service_account" and event.get("source") == "web"
    }
    assert found == {e["event_id"] for _, events in of(Kind.SERVICE_ACCOUNT_IN_BROWSER) for e in events}
    assert all("user_agent" in IDS[each] for each in found)


def test_only_intruders_come_from_their_network() -> None:
    """An address that is new is told by that."""
    planned = {each for incident in INCIDENTS for each in incident.event_ids}
    found = {e["event_id"] for e in happened() if e.get("actor_ip", "").startswith(INTRUDERS)}
    assert found
    assert found <= planned


@pytest.mark.parametrize(("people", "days"), [(1, 1), (1, 200), (2, 3), (12, 2)])
def test_incidents_keep_to_small_plans(people: int, days: int) -> None:
    """Nothing before the first day or after the last, whoever there is to cast."""
    plan = Plan(until=date(2026, 3, 31), orgs=1, people=people, days=days)
    simulation = Simulation(plan)
    ids = {event["event_id"] for event in simulation.happened()}
    for each in simulation.incidents():
        assert plan.first <= each.since.date() <= each.until.date() <= plan.until
        assert set(each.event_ids) <= ids


def test_a_long_plan_has_more_of_them() -> None:
    """One of each kind in a quarter."""
    plan = Plan(until=date(2026, 3, 31), orgs=1, people=80, days=365)
    incidents = Simulation(plan).incidents()
    assert set(Counter(each.kind for each in incidents).values()) == {4}
    assert len({each.user_id for each in incidents}) > 15


def test_an_incident_is_shown_without_its_events() -> None:
    """JSON has the count; times are of UTC."""
    shown = INCIDENTS[0].to_dict()
    assert shown["events"] == len(INCIDENTS[0].event_ids)
    assert datetime.fromisoformat(shown["since"]) == INCIDENTS[0].since
