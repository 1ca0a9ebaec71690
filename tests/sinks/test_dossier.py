"""What a person gets to see: all that is held about them, and nothing that is held about others."""

from __future__ import annotations

import json
from typing import Any

from tests.sinks.lines import enriched, event
from tests.sinks.people import ANNA, ANNA_ACTS, ANNA_ID, BOB, OLD_ANNA, PSEUDONYMS, WHO_ANNA_IS, anna, store

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.dossier import OTHERS, dossier, own_values
from trailhouse.sinks.erasure import erase
from trailhouse.sinks.hold import place
from trailhouse.sinks.person import find_person


def test_everything_about_the_person_and_nothing_about_others(database: Client) -> None:
    """Each event she is in, once, with what she is in it; Bob, who did them, is not named."""
    store(database)
    hold = place(database, "acme", [], reason="case of somebody", placed_by="legal")
    found = list(dossier(database, anna(database)))
    text = json.dumps(found).lower()
    assert "bob" not in text
    assert "carl" not in text
    assert "case of somebody" not in text
    events = {each["event_id"]: each for each in found if each["kind"] == "event"}
    assert set(events) == {each["event_id"] for each in WHO_ANNA_IS}
    by_number = [events[event(number)["event_id"]] for number in range(1, 8)]
    assert [each["as"] for each in by_number] == [["actor"]] * 2 + [["target"]] * 2 + [["named"]] * 3
    assert by_number[0]["pii"] == {
        "actor_user_id": ANNA_ID,
        "actor_email": ANNA,
        "actor_name": "Anna Canary",
    }
    assert by_number[2]["pii"] == {"user_asset": ANNA_ID}
    assert by_number[4]["pii"] == {"attributes.note": f"asked {ANNA} to look"}
    assert by_number[5]["pii"] == {"changes": OTHERS}
    assert by_number[6]["pii"] == {"actor_name": OTHERS}
    assert by_number[0]["occurred_at"] == "2025-12-01T08:07:00.000Z"
    (person,) = [each for each in found if each["kind"] == "person"]
    assert {ANNA_ID, ANNA.lower(), OLD_ANNA} <= set(person["identities"])
    assert [each["email"] for each in found if each["kind"] == "directory"][-1] == OLD_ANNA
    assert [each["hold"] for each in found if each["kind"] == "hold"] == [hold.hold_id]
    assert sum(each.get("quarter_hours", 0) for each in found if each["kind"] == "active_day") == 1

    everything = json.dumps(list(dossier(database, anna(database), with_others=True))).lower()
    assert "bob@example.org" in everything


def test_from_where_and_with_which_key(database: Client) -> None:
    """What is kept of a person's addresses, clients and keys, and nobody else's."""
    used = {"actor_ip": "203.0.113.7", "user_agent": "curl/8.4.0", "attributes": {"api_key_id": "k1"}}
    theirs = [event(1, **ANNA_ACTS, **used), event(2, **ANNA_ACTS, **(used | {"user_agent": "curl/8.5.0"}))]
    others = event(3, **BOB, **(used | {"actor_ip": "203.0.113.8", "attributes": {"api_key_id": "k2"}}))
    login = event(
        4, **ANNA_ACTS, action="user:login", outcome="success", occurred_at="2025-12-01T08:29:00.000Z"
    )
    insert_lines(database, "landing", enriched([*theirs, others, login]))
    found = list(dossier(database, anna(database)))
    sightings = {each["what"]: each for each in found if each["kind"] == "sighting"}
    assert set(sightings) == {"address", "client"}
    assert sightings["client"]["value"] == "curl"
    assert sightings["client"]["last"] == theirs[1]["occurred_at"]
    (day,) = [each for each in found if each["kind"] == "key_day"]
    assert (day["api_key_id"], day["quarter_hours"], day["day"]) == ("k1", 1, "2025-12-01")
    (logins,) = [each for each in found if each["kind"] == "logins"]
    assert logins["quarter_hours_from"] == ["2025-12-01T08:15:00Z"]


def test_of_one_who_was_erased_only_hashes_are_held(database: Client) -> None:
    """Events by their refs, when it was asked, and no plain text but what was asked with."""
    store(database)
    erase(database, anna(database), reason="ticket", erased_by="ops", patience_s=0)
    found = list(dossier(database, find_person(database, PSEUDONYMS, "acme", [ANNA_ID])))
    kinds = [each["kind"] for each in found]
    assert set(kinds) == {"person", "active_day", "first_active", "erased", "event"}
    assert [each for each in found if "pii" in each] == []
    assert "canary" not in json.dumps(found).lower()


def test_own_values() -> None:
    """Field by field: own fields by role, other values as long as they name nobody else."""
    pii = {
        "actor_email": "ann@example.org",
        "user_email": "bob@example.org",
        "project_name": "moon",
        "attributes.note": "to ANN@example.org",
        "attributes.link": "see **ann@example.org** or ?mail=ann%40example.org",
        "attributes.cc": "ann@example.org, bob@example.org",
        "changes": json.dumps({"mail": "bob@example.org"}),
    }

    def own(*roles: str) -> dict[str, Any]:
        return own_values(pii, roles, ["ann@example.org"])

    assert own("actor") == {
        "actor_email": "ann@example.org",
        "project_name": "moon",
        "attributes.note": "to ANN@example.org",
        "attributes.link": pii["attributes.link"],
        "attributes.cc": OTHERS,
        "changes": OTHERS,
    }
    assert own_values(pii, ["target"], ["bob@example.org"]) == {
        "user_email": "bob@example.org",
        "attributes.cc": OTHERS,
        "changes": pii["changes"],
    }
    assert own_values(pii, ["named"], ["eve@example.org"]) == {}
