from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent, derive_id
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.mapping import EventMapping, compile_mapping, identify
from trailhouse.producers.importers.mapping_text import read_options

LATEST = datetime(2027, 1, 1, tzinfo=UTC)
BASE = ["occurred_at=ts", "action=type"]


def mapping(
    *maps: str, sets: tuple[str, ...] = ("org_id=acme",), time_format: str | None = None
) -> EventMapping:
    return compile_mapping(read_options([*BASE, *maps], sets, time_format), LATEST)


def event_of(row: dict[str, Any], *maps: str, sets: tuple[str, ...] = ("org_id=acme",)) -> AuditEvent:
    row = {"ts": "2026-01-31T12:00:00", "type": "page:view"} | row
    return mapping(*maps, sets=sets).event(row, "log", 1, b"raw")


def test_fields_and_attributes_come_from_where_the_mapping_says() -> None:
    """A row's values land in the fields, free facts in `attributes`, with their types."""
    event = event_of(
        {"who": {"id": 17}, "code": "404", "n": 3, "deep": {"x": [1, 2]}, "flag": False},
        *(
            "actor_user_id=who.id",
            "response_code=code",
            "attributes.n=n",
            "attributes.deep=deep",
            "attributes.flag=flag",
        ),
        sets=("org_id=acme", "attributes.origin=import", "source=log"),
    )
    assert event.actor_user_id == "17"
    assert event.response_code == 404
    assert event.occurred_at == "2026-01-31T12:00:00.000Z"
    assert event.source == "log"
    assert event.attributes == {"origin": "import", "n": 3, "deep": '{"x":[1,2]}', "flag": False}


def test_a_whole_object_may_become_the_attributes() -> None:
    """`attributes=PATH` takes an object, or JSON text that holds one, nested values as JSON text."""
    facts = {"a": 1, "b": {"c": 2}}
    assert event_of({"facts": facts}, "attributes=facts").attributes == {"a": 1, "b": '{"c":2}'}
    assert event_of({"facts": '{"a": 1}'}, "attributes=facts", "attributes.z=type").attributes == {
        "a": 1,
        "z": "page:view",
    }


def test_a_constant_stands_in_where_the_expression_finds_nothing() -> None:
    """A field that is both mapped and set takes the set value as its fallback."""
    maps, sets = ("actor_role=role",), ("org_id=acme", "actor_role=member")
    assert event_of({"role": "admin"}, *maps, sets=sets).actor_role == "admin"
    assert event_of({"role": ""}, *maps, sets=sets).actor_role == "member"


def test_absent_optional_values_are_left_out() -> None:
    """An event is sparse: what is missing, null or empty does not appear."""
    event = event_of({"mail": ""}, "actor_email=mail", "attributes.x=missing")
    assert set(event.to_dict()) == {"event_id", "occurred_at", "org_id", "action"}


@given(st.uuids())
def test_a_uuid_is_kept_and_spelled_one_way(own: uuid.UUID) -> None:
    """A foreign UUID is the event's id, in lower case."""
    assert identify("acme", str(own).upper()) == str(own)


@given(st.text(min_size=1))
def test_other_ids_become_one_uuid_per_organisation(own: str) -> None:
    """The same id gives the same UUID, another organisation another one."""
    try:
        uuid.UUID(own)
    except ValueError:
        assert identify("acme", own) == derive_id("acme", own) != identify("other", own)
        assert uuid.UUID(identify("acme", own)).version == 5


@given(st.binary(max_size=50), st.integers(1, 10**9))
def test_a_row_without_an_id_is_known_by_its_place_and_content(raw: bytes, number: int) -> None:
    """File, line and content make the id: any other of them makes another, the same ones the same."""
    rule = mapping()
    row = {"ts": "2026-01-31T12:00:00", "type": "page:view"}

    def id_of(name: str, line: int, content: bytes) -> str:
        return rule.event(row, name, line, content).event_id

    assert id_of("log", number, raw) == id_of("log", number, raw)
    assert (
        len(
            {
                id_of("log", number, raw),
                id_of("log2", number, raw),
                id_of("log", number + 1, raw),
                id_of("log", number, raw + b"x"),
            }
        )
        == 4
    )


def test_an_empty_id_counts_as_none() -> None:
    """Rows whose id is empty are told apart by their place."""
    rule = mapping("event_id=id")
    row = {"ts": "2026-01-31T12:00:00", "type": "page:view", "id": ""}
    assert rule.event(row, "log", 1, b"").event_id != rule.event(row, "log", 2, b"").event_id


@pytest.mark.parametrize(
    ("row", "maps", "field", "rule"),
    [
        ({"ts": ""}, (), "occurred_at", "nothing found at ts"),
        ({"type": None}, (), "action", "nothing found at type"),
        ({"type": "a\nb"}, (), "action", "printable"),
        ({"code": "4o4"}, ("response_code=code",), "response_code", "whole number"),
        ({"code": 4.5}, ("response_code=code",), "response_code", "whole number"),
        ({"code": True}, ("response_code=code",), "response_code", "whole number"),
        ({"code": 99}, ("response_code=code",), "response_code", "100-599"),
        ({"kind": "alien"}, ("actor_type=kind",), "actor_type", "one of"),
        ({"was": "no json"}, ("changes=was",), "changes", "JSON object"),
        ({"name": "x" * 5000}, ("actor_name=name",), "actor_name", "4096"),
        ({"big": 2**70}, ("attributes.big=big",), "attributes", "64 bits"),
    ],
)
def test_a_row_that_is_no_event_names_field_and_rule(
    row: dict[str, Any], maps: tuple[str, ...], field: str, rule: str
) -> None:
    """What cannot become an event is refused, never bent."""
    with pytest.raises(InvalidEvent) as caught:
        event_of(row, *maps)
    assert caught.value.field == field
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("maps", "sets", "words"),
    [
        (["occurred_at=ts"], ["org_id=a"], "action"),
        ([], ["org_id=a"], "occurred_at, action"),
        ([*BASE, "actor_emial=x"], ["org_id=a"], "did you mean actor_email"),
        ([*BASE, "colour=x"], ["org_id=a"], "attributes.colour"),
        ([*BASE, "attributes.=x"], ["org_id=a"], "attributes."),
        (BASE, ["org_id=a", "event_id=1"], "same identity"),
        (BASE, ["org_id=a", "response_code=abc"], "whole number"),
        (BASE, ["org_id=a", "occurred_at=never"], "ISO 8601"),
        ([*BASE, "nonsense"], ["org_id=a"], "FIELD=VALUE"),
        ([*BASE, "action=again"], ["org_id=a"], "twice"),
        (BASE, ["org_id"], "FIELD=VALUE"),
        ([*BASE, "actor_name=a~("], ["org_id=a"], "regular expression"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_a_hint(
    maps: list[str], sets: list[str], words: str
) -> None:
    """Mistakes of the command line are told before a row is read."""
    with pytest.raises(BadMapping) as caught:
        compile_mapping(read_options(maps, sets), LATEST)
    assert words in f"{caught.value} {caught.value.hint}"
