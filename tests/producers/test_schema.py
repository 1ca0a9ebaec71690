"""The JSON Schema says what the checks say, as far as JSON Schema has words for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import FIELD, FIELDS, AuditEvent, json_schema

EVENT = {
    "event_id": "01920f0e-7c5a-7b3e-8f43-0123456789ab",
    "occurred_at": "2026-01-31T12:34:56.789Z",
    "org_id": "acme",
    "action": "a:b",
}
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "null": type(None),
}


def is_of_type(value: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(
        isinstance(value, TYPES[name]) and (not isinstance(value, bool) or name == "boolean")
        for name in names
    )


def conforms(value: Any, schema: dict[str, Any]) -> bool:
    """JSON Schema 2020-12, the words our schema uses; an unknown word fails."""
    known = {
        "type",
        "enum",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "required",
        "properties",
    }
    known |= {
        "maxProperties",
        "propertyNames",
        "additionalProperties",
        "format",
        "description",
        "title",
        "x-pii",
        "$id",
        "$schema",
    }
    assert set(schema) <= known
    if "type" in schema and not is_of_type(value, schema["type"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        return (
            (re.search(schema["pattern"], value) is not None if "pattern" in schema else True)
            and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        )  # fmt: skip
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        return (
            all(name in value for name in schema.get("required", ()))
            and len(value) <= schema.get("maxProperties", len(value))
            and all(conforms(name, schema.get("propertyNames", {})) for name in value)
            and all(
                conforms(each, inner.get(name, schema.get("additionalProperties", {})))
                for name, each in value.items()
            )
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def passes_checks(event: dict[str, Any]) -> bool:
    try:
        AuditEvent(**event)
    except (InvalidEvent, TypeError):
        return False
    return True


GOOD: list[dict[str, Any]] = [
    {},
    {"event_id": EVENT["event_id"].upper()},
    {"org_id": "A" * 128},
    {"org_id": "0"},
    {"action": "x" * 128},
    {"schema_version": 1},
    {"response_code": 100},
    {"response_code": 599},
    {"actor_type": "user"},
    {"outcome": "denied"},
    {"actor_name": "x" * 4096},
    {"changes": {"a": {"before": [1, {"b": None}], "after": 2.5}}},
    {"attributes": {"s": "x" * 4096, "i": 7, "f": 0.5, "b": False, "n": None}},
    {"attributes": dict.fromkeys(map(str, range(128)), 1)},
    {"attributes": {"k" * 128: 1}},
]
BAD: list[dict[str, Any]] = [
    {"event_id": "7"},
    {"event_id": 7},
    {"event_id": EVENT["event_id"].replace("-", "")},
    {"occurred_at": 1_700_000_000},
    {"org_id": ""},
    {"org_id": "_acme"},
    {"org_id": "a b"},
    {"org_id": "A" * 129},
    {"org_id": None},
    {"action": ""},
    {"action": "x" * 129},
    {"action": None},
    {"schema_version": 2},
    {"schema_version": "1"},
    {"response_code": 99},
    {"response_code": 600},
    {"response_code": "200"},
    {"response_code": True},
    {"response_code": 200.5},
    {"actor_type": "robot"},
    {"outcome": "ok"},
    {"actor_name": 7},
    {"actor_name": "x" * 4097},
    {"changes": []},
    {"changes": "x"},
    {"attributes": []},
    {"attributes": {"a": []}},
    {"attributes": {"a": {}}},
    {"attributes": {"a": "x" * 4097}},
    {"attributes": {"": 1}},
    {"attributes": {"k" * 129: 1}},
    {"attributes": dict.fromkeys(map(str, range(129)), 1)},
]


@pytest.mark.parametrize("change", GOOD)
def test_schema_and_checks_accept_the_same(change: dict[str, Any]) -> None:
    """What one lets through, the other does."""
    assert passes_checks(EVENT | change)
    assert conforms(EVENT | change, json_schema())


@pytest.mark.parametrize("change", BAD)
def test_schema_and_checks_refuse_the_same(change: dict[str, Any]) -> None:
    """What one refuses, the other does."""
    assert not passes_checks(EVENT | change)
    assert not conforms(EVENT | change, json_schema())


@pytest.mark.parametrize("name", ["event_id", "occurred_at", "org_id", "action"])
def test_schema_requires_what_the_checks_require(name: str) -> None:
    """The four required fields."""
    event = {key: value for key, value in EVENT.items() if key != name}
    assert not conforms(event, json_schema())
    assert not passes_checks(event)


def test_schema_describes_every_field_and_marks_personal_data() -> None:
    """The schema is complete, and says which values are personal."""
    properties = json_schema()["properties"]
    assert list(properties) == list(FIELD)
    assert all(properties[field.name]["description"] == field.text for field in FIELDS)
    assert {name for name, each in properties.items() if each.get("x-pii")} == {
        field.name for field in FIELDS if field.is_pii
    }


def test_schema_is_made_afresh_each_time() -> None:
    """Whoever edits a copy does not edit the contract."""
    json_schema()["properties"]["org_id"]["pattern"] = ""
    assert json_schema()["properties"]["org_id"]["pattern"]
