"""The event contract: one audit event = one Kafka record = one flat, sparse JSON object on the raw topic.

`FIELDS` is the contract's single source: validation at `emit`, the JSON Schema (`trailhouse schema event`), the docs
page and the stream's PII tags all read it. Nineteen keys are W&B's audit-log keys (requirement list §4), so the
audit-log API needs no mapping; `timestamp` there is `occurred_at` here.
"""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

import orjson

from trailhouse.producers.errors import InvalidEvent

SCHEMA_VERSION: Final = 1
EVENT_BYTES_MAX: Final = 256 * 1024
ACTION_LENGTH_MAX: Final = 128
TEXT_LENGTH_MAX: Final = 4096
ATTRIBUTES_MAX: Final = 128
ORG_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

Scalar = str | int | float | bool | None
Kind = Literal["id", "time", "org", "action", "text", "integer", "choice", "object", "scalars"]


class ActorType(StrEnum):
    """Who acted. People are `user`; only they count as active users unless a report says otherwise."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


class Outcome(StrEnum):
    """How the action ended, as far as the emitter knows."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the contract: how it is checked, and whether its value is personal data."""

    name: str
    kind: Kind
    text: str
    required: bool = False
    is_pii: bool = False
    choices: tuple[str, ...] = ()


FIELDS: Final[tuple[Field, ...]] = (
    Field("event_id", "id", "UUID of the event, version 7 when the SDK mints it; with org_id the event's identity", required=True),
    Field("occurred_at", "time", "when the action happened: RFC 3339, UTC, milliseconds", required=True),
    Field("org_id", "org", "the organisation the event belongs to: 1-128 of A-Z a-z 0-9 . _ : -", required=True),
    Field("action", "action", "what was done, `noun:verb` advised: 1-128 printable characters", required=True),
    Field("schema_version", "integer", "version of this contract; additive changes keep it"),
    Field("actor_type", "choice", "who acted; left out = `user` when an actor is named, else `anonymous`", choices=tuple(ActorType)),
    Field("actor_user_id", "text", "id of the person or account that acted", is_pii=True),
    Field("actor_email", "text", "e-mail of whoever acted", is_pii=True),
    Field("actor_name", "text", "display name of whoever acted", is_pii=True),
    Field("actor_ip", "text", "IP address the action came from", is_pii=True),
    Field("actor_role", "text", "role the actor had at that moment"),
    Field("user_agent", "text", "client software as it names itself"),
    Field("entity_asset", "text", "id of the entity (team) concerned"),
    Field("entity_name", "text", "name of the entity (team) concerned", is_pii=True),
    Field("project_asset", "text", "id of the project concerned"),
    Field("project_name", "text", "name of the project concerned", is_pii=True),
    Field("report_asset", "text", "id of the report concerned"),
    Field("report_name", "text", "name of the report concerned", is_pii=True),
    Field("artifact_asset", "text", "id of the artifact concerned"),
    Field("artifact_digest", "text", "digest of the artifact"),
    Field("artifact_qualified_name", "text", "full name of the artifact; embeds entity and project names", is_pii=True),
    Field("artifact_sequence_asset", "text", "id of the artifact sequence"),
    Field("user_asset", "text", "id of the user acted upon", is_pii=True),
    Field("user_email", "text", "e-mail of the user acted upon", is_pii=True),
    Field("response_code", "integer", "HTTP status of the action, 100-599"),
    Field("cli_version", "text", "version of the SDK or command that acted"),
    Field("outcome", "choice", "how it ended; left out = read from response_code", choices=tuple(Outcome)),
    Field("source", "text", "where it came from: web, sdk, api, mcp, assistant, widget …"),
    Field("correlation_id", "text", "ties together the events of one request"),
    Field("changes", "object", "what changed, {field: {before, after}}; kept with personal data", is_pii=True),
    Field("attributes", "scalars", "further facts, a flat map of scalars: page, blueprint, data_source, agent_type …"),
)
FIELD: Final[Mapping[str, Field]] = {field.name: field for field in FIELDS}
REQUIRED: Final = tuple(field.name for field in FIELDS if field.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One audit event. Build it with `AuditEvent.new`, which mints the id, freezes the time and checks every field."""

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

        Raises `InvalidEvent` with the field, the value and the rule.
        """
        for name in fields:
            if name not in FIELD:
                raise InvalidEvent(name, fields[name], "no such field; free facts go into `attributes`")
        event = cls(
            event_id=str(event_id) if event_id is not None else mint_id(),
            occurred_at=format_time(occurred_at) if occurred_at is not None else format_time(datetime.now(UTC)),
            org_id=org_id,
            action=action,
            **{name: value for name, value in fields.items() if value is not None},
        )
        event.check()
        return event

    def check(self) -> None:
        """Raise `InvalidEvent` for the first field that breaks the contract."""
        for field in FIELDS:
            value = getattr(self, field.name)
            if value is None:
                if field.required:
                    raise InvalidEvent(field.name, value, "is required")
            else:
                check_value(field, value)

    def to_dict(self) -> dict[str, Any]:
        """The sparse JSON object: only the keys that apply (WA18)."""
        return {name: value for name in FIELD if (value := getattr(self, name)) is not None}

    def to_bytes(self) -> bytes:
        """The Kafka record's value; raises `InvalidEvent` when it is too large or not JSON."""
        try:
            data = orjson.dumps(self.to_dict(), option=orjson.OPT_NON_STR_KEYS)
        except TypeError as error:
            raise InvalidEvent("event", self.action, f"cannot be written as JSON: {error}") from None
        if len(data) > EVENT_BYTES_MAX:
            raise InvalidEvent("event", f"{len(data)} bytes", f"at most {EVENT_BYTES_MAX} bytes as JSON")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> AuditEvent:
        """Read one record's value back; raises `InvalidEvent`."""
        try:
            fields = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidEvent("event", data[:80], f"is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise InvalidEvent("event", data[:80], "must be a JSON object")
        missing = [name for name in REQUIRED if fields.get(name) is None]
        if missing:
            raise InvalidEvent(missing[0], None, "is required")
        return cls.new(**fields)


def mint_id() -> str:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits; ids minted later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)))


