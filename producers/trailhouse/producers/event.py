"""The event contract: one audit event = one Kafka record = one flat, sparse JSON object on the raw topic.

What may stand in each field is said in `field.py`; this module makes events, and turns them into bytes and back.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

import orjson

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.field import (
    ACTION_LENGTH_MAX,
    ATTRIBUTES_MAX,
    CHECKS,
    EVENT_BYTES_MAX,
    FIELD,
    FIELDS,
    ORG_ID,
    REQUIRED,
    SCHEMA_VERSION,
    TEXT_LENGTH_MAX,
    ActorType,
    Field,
    Kind,
    Outcome,
    Scalar,
    check_text,
    is_printable,
)
from trailhouse.producers.identity import canonical_id, derive_id, mint_id
from trailhouse.producers.moment import format_time, parse_time, write_milliseconds
from trailhouse.producers.schema import json_schema

__all__ = [
    "ACTION_LENGTH_MAX",
    "ATTRIBUTES_MAX",
    "EVENT_BYTES_MAX",
    "FIELD",
    "FIELDS",
    "ORG_ID",
    "REQUIRED",
    "SCHEMA_VERSION",
    "TEXT_LENGTH_MAX",
    "ActorType",
    "AuditEvent",
    "EventFields",
    "Field",
    "Kind",
    "Outcome",
    "Scalar",
    "derive_id",
    "encode",
    "encode_to_pass_on",
    "format_time",
    "is_printable",
    "json_schema",
    "mint_id",
    "new_fields",
    "parse_time",
]


class EventFields(TypedDict, total=False):
    """The optional fields by name and type, so that editors and type checkers know what `emit` takes."""

    event_id: str | uuid.UUID | None
    occurred_at: datetime | str | None
    schema_version: int | None
    actor_type: str | None
    actor_user_id: str | None
    actor_email: str | None
    actor_name: str | None
    actor_ip: str | None
    actor_role: str | None
    user_agent: str | None
    entity_asset: str | None
    entity_name: str | None
    project_asset: str | None
    project_name: str | None
    report_asset: str | None
    report_name: str | None
    artifact_asset: str | None
    artifact_digest: str | None
    artifact_qualified_name: str | None
    artifact_sequence_asset: str | None
    user_asset: str | None
    user_email: str | None
    response_code: int | None
    cli_version: str | None
    outcome: str | None
    source: str | None
    correlation_id: str | None
    changes: Mapping[str, Any] | None
    attributes: Mapping[str, Scalar] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One audit event that keeps the contract: making one that does not raises `InvalidEvent`.

    `AuditEvent.new` mints the id and freezes the time.
    """

    event_id: str
    occurred_at: str
    org_id: str
    action: str
    schema_version: int | None = None
    actor_type: str | None = None
    actor_user_id: str | None = None
    actor_email: str | None = None
    actor_name: str | None = None
    actor_ip: str | None = None
    actor_role: str | None = None
    user_agent: str | None = None
    entity_asset: str | None = None
    entity_name: str | None = None
    project_asset: str | None = None
    project_name: str | None = None
    report_asset: str | None = None
    report_name: str | None = None
    artifact_asset: str | None = None
    artifact_digest: str | None = None
    artifact_qualified_name: str | None = None
    artifact_sequence_asset: str | None = None
    user_asset: str | None = None
    user_email: str | None = None
    response_code: int | None = None
    cli_version: str | None = None
    outcome: str | None = None
    source: str | None = None
    correlation_id: str | None = None
    changes: Mapping[str, Any] | None = None
    attributes: Mapping[str, Scalar] | None = None

    def __post_init__(self) -> None:
        self.check()

    @classmethod
    def new(
        cls,
        action: str,
        *,
        org_id: str,
        event_id: str | uuid.UUID | None = None,
        occurred_at: datetime | str | None = None,
        **fields: Any,
    ) -> AuditEvent:
        """A checked event; the id is minted and the time frozen here when they are not given.

        Raises `InvalidEvent` with the field and the rule.
        """
        fields |= {"event_id": event_id, "occurred_at": occurred_at}
        return cls(**new_fields(action, org_id, fields))

    def check(self) -> None:
        """Raise `InvalidEvent` for the first field that breaks the contract."""
        check_fields(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The sparse JSON object: only the keys that apply (WA18)."""
        return {name: value for name in FIELD if (value := getattr(self, name)) is not None}

    def to_bytes(self) -> bytes:
        """The Kafka record's value; raises `InvalidEvent` when it is too large or not JSON."""
        return encode(self.to_dict())

    @classmethod
    def from_bytes(cls, data: bytes) -> AuditEvent:
        """Read one record's value back; raises `InvalidEvent`."""
        try:
            fields = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidEvent("event", data, why_not_json(data, error)) from None
        if not isinstance(fields, dict):
            raise InvalidEvent("event", data, "must be a JSON object")
        fields = {name: value for name, value in fields.items() if value is not None}
        check_fields(fields)
        return cls(**fields)


def why_not_json(data: bytes, error: ValueError) -> str:
    """Why `data` could not be read as JSON: the parser's own words, except where the bytes are no text at all."""
    try:
        data.decode()
    except UnicodeDecodeError as broken:
        return f"is not UTF-8 (byte {broken.start})"
    return f"is not JSON: {error}"


def new_fields(action: str, org_id: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The sparse fields of a new event, checked: the id is minted and the time frozen when they are not given.

    `AuditProducer.emit` goes from here to `encode` without an `AuditEvent` between: half the time on the caller's
    thread. Raises `InvalidEvent`.
    """
    event_id, occurred_at = fields.get("event_id"), fields.get("occurred_at")
    milliseconds = time.time_ns() // 1_000_000
    made: dict[str, Any] = {
        "event_id": mint_id(milliseconds) if event_id is None else canonical_id(event_id),
        "occurred_at": (
            write_milliseconds(milliseconds)
            if occurred_at is None
            else _checked("occurred_at", format_time(occurred_at))
        ),
        "org_id": org_id if type(org_id) is str and org_id in _ORGS else _known("org_id", org_id, _ORGS),
        "action": action
        if type(action) is str and action in _ACTIONS
        else _known("action", action, _ACTIONS),
    }
    for name, value in fields.items():
        if value is None or name in made:
            continue
        if name in _MAPS:
            made[name] = dict(_checked(name, value))
            continue
        # The common case of `check_text`, without calling it: most of what an event has is short plain text.
        is_plain = name in _TEXTS and isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX
        if not (is_plain and value.isascii() and "\x00" not in value):
            _checked(name, value)
        made[name] = value
    return made


# Organisations and actions come again and again: those checked lately.
_ORGS: set[str] = set()
_ACTIONS: set[str] = set()
_KNOWN_AT_MOST = 1024


def _known(name: str, value: Any, known: set[str]) -> Any:
    _checked(name, value)
    if len(known) >= _KNOWN_AT_MOST:
        known.clear()
    known.add(value)
    return value


_MAPS = frozenset(field.name for field in FIELDS if field.kind in {"object", "scalars"})


_TEXTS = frozenset(name for name, check in CHECKS.items() if check is check_text)


def check_fields(fields: Mapping[str, Any]) -> None:
    """Raise `InvalidEvent` for the first of an event's sparse fields that breaks the contract."""
    for name in REQUIRED:
        if fields.get(name) is None:
            raise InvalidEvent(name, None, "is required")
    check_fields_given(fields)


def check_fields_given(fields: Mapping[str, Any]) -> None:
    """Raise `InvalidEvent` for the first of some fields of an event that breaks the contract."""
    for name, value in fields.items():
        _checked(name, value)


def _checked(name: str, value: Any) -> Any:
    check = CHECKS.get(name)
    if check is None:
        raise InvalidEvent(name, value, "no such field; free facts go into `attributes`")
    if rule := check(value):
        raise InvalidEvent(name, value, rule)
    return value


def encode(fields: Mapping[str, Any]) -> bytes:
    """Checked sparse fields as the Kafka record's value; raises `InvalidEvent` when too large or not JSON."""
    # orjson hands out its whole working buffer of 4 or 8 KiB (3.13.0), of which a buffer of events would hold thousands.
    return bytes(memoryview(encode_to_pass_on(fields)))


def encode_to_pass_on(fields: Mapping[str, Any]) -> bytes:
    """As `encode`, for who writes the bytes away at once: kept, they take some KiB more than they hold."""
    try:
        data = orjson.dumps(fields)
    except TypeError:
        data = _encode_leniently(fields)
    if len(data) > EVENT_BYTES_MAX:
        raise InvalidEvent("event", f"{len(data)} bytes", f"must be at most {EVENT_BYTES_MAX} bytes as JSON")
    return data


def _encode_leniently(fields: Mapping[str, Any]) -> bytes:
    """Accept keys that only look like text (enum members), and name the field that nothing can write."""
    parts = {}
    for name, value in fields.items():
        try:
            parts[name] = orjson.Fragment(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
        except TypeError as error:
            raise InvalidEvent(name, value, f"cannot be written as JSON: {error}") from None
    return orjson.dumps(parts)
