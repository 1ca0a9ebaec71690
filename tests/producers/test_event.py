"""The event contract, rule by rule."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
import typing
import uuid
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import (
    EVENT_BYTES_MAX,
    FIELD,
    FIELDS,
    REQUIRED,
    ActorType,
    AuditEvent,
    EventFields,
    Outcome,
    encode,
    new_fields,
)

ID = "01920f0e-7c5a-7b3e-8f43-0123456789ab"
TIME = "2026-01-31T12:34:56.789Z"


def fields(**overrides: Any) -> dict[str, Any]:
    return {"event_id": ID, "occurred_at": TIME, "org_id": "acme", "action": "project:delete"} | overrides


def refusal(**overrides: Any) -> InvalidEvent:
    """What `new`, the constructor and `from_bytes` all say to these fields."""
    with pytest.raises(InvalidEvent) as raised:
        AuditEvent(**fields(**overrides))
    return raised.value


def test_new_mints_the_id_and_freezes_the_time() -> None:
    """Without an id and a time, a version 7 UUID and the current moment in UTC."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    event = AuditEvent.new("project:delete", org_id="acme")
    assert uuid.UUID(event.event_id).version == 7
    assert before <= datetime.fromisoformat(event.occurred_at) <= datetime.now(UTC)


def test_new_keeps_a_given_id_in_its_usual_spelling() -> None:
    """One event has one identity, however its UUID was written."""
    for spelling in (ID, ID.upper(), ID.replace("-", ""), f"urn:uuid:{ID}", uuid.UUID(ID)):
        assert AuditEvent.new("a", org_id="acme", event_id=spelling).event_id == ID


@pytest.mark.parametrize("bad", ["", "7", ID[:-1], "no", 7])
def test_new_refuses_what_is_no_uuid(bad: Any) -> None:
    """An id nobody can read as a UUID is named."""
    with pytest.raises(InvalidEvent, match=r"event_id is .* must be a UUID"):
        AuditEvent.new("a", org_id="acme", event_id=bad)