def derive_id(org_id: str, *parts: str) -> str:
    """A stable UUIDv5 of an organisation and a foreign id, so that importing the same thing twice changes nothing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\x1f".join(("trailhouse", org_id, *parts))))


def format_time(moment: datetime | str) -> str:
    """RFC 3339, UTC, milliseconds (cut, not rounded); a time without a zone is read as UTC. Raises `InvalidEvent`."""
    if isinstance(moment, str):
        moment = parse_time(moment)
    if not isinstance(moment, datetime):
        raise InvalidEvent("occurred_at", moment, "must be a datetime or an RFC 3339 time")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z" if moment.year >= 1000 else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 / RFC 3339 time; raises `InvalidEvent`."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEvent("occurred_at", text, "must be an RFC 3339 time such as 2026-01-31T12:34:56.789Z") from None


def is_printable(text: str) -> bool:
    """No control, format (bidi), surrogate, private-use or line-separating characters."""
    return text.isascii() and text.isprintable() or not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in text)


def check_value(field: Field, value: Any) -> None:
    """Raise `InvalidEvent` when `value` may not stand in `field`."""
    rule = _CHECKS[field.kind](field, value)
    if rule:
        raise InvalidEvent(field.name, value, rule)


def _check_id(_: Field, value: Any) -> str:
    try:
        return "" if isinstance(value, str) and uuid.UUID(value) else "must be a UUID"
    except ValueError:
        return "must be a UUID such as 01920f0e-7c5a-7b3e-8f43-0123456789ab"


def _check_time(_: Field, value: Any) -> str:
    try:
        moment = parse_time(value) if isinstance(value, str) else None
    except InvalidEvent as error:
        return error.rule
    if moment is None or moment.tzinfo is None:
        return "must be an RFC 3339 time with its zone, such as 2026-01-31T12:34:56.789Z"
    return "" if moment.astimezone(UTC).year >= 1970 else "must not lie before 1970"


def _check_org(_: Field, value: Any) -> str:
    return "" if isinstance(value, str) and ORG_ID.fullmatch(value) else "must be 1-128 of A-Z a-z 0-9 . _ : - and start with a letter or digit"


def _check_action(_: Field, value: Any) -> str:
    good = isinstance(value, str) and 1 <= len(value) <= ACTION_LENGTH_MAX and is_printable(value)
    return "" if good else f"must be 1-{ACTION_LENGTH_MAX} printable characters, `noun:verb` advised"


def _check_text(_: Field, value: Any) -> str:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > TEXT_LENGTH_MAX:
        return f"must be at most {TEXT_LENGTH_MAX} characters"
    return "" if "\x00" not in value else "must not hold a NUL character"


def _check_integer(field: Field, value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    if field.name == "response_code" and not 100 <= value <= 599:
        return "must be an HTTP status, 100-599"
    if field.name == "schema_version" and value != SCHEMA_VERSION:
        return f"must be {SCHEMA_VERSION}, the version this library writes"
    return ""


def _check_choice(field: Field, value: Any) -> str:
    return "" if value in field.choices else "must be one of " + ", ".join(field.choices)


def _check_object(_: Field, value: Any) -> str:
    return "" if isinstance(value, Mapping) and all(isinstance(key, str) for key in value) else "must be an object with text keys"


def _check_scalars(_: Field, value: Any) -> str:
    if not isinstance(value, Mapping):
        return "must be a flat map of scalars"
    if len(value) > ATTRIBUTES_MAX:
        return f"must have at most {ATTRIBUTES_MAX} keys"
    for key, each in value.items():
        if not isinstance(key, str) or not key or len(key) > 128 or not is_printable(key):
            return f"key {key!r} must be 1-128 printable characters"
        if isinstance(each, bool) or each is None:
            continue
        if isinstance(each, int) and not -(2**63) <= each < 2**63:
            return f"{key} must fit 64 bits"
        if not isinstance(each, str | int | float):
            return f"{key} must be text, a number, true, false or null"
        if isinstance(each, str) and (len(each) > TEXT_LENGTH_MAX or "\x00" in each):
            return f"{key} must be at most {TEXT_LENGTH_MAX} characters, without NUL"
    return ""


_CHECKS: Final = {
    "id": _check_id,
    "time": _check_time,
    "org": _check_org,
    "action": _check_action,
    "text": _check_text,
    "integer": _check_integer,
    "choice": _check_choice,
    "object": _check_object,
    "scalars": _check_scalars,
}


def json_schema() -> dict[str, Any]:
    """The contract as JSON Schema 2020-12, for producers in any language."""
    kinds: dict[str, dict[str, Any]] = {
        "id": {"type": "string", "format": "uuid"},
        "time": {"type": "string", "format": "date-time"},
        "org": {"type": "string", "pattern": f"^{ORG_ID.pattern}$"},
        "action": {"type": "string", "minLength": 1, "maxLength": ACTION_LENGTH_MAX},
        "text": {"type": "string", "maxLength": TEXT_LENGTH_MAX},
        "integer": {"type": "integer"},
        "choice": {"type": "string"},
        "object": {"type": "object"},
        "scalars": {"type": "object", "maxProperties": ATTRIBUTES_MAX, "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
    }
    properties = {
        field.name: kinds[field.kind]
        | ({"enum": list(field.choices)} if field.choices else {})
        | {"description": field.text}
        | ({"x-pii": True} if field.is_pii else {})
        for field in FIELDS
    }
    properties["response_code"] |= {"minimum": 100, "maximum": 599}
    properties["schema_version"] |= {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:trailhouse:event:1",
        "title": "Trailhouse audit event",
        "description": "One audit event = one Kafka record = one JSON object.",
        "type": "object",
        "required": list(REQUIRED),
        "properties": properties,
    }
