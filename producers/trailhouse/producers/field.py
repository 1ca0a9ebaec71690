"""The fields of an event and what may stand in them.

`FIELDS` is the contract's single source: the checks at `emit`, the JSON Schema, the docs page and the stream's PII
tags all read it. Nineteen keys are W&B's audit-log keys (requirement list §4), so the audit-log API needs no mapping;
`timestamp` there is `occurred_at` here.

A check takes a value and returns the rule it breaks, or "" when it may stand.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal

SCHEMA_VERSION: Final = 1
EVENT_BYTES_MAX: Final = 256 * 1024
ACTION_LENGTH_MAX: Final = 128
TEXT_LENGTH_MAX: Final = 4096
ATTRIBUTES_MAX: Final = 128
ATTRIBUTE_NAME_LENGTH_MAX: Final = 128
CHANGES_DEPTH_MAX: Final = 32
ORG_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
EVENT_ID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

Scalar = str | int | float | bool | None
Kind = Literal["id", "time", "org", "action", "text", "integer", "choice", "object", "scalars"]
Check = Callable[[Any], str]


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
    bounds: tuple[int, int] | None = None


FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "event_id",
        "id",
        "UUID of the event, version 7 when the SDK mints it; with org_id the event's identity",
        required=True,
    ),
    Field("occurred_at", "time", "when the action happened: RFC 3339, UTC, milliseconds", required=True),
    Field(
        "org_id", "org", "the organisation the event belongs to: 1-128 of A-Z a-z 0-9 . _ : -", required=True
    ),
    Field(
        "action", "action", "what was done, `noun:verb` advised: 1-128 printable characters", required=True
    ),
    Field(
        "schema_version",
        "integer",
        "version of this contract; additive changes keep it",
        bounds=(SCHEMA_VERSION, SCHEMA_VERSION),
    ),
    Field(
        "actor_type",
        "choice",
        "who acted; left out = `user` when an actor is named, else `anonymous`",
        choices=tuple(ActorType),
    ),
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
    Field(
        "artifact_qualified_name",
        "text",
        "full name of the artifact; embeds entity and project names",
        is_pii=True,
    ),
    Field("artifact_sequence_asset", "text", "id of the artifact sequence"),
    Field("user_asset", "text", "id of the user acted upon", is_pii=True),
    Field("user_email", "text", "e-mail of the user acted upon", is_pii=True),
    Field("response_code", "integer", "HTTP status of the action, 100-599", bounds=(100, 599)),
    Field("cli_version", "text", "version of the SDK or command that acted"),
    Field("outcome", "choice", "how it ended; left out = read from response_code", choices=tuple(Outcome)),
    Field("source", "text", "where it came from: web, sdk, api, mcp, assistant, widget …"),
    Field("correlation_id", "text", "ties together the events of one request"),
    Field(
        "changes", "object", "what changed, {field: {before, after}}; kept with personal data", is_pii=True
    ),
    Field(
        "attributes",
        "scalars",
        "further facts, a flat map of scalars: page, blueprint, data_source, agent_type …",
    ),
)
FIELD: Final[Mapping[str, Field]] = {field.name: field for field in FIELDS}
REQUIRED: Final = tuple(field.name for field in FIELDS if field.required)


def is_printable(text: str) -> bool:
    """No control, format (bidi), surrogate, private-use or line-separating characters."""
    if text.isascii():
        return text.isprintable()
    return not any(
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for character in text
    )


def is_storable(text: str) -> bool:
    """Text that survives JSON, Kafka and ClickHouse unchanged: no NUL, no lone surrogate."""
    if "\x00" in text:
        return False
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _id(value: Any) -> str:
    if isinstance(value, str) and EVENT_ID.fullmatch(value):
        return ""
    return "must be a UUID such as 01920f0e-7c5a-7b3e-8f43-0123456789ab"


def _time(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
        is_early = moment.tzinfo is not None and moment.astimezone(UTC).year < 1970
    except (TypeError, ValueError, OverflowError):
        return "must be an RFC 3339 time such as 2026-01-31T12:34:56.789Z"
    if moment.tzinfo is None:
        return "must be an RFC 3339 time with its zone, such as 2026-01-31T12:34:56.789Z"
    return "must not lie before 1970" if is_early else ""


def _org(value: Any) -> str:
    if isinstance(value, str) and ORG_ID.fullmatch(value):
        return ""
    return "must be 1-128 of A-Z a-z 0-9 . _ : - and start with a letter or digit"


def _action(value: Any) -> str:
    if isinstance(value, str) and 1 <= len(value) <= ACTION_LENGTH_MAX and is_printable(value):
        return ""
    return f"must be 1-{ACTION_LENGTH_MAX} printable characters, `noun:verb` advised"


def check_text(value: Any) -> str:
    """Text that can be kept: its length, no NUL, no half surrogate."""
    if not isinstance(value, str):
        return "must be text"
    if len(value) > TEXT_LENGTH_MAX:
        return f"must be at most {TEXT_LENGTH_MAX} characters"
    return (
        ""
        if (value.isascii() and "\x00" not in value) or is_storable(value)
        else "must not hold a NUL character or half a surrogate pair"
    )


def _integer_within(bounds: tuple[int, int]) -> Check:
    low, high = bounds
    wanted = (
        f"must be a whole number, {low}-{high}"
        if low < high
        else f"must be {low}, the version this library writes"
    )

    def check(value: Any) -> str:
        return (
            "" if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else wanted
        )

    return check


def _choice_of(choices: tuple[str, ...]) -> Check:
    wanted = "must be one of " + ", ".join(choices)

    def check(value: Any) -> str:
        return "" if isinstance(value, str) and value in choices else wanted

    return check


def _object(value: Any) -> str:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return "must be an object with text keys"
    return _tree(value, CHANGES_DEPTH_MAX)


def _tree(value: Any, depth: int) -> str:
    """JSON writers turn NaN into null without a word and give up on deep nesting: both are refused by name."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must not hold NaN or infinity"
    if not isinstance(value, Mapping | list | tuple):
        return ""
    if depth == 0:
        return f"must be nested at most {CHANGES_DEPTH_MAX} deep"
    for each in value.values() if isinstance(value, Mapping) else value:
        if rule := _tree(each, depth - 1):
            return rule
    return ""


