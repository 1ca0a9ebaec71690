"""What holds of a whole history: nobody acts who may not, nothing is touched that does not exist."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.producers.simulation.world import PLAN, at, happened, organisations
from tests.producers.test_schema import conforms

from trailhouse.producers.actions import CATALOGUE
from trailhouse.producers.event import AuditEvent, json_schema
from trailhouse.producers.simulation.organisation import Organisation


def key(event: dict[str, Any], name: str) -> tuple[str, str]:
    return event["org_id"], event[name]


def test_nobody_acts_before_joining_or_after_leaving() -> None:
    """Told by the events alone: a roster, an account, a return let in; a deactivation shuts out."""
    inside: set[tuple[str, str]] = set()
    gone = 0
    for event in happened():
        if event["action"] in {
            "roster:user",
            "user:create",
            "team:create_service_account",
            "user:reactivate",
        }:
            inside.add(key(event, "user_asset"))
        if "actor_user_id" in event:
            assert key(event, "actor_user_id") in inside, event
        if event["action"] == "user:deactivate":
            inside.remove(key(event, "user_asset"))
            gone += 1
    assert gone > 3


def test_who_was_deactivated_was_let_in_and_who_returns_was_gone() -> None:
    """Comings and goings alternate."""
    gone: set[tuple[str, str]] = set()
    for event in happened():
        if event["action"] == "user:deactivate":
            assert key(event, "user_asset") not in gone
            gone.add(key(event, "user_asset"))
        elif event["action"] == "user:reactivate":
            gone.remove(key(event, "user_asset"))


def test_who_never_accepts_never_acts() -> None:
    """Some of the invited are only invited."""
    invited = {key(event, "user_asset") for event in happened() if event["action"] == "team:invite_user"}
    acted = {key(event, "actor_user_id") for event in happened() if "actor_user_id" in event}
    assert len(invited) > 20
    assert len(invited - acted) > 1


def test_only_what_exists_is_changed_or_deleted() -> None:
    """Entities and data sources: made before, not deleted since; a few are made again."""
    words = {"entity": ("blueprint", "entity"), "data_source": ("data_source",)}
    exists: set[tuple[str, ...]] = set()
    ever: set[tuple[str, ...]] = set()
    again = 0
    for event in happened():
        noun, _, verb = event["action"].partition(":")
        if noun not in words:
            continue
        thing = (event["org_id"], noun, *(event["attributes"][word] for word in words[noun]))
        is_done = event["response_code"] < 300
        if verb == "create":
            assert thing not in exists
            if is_done:
                again += thing in ever
                exists.add(thing)
                ever.add(thing)
        else:
            assert thing in exists, event
            if verb == "delete" and is_done:
                exists.remove(thing)
    assert again > 10
    assert len(exists) > 300


def test_targets_are_people_of_the_same_organisation() -> None:
    """Whoever is read, changed or granted something is known by then."""
    known: set[tuple[str, str]] = set()
    for event in happened():
        if event["action"] in {"roster:user", "team:invite_user", "team:create_service_account"}:
            known.add(key(event, "user_asset"))
        if event.get("user_asset") and event["action"] != "roster:alias":
            assert key(event, "user_asset") in known, event


def test_every_event_keeps_the_contract_and_is_in_the_catalogue() -> None:
    """The stream rejects none of them, the reports know all of them; the published schema says the same."""
    schema, seen = json_schema(), Counter[tuple[str, ...]]()
    for event in happened():
        AuditEvent(**event)
        kind = (event["action"], *event)
        seen[kind] += 1
        if seen[kind] <= 3:
            assert conforms(event, schema), event
    assert {event["action"] for event in happened()} <= set(CATALOGUE)


def test_nothing_lies_outside_the_days_and_ids_are_unique() -> None:
    """The window is whole UTC dates, both ends included; time goes forward."""
    times = [at(event) for event in happened()]
    assert times == sorted(times)
    assert (times[0].date(), times[-1].date()) == (PLAN.first, PLAN.until)
    assert len({event["event_id"] for event in happened()}) == len(happened())


def test_nobody_real_can_be_meant() -> None:
    """Addresses are of reserved domains and documentation networks."""
    networks = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8::")
    for event in happened():
        for mail in (event.get("actor_email"), event.get("user_email")):
            assert mail is None or mail.endswith(".example")
        assert event.get("actor_ip", networks[0]).startswith(networks)


def test_there_is_something_for_every_report() -> None:
    """People of all roles, machines, AI, automations; some of it fails."""
    roles = {event.get("actor_role") for event in happened() if event["action"] == "page:view"}
    assert {"admin", "member", "viewer"} <= roles
    kinds = Counter(event.get("actor_type") for event in happened())
    assert 0.05 < (kinds["service_account"] + kinds["system"]) / kinds.total() < 0.4
    codes = Counter(event.get("response_code") for event in happened())
    assert {200, 201, 401, 403, 404, 500} <= set(codes)


def test_members_are_counted_at_the_end() -> None:
    """Those who belong, not those who ever did."""
    for each in organisations().values():
        joined = sum(m.is_founder or m.joined is not None for m in each.staff)
        left = sum(m.left is not None and m.left < PLAN.until and m.returned is None for m in each.staff)
        assert each.members() == joined - left
        assert Organisation(each.org_id, PLAN).members() == each.members()
