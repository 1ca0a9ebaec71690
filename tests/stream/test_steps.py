"""`steps`: every rule of the tuple `STEPS`, seen through the line a record becomes."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.stream.factories import EVENT_ID, PEPPER, RECEIVED, RULES, at, encoded, line, line_of, with_text

from trailhouse.producers.actions import CATALOGUE, Action
from trailhouse.producers.event import FIELDS, ActorType, Outcome
from trailhouse.stream import steps
from trailhouse.stream.enriched import RULES_VERSION
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.steps import STEPS, TEXT_FIELDS, Rules

REF = Pseudonyms(PEPPER).ref
MS = timedelta(milliseconds=1)


def test_the_steps_and_their_order() -> None:
    """Later steps rely on earlier ones: nothing before the organisation is known, no hash before the actor is."""
    assert [step.__name__ for step in STEPS] == [
        "validate",
        "scope_to_org",
        "classify_action",
        "identify_people",
        "tag_pii",
        "derive_facts",
    ]


def test_the_smallest_event() -> None:
    """All of its line: place, identity, class, and nothing that does not apply."""
    assert line() == {
        "epoch": "a-topic-id",
        "partition": 3,
        "from": 0,
        "offset": 0,
        "received_at": "2026-03-02T10:00:00Z",
        "rules": RULES_VERSION,
        "org_id": "acme",
        "event_id": EVENT_ID,
        "occurred_at": "2026-03-02T09:59:59Z",
        "action": "project:read",
        "noun": "project",
        "verb": "read",
        "crud": "read",
        "category": "project",
        "is_activity": True,
        "outcome": "unknown",
        "actor_type": "anonymous",
    }


# validate


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (None, None),
        (1, None),
        (2, "unsupported_version"),
        (10**30, "unsupported_version"),
        (0, "invalid_field"),
        (-1, "invalid_field"),
    ],
)
def test_only_this_contract_is_read(version: int | None, reason: str | None) -> None:
    """A newer one waits for a newer worker; there never was an older one."""
    assert line(schema_version=version).get("reason") == reason


@pytest.mark.parametrize(
    "spelling", [EVENT_ID.upper(), EVENT_ID.replace("-", ""), f"{{{EVENT_ID}}}", f"urn:uuid:{EVENT_ID}"]
)
def test_an_event_has_one_identity(spelling: str) -> None:
    """However its UUID is written."""
    assert line(event_id=spelling)["event_id"] == EVENT_ID


@pytest.mark.parametrize(
    "event_id",
    [
        "",
        "1",
        "x" * 36,
        EVENT_ID + "0",
        EVENT_ID[:-1] + "g",
        "+" + EVENT_ID.replace("-", "")[1:],
        "1_" * 15 + "11",
        "\N{ARABIC-INDIC DIGIT ONE}" * 32,
    ],
)
def test_an_id_that_is_no_uuid_is_refused(event_id: str) -> None:
    """Not even what Python would read as a number."""
    assert line(event_id=event_id)["detail"] == "event_id: must be a UUID"


@pytest.mark.parametrize(
    "org", ["", "-acme", ".acme", "a b", "acme\n", "a/b", "ácme", "a" * 129, "alice@example.com", "'; DROP"]
)
def test_an_organisation_has_a_plain_name(org: str) -> None:
    """It stands in URLs, keys and queries."""
    found = line(org_id=org)
    assert (found["reason"], found["detail"].partition(":")[0]) == ("invalid_field", "org_id")
    assert "org_id" not in found


@pytest.mark.parametrize("org", ["a", "A.b_c:d-e", "0", "a" * 128])
def test_the_names_an_organisation_may_have(org: str) -> None:
    """Up to 128 characters."""
    assert line(org_id=org)["org_id"] == org


@pytest.mark.parametrize(
    "action", ["", "a" * 129, "a\tb", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "\ue000"]
)
def test_an_action_is_printable(action: str) -> None:
    """Nothing that hides or turns what people read in a report."""
    found = line(action=action)
    assert (found["reason"], found["detail"].partition(":")[0]) == ("invalid_field", "action")


@pytest.mark.parametrize("action", ["a", "a" * 128, "user löscht datei", "購入", "a:b:c"])
def test_any_other_action_is_welcome(action: str) -> None:
    """Unknown ones too."""
    assert line(action=action)["action"] == action


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        (timedelta(minutes=10), None),
        (timedelta(minutes=10) + MS, "clock_skew"),
        (timedelta(days=3650), "clock_skew"),
        (timedelta(0), None),
        (-timedelta(days=3650), None),
    ],
)
def test_an_event_may_be_ten_minutes_ahead_of_the_broker(delta: timedelta, reason: str | None) -> None:
    """To the millisecond; the past is welcome."""
    assert line(occurred_at=at(delta)).get("reason") == reason


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("1970-01-01T00:00:00Z", None),
        ("1969-12-31T23:59:59.999Z", "clock_skew"),
        ("1970-01-01T00:00:00+00:01", "clock_skew"),
        ("0001-01-01T00:00:00+23:59", "clock_skew"),
        ("9999-12-31T23:59:59-23:59", "clock_skew"),
    ],
)
def test_history_begins_in_1970(moment: str, reason: str | None) -> None:
    """In UTC, whatever the zone it is written in; years that no calendar has are no crash."""
    assert line(occurred_at=moment).get("reason") == reason


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-03-02T11:29:59.5+01:30", "2026-03-02T09:59:59.500000Z"),
        ("2026-03-02T09:59:59.123999Z", "2026-03-02T09:59:59.123000Z"),
        ("2026-03-02T09:59:59Z", "2026-03-02T09:59:59Z"),
    ],
)
def test_a_time_is_kept_in_utc_and_milliseconds(written: str, kept: str) -> None:
    """Cut, not rounded: an event never moves into the next day."""
    assert line(occurred_at=written)["occurred_at"] == kept


def test_the_brokers_time_is_exact() -> None:
    """Milliseconds survive their way through floating point."""
    for ms in (1, 999, 1_772_445_600_123, 1_772_445_600_999, 4_102_444_799_999):
        received = datetime.fromisoformat(line_of(None, timestamp=ms)["received_at"])
        assert (received - datetime(1970, 1, 1, tzinfo=UTC)) / MS == ms


# scope_to_org


def test_a_topic_may_belong_to_some_organisations() -> None:
    """An event of another is refused, under the other's name, so that its people see it."""
    rules = Rules(RULES.pseudonyms, frozenset({"acme", "globex"}))
    assert "reason" not in line_of(encoded(org_id="globex"), rules=rules)
    found = line_of(encoded(org_id="initech"), rules=rules)
    assert (found["reason"], found["org_id"]) == ("org_denied", "initech")