@pytest.mark.parametrize(
    ("given_time", "written"),
    [
        (datetime(2026, 1, 31, 12, 34, 56, 789_999, UTC), TIME),
        (datetime(2026, 1, 31, 12, 34, 56, 789_999), TIME),  # noqa: DTZ001 - naive is read as UTC
        (datetime(2026, 1, 31, 18, 19, 56, 789_000, timezone(timedelta(hours=5, minutes=45))), TIME),
        ("2026-01-31T13:34:56.789+01:00", TIME),
        ("2026-01-31 12:34:56.789", TIME),
        ("1970-01-01", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_new_writes_every_time_in_utc_milliseconds(given_time: Any, written: str) -> None:
    """Zones are applied, microseconds cut."""
    assert AuditEvent.new("a", org_id="acme", occurred_at=given_time).occurred_at == written


@pytest.mark.parametrize(
    "bad",
    [
        "yesterday",
        "",
        1_700_000_000,
        "1969-12-31T23:59:59.999Z",
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
    ],
)
def test_new_refuses_what_is_no_time_since_1970(bad: Any) -> None:
    """A time that cannot be read, or lies before 1970 or after 9999, is named."""
    with pytest.raises(InvalidEvent) as raised:
        AuditEvent.new("a", org_id="acme", occurred_at=bad)
    assert raised.value.field == "occurred_at"


def test_new_refuses_a_field_the_contract_does_not_have() -> None:
    """A typo does not vanish."""
    with pytest.raises(InvalidEvent, match="actor_mail is text of length 1: no such field"):
        AuditEvent.new("a", org_id="acme", actor_mail="x")


def test_fields_that_are_none_are_left_out() -> None:
    """The object is sparse."""
    event = AuditEvent.new(
        "a", org_id="acme", event_id=ID, occurred_at=TIME, actor_email=None, actor_user_id=""
    )
    assert event.to_dict() == {
        "event_id": ID,
        "occurred_at": TIME,
        "org_id": "acme",
        "action": "a",
        "actor_user_id": "",
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_required_fields(name: str) -> None:
    """Each of the four required fields is missed by name."""
    error = refusal(**{name: None})
    assert (error.field, error.rule) == (name, "is required")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("event_id", ID.replace("-", ""), "must be a UUID"),
        ("event_id", f"{{{ID}}}", "must be a UUID"),
        ("event_id", ID + "\n", "must be a UUID"),
        ("event_id", uuid.UUID(ID), "must be a UUID"),
        ("occurred_at", "2026-01-31T12:34:56.789", "with its zone"),
        ("occurred_at", "31.01.2026", "must be an RFC 3339 time"),
        ("occurred_at", datetime.now(UTC), "must be an RFC 3339 time"),
        ("occurred_at", "1969-12-31T23:59:59.999Z", "before 1970"),
        ("occurred_at", "1970-01-01T00:30:00+01:00", "before 1970"),
        ("occurred_at", "0001-01-01T00:00:00+23:59", "must be an RFC 3339 time"),
        ("org_id", "", "1-128 of"),
        ("org_id", "-acme", "start with a letter or digit"),
        ("org_id", "a" * 129, "1-128 of"),
        ("org_id", "acme\n", "1-128 of"),
        ("org_id", "acmé", "1-128 of"),
        ("org_id", 7, "1-128 of"),
        ("action", "", "1-128 printable"),
        ("action", "a" * 129, "1-128 printable"),
        ("action", "a\tb", "printable"),
        ("action", "a\u202eb", "printable"),
        ("action", "a\u2028b", "printable"),
        ("action", "a\ue000b", "printable"),
        ("action", "a\ud800b", "printable"),
        ("action", 7, "printable"),
        ("actor_name", 7, "must be text"),
        ("actor_name", b"x", "must be text"),
        ("actor_name", "x" * 4097, "at most 4096 characters"),
        ("actor_name", "a\x00b", "NUL"),
        ("actor_name", "a\udfffb", "half a surrogate pair"),
        ("schema_version", 2, "must be 1"),
        ("schema_version", "1", "must be 1"),
        ("response_code", 99, "100-599"),
        ("response_code", 600, "100-599"),
        ("response_code", 200.0, "whole number"),
        ("response_code", "200", "whole number"),
        ("response_code", True, "whole number"),
        ("actor_type", "robot", "one of user, service_account, system, anonymous"),
        ("actor_type", ["user"], "one of user"),
        ("outcome", "ok", "one of success, failure, denied, unknown"),
        ("changes", ["a"], "object with text keys"),
        ("changes", {1: "a"}, "object with text keys"),
        ("changes", {"a": [{"b": float("nan")}]}, "NaN"),
        ("changes", {"a": float("-inf")}, "infinity"),
        ("attributes", ["a"], "flat map"),
        ("attributes", dict.fromkeys(map(str, range(129)), 1), "at most 128 keys"),
        ("attributes", {"": 1}, "key '' must be 1-128 printable"),
        ("attributes", {"k" * 129: 1}, "must be 1-128 printable"),
        ("attributes", {"a\n": 1}, "must be 1-128 printable"),
        ("attributes", {1: 1}, "key 1 must be"),
        ("attributes", {"a": [1]}, "a must be text, a number"),
        ("attributes", {"a": {"b": 1}}, "a must be text, a number"),
        ("attributes", {"a": 2**63}, "a must fit 64 bits"),
        ("attributes", {"a": -(2**63) - 1}, "a must fit 64 bits"),
        ("attributes", {"a": float("inf")}, "a must not be NaN"),
        ("attributes", {"a": "x" * 4097}, "a must be at most 4096"),
        ("attributes", {"a": "\x00"}, "a must not hold a NUL"),
    ],
)
def test_each_rule_names_the_field_and_itself(name: str, value: Any, rule: str) -> None:
    """A value that breaks a rule is refused with the field and the rule, and is shown where it cannot be personal."""
    error = refusal(**{name: value})
    assert error.field == name
    assert rule in error.rule
    assert (error.shown[:20] == repr(value)[:20]) == (name in InvalidEvent.SHOWN or value is None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_id", ID.upper()),
        ("occurred_at", "2026-01-31T12:34:56+05:45"),
        ("occurred_at", "1970-01-01T00:00:00Z"),
        ("org_id", "7"),
        ("org_id", "A" * 128),
        ("org_id", "a.b_c:d-e"),
        ("action", "x" * 128),
        ("action", "löschen ✓"),
        ("actor_name", "x" * 4096),
        ("actor_name", ""),
        ("actor_name", "line\nbreak\u202e 👩‍👩‍👧"),
        ("actor_type", ActorType.SERVICE_ACCOUNT),
        ("outcome", Outcome.DENIED),
        ("schema_version", 1),
        ("response_code", 100),
        ("response_code", 599),
        ("changes", {}),
        ("changes", {"role": {"before": None, "after": ["admin", 1.5, True]}}),
        ("changes", MappingProxyType({"role": {"before": 1}})),
        ("attributes", {}),
        (
            "attributes",
            {"text": "x" * 4096, "int": 2**63 - 1, "low": -(2**63), "float": -1.5, "yes": True, "none": None},
        ),
        ("attributes", dict.fromkeys(map(str, range(128)), 1)),
        ("attributes", MappingProxyType({"page": "/x"})),
    ],
)
def test_each_rule_lets_its_limits_through(name: str, value: Any) -> None:
    """What just keeps a rule is accepted, by `new` in bytes too."""
    assert getattr(AuditEvent(**fields(**{name: value})), name) == value
    rest = fields(**{name: value})
    event = AuditEvent.new(rest.pop("action"), **rest)
    assert AuditEvent.from_bytes(event.to_bytes()) == event


def test_changes_may_be_nested_to_the_limit_and_no_further() -> None:
    """32 levels; the JSON writer itself gives up later, without naming the field."""

    def nested(depth: int) -> dict[str, Any]:
        return {"a": nested(depth - 1)} if depth > 1 else {"a": 1}

    assert AuditEvent(**fields(changes=nested(32)))
    assert "at most 32 deep" in refusal(changes=nested(33)).rule
    endless: dict[str, Any] = {}
    endless["a"] = endless
    assert "at most 32 deep" in refusal(changes=endless).rule


def test_a_value_no_json_can_hold_is_named() -> None:
    """The field is named, not the whole event."""
    with pytest.raises(InvalidEvent, match=r"changes is .* cannot be written as JSON"):
        AuditEvent.new("a", org_id="acme", actor_name="x", changes={"role": {"before": object()}}).to_bytes()


def test_enum_members_may_stand_wherever_text_may() -> None:
    """A `StrEnum` is text, as value and as key."""

    class Page(enum.StrEnum):
        HOME = "/home"

    event = AuditEvent.new(
        "a", org_id="acme", source=Page.HOME, attributes={Page.HOME: Page.HOME}, changes={"x": {Page.HOME: 1}}
    )
    assert orjson.loads(event.to_bytes())["attributes"] == {"/home": "/home"}
    assert orjson.loads(event.to_bytes())["changes"] == {"x": {"/home": 1}}


def test_an_event_may_not_exceed_its_size() -> None:
    """256 KiB of JSON; larger is refused before it reaches Kafka."""
    fits = {"x": {"before": "y" * (EVENT_BYTES_MAX - 400)}}
    assert len(AuditEvent.new("a", org_id="acme", changes=fits).to_bytes()) <= EVENT_BYTES_MAX
    with pytest.raises(InvalidEvent, match="at most 262144 bytes"):
        AuditEvent.new("a", org_id="acme", changes={"x": {"before": "y" * EVENT_BYTES_MAX}}).to_bytes()


def test_events_kept_take_the_memory_of_their_bytes() -> None:
    """orjson's results keep 4 KiB and more each; thousands are held while Kafka is away."""
    script = """
from trailhouse.producers.event import AuditEvent
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
event = AuditEvent.new("a:b", org_id="acme")
before = resident()
kept = [event.to_bytes() for _ in range(20_000)]
print((resident() - before) // len(kept), len(kept[0]))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    held, size = map(int, done.stdout.split())
    assert held < 3 * size


@pytest.mark.parametrize(
    ("data", "field", "rule"),
    [
        (b"{", "event", "is not JSON"),
        (b"[]", "event", "must be a JSON object"),
        (b"\xff", "event", "is not UTF-8 (byte 0)"),
        (b'{"org_id":"a"}', "event_id", "is required"),
        (orjson.dumps(fields(extra=1)), "extra", "no such field"),
        (orjson.dumps(fields(action=None)), "action", "is required"),
        (orjson.dumps(fields(occurred_at="2026-01-31T12:34:56")), "occurred_at", "with its zone"),
    ],
)
def test_reading_back_is_as_strict(data: bytes, field: str, rule: str) -> None:
    """Bytes that are no event of the contract are refused with the reason."""
    with pytest.raises(InvalidEvent) as raised:
        AuditEvent.from_bytes(data)
    assert raised.value.field == field
    assert rule in raised.value.rule


def test_the_three_lists_of_fields_agree() -> None:
    """`FIELDS`, the dataclass and the types of `emit` name the same fields."""
    assert [field.name for field in FIELDS] == [field.name for field in dataclasses.fields(AuditEvent)]
    assert set(typing.get_type_hints(EventFields)) == set(FIELD) - {"org_id", "action"}


def test_emit_and_audit_event_write_the_same_bytes() -> None:
    """The short way from `emit` to bytes and the long one through `AuditEvent` cannot drift apart."""
    given_fields: dict[str, Any] = {
        "event_id": ID,
        "occurred_at": TIME,
        "attributes": {"page": "/x"},
        "response_code": 200,
        "actor_name": None,
    }
    quick = encode(new_fields("a:b", "acme", given_fields))
    slow = AuditEvent.new("a:b", org_id="acme", **given_fields).to_bytes()
    assert orjson.loads(quick) == orjson.loads(slow)


def test_later_changes_to_a_map_do_not_reach_the_event() -> None:
    """The outermost map is copied."""
    page = {"page": "/x"}
    event = AuditEvent.new("a", org_id="acme", attributes=page)
    page["page"] = "/y"
    assert event.attributes == {"page": "/x"}


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
printable = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Zl", "Zp"]), min_size=1, max_size=128
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | storable
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable, inner, max_size=3),
    max_leaves=6,
)


@given(
    org_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", fullmatch=True),
    action=printable,
    occurred_at=st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),  # noqa: DTZ001 - bounds are naive by interface
    texts=st.dictionaries(
        st.sampled_from([field.name for field in FIELDS if field.kind == "text"]), storable
    ),
    attributes=st.dictionaries(printable, scalars, max_size=5),
    changes=st.dictionaries(storable, trees, max_size=3),
)
def test_every_valid_event_survives_the_way_there_and_back(  # noqa: PLR0917 - hypothesis gives them by name
    org_id: str,
    action: str,
    occurred_at: datetime,
    texts: dict[str, str],
    attributes: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    """Bytes and back give the same event, and the same bytes again."""
    event = AuditEvent.new(
        action, org_id=org_id, occurred_at=occurred_at, attributes=attributes, changes=changes, **texts
    )
    data = event.to_bytes()
    assert AuditEvent.from_bytes(data) == event
    assert AuditEvent.from_bytes(data).to_bytes() == data
    cut = occurred_at.astimezone(UTC).replace(
        microsecond=occurred_at.astimezone(UTC).microsecond // 1000 * 1000
    )
    assert datetime.fromisoformat(event.occurred_at) == cut


@given(
    st.binary(max_size=200)
    | trees.map(orjson.dumps)
    | st.dictionaries(st.sampled_from(list(FIELD)), trees).map(orjson.dumps)
)
def test_no_bytes_make_reading_fail_in_another_way(data: bytes) -> None:
    """Reading gives an event or `InvalidEvent`, whatever comes."""
    try:
        AuditEvent.from_bytes(data)
    except InvalidEvent:
        return