def _scalars(value: Any) -> str:
    if type(value) is not dict and not isinstance(value, Mapping):
        return "must be a flat map of scalars"
    if len(value) > ATTRIBUTES_MAX:
        return f"must have at most {ATTRIBUTES_MAX} keys"
    for key, each in value.items():
        if (
            not isinstance(key, str)
            or not 1 <= len(key) <= ATTRIBUTE_NAME_LENGTH_MAX
            or not _is_attribute_name(key)
        ):
            return f"key {key!r} must be 1-{ATTRIBUTE_NAME_LENGTH_MAX} printable characters"
        is_plain = (
            type(each) is str and len(each) <= TEXT_LENGTH_MAX and each.isascii() and "\x00" not in each
        )
        if not is_plain and (rule := _scalar(each)):
            return f"{key} {rule}"
    return ""


@functools.lru_cache(maxsize=1024)
def _is_attribute_name(key: str) -> bool:
    return is_printable(key)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return check_text(value)
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "must fit 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must not be NaN or infinity"
    return "must be text, a number, true, false or null"


def _check_of(field: Field) -> Check:
    if field.bounds is not None:
        return _integer_within(field.bounds)
    if field.choices:
        return _choice_of(field.choices)
    return {
        "id": _id,
        "time": _time,
        "org": _org,
        "action": _action,
        "text": check_text,
        "object": _object,
        "scalars": _scalars,
    }[field.kind]


CHECKS: Final[Mapping[str, Check]] = {field.name: _check_of(field) for field in FIELDS}