# classify_action


@pytest.mark.parametrize("action", CATALOGUE.values(), ids=lambda action: action.name)
def test_a_known_action_is_classified_by_the_catalogue(action: Action) -> None:
    """Every column of it."""
    found = line(action=action.name)
    assert (found["noun"], found["verb"]) == (action.noun, action.verb)
    assert (found["crud"], found["category"]) == (action.crud.value, action.category.value)
    assert (found.get("is_activity", False), found.get("is_login", False)) == (
        action.is_activity,
        action.is_login,
    )


def test_an_unknown_action_is_kept_and_counted() -> None:
    """Under its own name, as activity."""
    found = line(action="rocket:launch_now")
    assert (found["action"], found["noun"], found["verb"]) == ("rocket:launch_now", "rocket", "launch_now")
    assert (found["crud"], found["category"], found["is_activity"]) == ("other", "other", True)


@pytest.mark.parametrize(
    ("said", "code", "outcome"),
    [
        (None, None, "unknown"),
        (None, 100, "success"),
        (None, 200, "success"),
        (None, 399, "success"),
        (None, 400, "failure"),
        (None, 401, "denied"),
        (None, 402, "failure"),
        (None, 403, "denied"),
        (None, 404, "failure"),
        (None, 599, "failure"),
        ("success", 500, "success"),
        ("failure", 200, "failure"),
        ("denied", None, "denied"),
        ("unknown", 200, "unknown"),
    ],
)
def test_how_it_ended(said: str | None, code: int | None, outcome: str) -> None:
    """As the emitter says, else by the HTTP status."""
    found = line(outcome=said, response_code=code)
    assert (found["outcome"], found.get("response_code")) == (outcome, code)


@pytest.mark.parametrize("outcome", ["", "Success", "ok"])
def test_another_outcome_is_refused(outcome: str) -> None:
    """The list is closed."""
    assert line(outcome=outcome)["detail"] == "outcome: must be one of success, failure, denied, unknown"


@pytest.mark.parametrize(
    ("action", "outcome", "is_activity", "is_login"),
    [
        ("user:login", "success", True, True),
        ("user:login", "unknown", True, True),
        ("user:login", "failure", False, False),
        ("user:login", "denied", False, False),
        ("user:initiate_login", "success", False, False),
        ("user:initiate_login", "failure", False, False),
        ("project:read", "success", True, False),
        ("project:read", "failure", True, False),
        ("project:read", "denied", True, False),
        ("rocket:launch", "denied", True, False),
    ],
)
def test_what_counts_as_activity_and_as_a_login(
    action: str, outcome: str, is_activity: bool, is_login: bool
) -> None:
    """A refused login says nothing of the person named in it: anybody can try."""
    found = line(action=action, outcome=outcome)
    assert (found.get("is_activity", False), found.get("is_login", False)) == (is_activity, is_login)


# identify_people


@pytest.mark.parametrize(
    ("fields", "identity", "actor_type"),
    [
        ({"actor_user_id": "U-1 "}, "U-1 ", "user"),
        ({"actor_user_id": "Alice@Example.com"}, "Alice@Example.com", "user"),
        ({"actor_user_id": "u1", "actor_email": "a@b.co"}, "u1", "user"),
        ({"actor_user_id": "", "actor_email": "A@B.co"}, "a@b.co", "user"),
        ({"actor_email": "Alice@Example.com"}, "alice@example.com", "user"),
        ({"actor_email": unicodedata.normalize("NFD", "ZOË@b.co")}, "zoë@b.co", "user"),
        ({"actor_email": " "}, "", "anonymous"),
        ({}, "", "anonymous"),
        ({"actor_name": "Alice", "actor_ip": "10.0.0.1"}, "", "anonymous"),
        ({"actor_user_id": "ci", "actor_type": "service_account"}, "ci", "service_account"),
        ({"actor_type": "system"}, "", "system"),
        ({"actor_user_id": "u1", "actor_type": "anonymous"}, "", "anonymous"),
        ({"actor_email": "a@b.co", "actor_type": "anonymous"}, "", "anonymous"),
        ({"actor_type": "user"}, "", "user"),
    ],
)
def test_who_acted(fields: dict[str, str], identity: str, actor_type: str) -> None:
    """The id verbatim, else the e-mail as an identity, else nobody; the anonymous are nobody."""
    found = line(**fields)
    assert (found.get("identity", ""), found["actor_type"]) == (identity, actor_type)
    assert found.get("user_ref", 0) == REF("acme", identity)


def test_another_type_of_actor_is_refused() -> None:
    """The list is closed."""
    assert (
        line(actor_type="robot")["detail"]
        == "actor_type: must be one of user, service_account, system, anonymous"
    )


@pytest.mark.parametrize(
    "choices", [("actor_type", ActorType), ("outcome", Outcome)], ids=["actor_type", "outcome"]
)
def test_every_choice_of_the_contract_is_taken(choices: tuple[str, Any]) -> None:
    """Neither list is shorter here than there."""
    name, members = choices
    assert [line(**{name: each.value})[name] for each in members] == [each.value for each in members]


# tag_pii


PII_TEXTS = [field.name for field in FIELDS if field.is_pii and field.kind == "text"]
TEXTS = [field.name for field in FIELDS if not field.is_pii and field.kind == "text"]


@pytest.mark.parametrize("name", PII_TEXTS)
def test_a_personal_field_goes_to_pii_alone(name: str) -> None:
    """Whatever it holds."""
    found = line(**{name: "harmless"})
    assert (found["pii"], found["pii_tags"], name in found) == ({name: "harmless"}, [name], False)


@pytest.mark.parametrize("name", TEXTS)
def test_other_text_stays(name: str) -> None:
    """Where it holds nothing personal."""
    found = line(**{name: "harmless"})
    assert (found[name], "pii" in found, "pii_tags" in found) == ("harmless", False, False)


@pytest.mark.parametrize("name", TEXTS)
def test_other_text_is_searched(name: str) -> None:
    """What it holds of persons is named in place and kept in `pii`."""
    text = "by bob@example.com from 10.1.2.3"
    found = line(**{name: text})
    assert (found[name], found["pii"]) == ("by <email> from <ip>", {name: text})
    assert found["pii_tags"] == [f"{name}:email", f"{name}:ip"]


def test_an_action_is_searched() -> None:
    """Its name is classified and kept without what it held."""
    found = line(action="run:delete bob@example.com")
    assert (found["action"], found["noun"], found["verb"]) == ("run:delete <email>", "run", "delete <email>")
    assert (found["crud"], found["category"]) == ("delete", "run")
    assert (found["pii"], found["pii_tags"]) == ({"action": "run:delete bob@example.com"}, ["action:email"])


def test_changes_are_kept_apart_and_their_names_shown() -> None:
    """As the text they came in; a name that is an address is not shown."""
    found = line_of(with_text(b'"changes":{"role":{"before": "a","after":1e2},"bob@example.com":null}'))
    assert found["pii"] == {"changes": '{"role":{"before": "a","after":1e2},"bob@example.com":null}'}
    assert (found["changed_fields"], found["pii_tags"]) == (["role", "<email>"], ["changes"])


def test_attributes_become_text() -> None:
    """Scalars as JSON writes them; null is nothing."""
    attributes = {"s": "x", "i": 7, "f": 1.5, "w": 2.0, "yes": True, "no": False, "none": None, "empty": ""}
    found = line(attributes=attributes)
    assert found["attributes"] == {
        "s": "x",
        "i": "7",
        "f": "1.5",
        "w": "2.0",
        "yes": "true",
        "no": "false",
        "empty": "",
    }
    assert "pii" not in found


def test_attributes_are_searched_by_value() -> None:
    """Numbers too."""
    found = line(attributes={"note": "ask bob@example.com", "card": 4111111111111111})
    assert found["attributes"] == {"note": "ask <email>", "card": "<card>"}
    assert found["pii"] == {"attributes.note": "ask bob@example.com", "attributes.card": "4111111111111111"}
    assert found["pii_tags"] == ["attributes.note:email", "attributes.card:card"]


def test_attributes_are_hidden_by_name() -> None:
    """Whatever their value looks like."""
    found = line(attributes={"user_name": "bob", "clientSecret": "s3cr3t", "phoneNumber": 5551234567})
    assert found["attributes"] == {
        "user_name": "<personal>",
        "clientSecret": "<token>",
        "phoneNumber": "<personal>",
    }
    assert found["pii"] == {
        "attributes.user_name": "bob",
        "attributes.clientSecret": "s3cr3t",
        "attributes.phoneNumber": "5551234567",
    }
    assert found["pii_tags"] == [
        "attributes.user_name:personal",
        "attributes.clientSecret:token",
        "attributes.phoneNumber:personal",
    ]


def test_attributes_may_have_personal_names() -> None:
    """Two that look alike once redacted stay two."""
    found = line(attributes={"bob@example.com": 1, "carla@example.com": "2", "plain": "3"})
    assert sorted(found["attributes"].values()) == ["1", "2", "3"]
    assert not [name for name in found["attributes"] if "@" in name]
    assert found["pii"] == {"attributes.bob@example.com": "1", "attributes.carla@example.com": "2"}
    assert not [tag for tag in found["pii_tags"] if "@" in tag]


def test_unknown_fields_are_searched_too() -> None:
    """By name and by value."""
    found = line(reviewer="bob@example.com", home_phone="5551234567", nested={"a": "carla@example.com"})
    assert found["attributes"] == {
        "extra.reviewer": "<email>",
        "extra.home_phone": "<personal>",
        "extra.nested": "<nested>",
    }
    assert found["pii"]["attributes.extra.nested"] == '{"a": "carla@example.com"}'
    assert REF("acme", "carla@example.com") in found["subject_refs"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("203.0.113.77", "extra.<ip>.0"),
        ("ann@corp.example", "extra.<email>.0"),
        ("clientSecret", "extra.clientSecret"),
    ],
)
def test_the_names_of_unknown_fields_are_searched_as_they_came(name: str, shown: str) -> None:
    """The prefix they get hides nothing from the patterns, and subjects are those of the bare name."""
    found = line(**{name: "x"})
    assert list(found["attributes"]) == [shown]
    assert found["pii"][f"attributes.extra.{name}"] == "x"
    if "@" in name:
        assert REF("acme", name) in found["subject_refs"]


def test_nothing_nested_is_shown_whatever_its_escapes() -> None:
    """Nobody vouches for what lies inside an object this version does not know."""
    raw = encoded()[:-1] + b',"who":{"m":"x\\u0040corp.example","password":"hunter2pw"},"tokens":["abcdef"]}'
    found = line_of(raw)
    assert found["attributes"] == {"extra.who": "<nested>", "extra.tokens": "<nested>"}
    assert REF("acme", "x@corp.example") in found["subject_refs"]


# identify_people, tag_pii: subjects


def test_persons_have_refs_in_place_of_names() -> None:
    """Actor, target and address each have one."""
    found = line(actor_user_id="u1", user_asset="u2", actor_ip="10.0.0.1")
    assert found["user_ref"] == REF("acme", "u1")
    assert found["target_ref"] == REF("acme", "u2")
    assert found["address_ref"] == REF("acme", "10.0.0.1")


def test_refs_are_of_one_organisation() -> None:
    """The same person elsewhere is somebody else."""
    assert line(actor_user_id="u1")["user_ref"] != line(actor_user_id="u1", org_id="globex")["user_ref"]


def test_a_target_without_an_id_is_known_by_its_address() -> None:
    """As an actor is."""
    assert line(user_email="Bob@Example.com")["target_ref"] == REF("acme", "bob@example.com")
    assert line(user_asset="u2", user_email="bob@example.com")["target_ref"] == REF("acme", "u2")


@pytest.mark.parametrize(
    ("fields", "subjects"),
    [
        ({}, []),
        ({"actor_name": "Alice", "actor_ip": "10.0.0.1"}, []),
        ({"actor_user_id": "u1", "actor_email": "A@b.co"}, ["u1", "a@b.co"]),
        ({"actor_email": "a@b.co"}, ["a@b.co"]),
        ({"actor_user_id": "u1", "actor_email": "a@b.co", "actor_type": "anonymous"}, ["u1", "a@b.co"]),
        ({"actor_user_id": "u1", "user_asset": "u2", "user_email": "b@b.co"}, ["u1", "u2", "b@b.co"]),
        ({"actor_user_id": "u1", "user_asset": "u1"}, ["u1"]),
        ({"user_agent": "bot (+C@b.co)"}, ["+c@b.co", "c@b.co"]),
        ({"attributes": {"note": "ask C@b.co or d@b.co"}}, ["c@b.co", "d@b.co"]),
        ({"attributes": {"contact_email": "c@b.co"}}, ["c@b.co"]),
        ({"attributes": {"url": "/x?mail=c@b.co"}}, ["/x?mail=c@b.co", "c@b.co"]),
        ({"changes": {"owner": {"before": "\nC@b.co", "after": "zoë@b.co"}}}, ["c@b.co", "zoë@b.co"]),
        ({"action": "run:delete c@b.co"}, ["c@b.co"]),
        ({"project_name": "c@b.co's project"}, ["c@b.co"]),
        ({"later": ["c@b.co"]}, ["c@b.co"]),
        ({"attributes": {"alias_of_user": "U2"}}, []),
        ({"action": "roster:alias", "attributes": {"alias_of_user": "U2"}}, ["U2", "u2"]),
    ],
)
def test_everyone_an_event_speaks_of_is_listed(fields: dict[str, Any], subjects: list[str]) -> None:
    """Whoever asks to be forgotten is found by it, once each."""
    found = line_of(json.dumps({**json.loads(encoded()), **fields}).encode())
    assert found.get("subject_refs", []) == sorted(REF("acme", subject) for subject in subjects)


# derive_facts


def test_the_network_of_an_event() -> None:
    """Known only where an address is."""
    assert line(actor_ip="8.8.8.8")["network"] == "public"
    assert "network" not in line()


@pytest.mark.parametrize(
    ("age", "tags"),
    [(timedelta(days=400), None), (timedelta(days=400) + MS, ["late"]), (timedelta(days=9000), ["late"])],
)
def test_events_older_than_400_days_are_tagged(age: timedelta, tags: list[str] | None) -> None:
    """So that whoever looks at what arrives can tell history from delay."""
    assert line(occurred_at=at(-age)).get("tags") == tags


def test_the_steps_know_no_clock() -> None:
    """Everything that looks like one stays out of the module."""
    names = set(vars(steps))
    assert names.isdisjoint({"time", "datetime", "random", "os"})
    assert RECEIVED.tzinfo is UTC


def test_every_text_field_is_handed_on_or_taken_out() -> None:
    """The contract's text fields without personal data, and the action, are what `tag_pii` scans."""
    texts = {field.name for field in FIELDS if field.kind == "text" and not field.is_pii}
    assert set(TEXT_FIELDS) == {*texts, "action"}
