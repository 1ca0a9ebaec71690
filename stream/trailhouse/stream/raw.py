"""What is on the raw topic, typed for decoding at speed; the contract itself is `producers/event.py`.

`decode` never raises anything but `Rejection`. Fields this version does not know are kept as attributes `extra.NAME`,
so that a newer emitter loses nothing (additive changes keep `schema_version`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import astuple

from trailhouse.producers.event import ATTRIBUTES_MAX, EVENT_BYTES_MAX, FIELD, TEXT_LENGTH_MAX
from trailhouse.producers.field import ATTRIBUTE_NAME_LENGTH_MAX, CHANGES_DEPTH_MAX
from trailhouse.stream.rejected import Reason, Rejection

Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH_MAX)] | None
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=ATTRIBUTE_NAME_LENGTH_MAX)]
Value = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH_MAX)] | Int64 | float | bool | None
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class RawEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One raw event as it came; the steps check what types cannot say."""

    event_id: str
    occurred_at: Time
    org_id: str
    action: str
    schema_version: int | None = None
    actor_type: str | None = None
    actor_user_id: Text = None
    actor_email: Text = None
    actor_name: Text = None
    actor_ip: Text = None
    actor_role: Text = None
    user_agent: Text = None
    entity_asset: Text = None
    entity_name: Text = None
    project_asset: Text = None
    project_name: Text = None
    report_asset: Text = None
    report_name: Text = None
    artifact_asset: Text = None
    artifact_digest: Text = None
    artifact_qualified_name: Text = None
    artifact_sequence_asset: Text = None
    user_asset: Text = None
    user_email: Text = None
    response_code: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None
    cli_version: Text = None
    outcome: str | None = None
    source: Text = None
    correlation_id: Text = None
    changes: dict[str, msgspec.Raw] | None = None
    attributes: Annotated[dict[Name, Value], msgspec.Meta(max_length=ATTRIBUTES_MAX)] | None = None


class _OrgOnly(msgspec.Struct, gc=False):
    org_id: str = ""


_DECODER: Final = msgspec.json.Decoder(RawEvent)
_ORG: Final = msgspec.json.Decoder(_OrgOnly)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCALAR: Final = msgspec.json.Decoder(Value)
_NUL: Final = rb"\u0000"
EXTRA: Final = "extra."
_TOO_DEEP: Final = "nested too deeply"
_CHANGES: Final = b'"changes"'
DEPTH_MAX: Final = 1 + CHANGES_DEPTH_MAX
_BRACKET: Final = re.compile(rb'[\[{]|[\]}]|"(?:[^"\\]|\\.)*+"', re.DOTALL)
_OPENING, _CLOSING = b"{}"


def decode(value: bytes | None) -> RawEvent:
    """Decode one record's value; raises `Rejection` with a closed reason for everything else that may lie on a topic."""
    if not value:
        raise Rejection(Reason.EMPTY, "no value")
    if len(value) > EVENT_BYTES_MAX:
        raise Rejection(Reason.TOO_LARGE, f"{len(value)} bytes, at most {EVENT_BYTES_MAX}")
    if _is_deep(value):
        raise Rejection(Reason.MALFORMED, _TOO_DEEP)
    try:
        event = _DECODER.decode(value)
    except msgspec.ValidationError as error:
        if "unknown field" not in str(error):
            raise _invalid(value, error) from None
        event = _decode_newer(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejection(Reason.MALFORMED, _safe_text(error)) from None
    if not _is_utf8(value):  # the decoder does not look into `changes`
        raise Rejection(Reason.MALFORMED, "not UTF-8")
    if _NUL in value and (field := _field_with_nul(event)):
        raise Rejection(Reason.INVALID_FIELD, f"{field}: must not hold a NUL character")
    return event


def decode_many(values: Sequence[bytes | None]) -> list[RawEvent] | None:
    """Decode a bundle in one go, or None when one of them needs `decode` (bad, large, with unknown fields).

    Neighbours must not shift: two documents in one record may stand beside one without any, or beside the halves of
    a third. So each must begin with `{` and end with `}`: no half of an object ends where another could begin, each
    holds one document at least, and as many as there are values means one each.
    """
    try:
        lines = b"\n".join(values)  # type: ignore[arg-type]  # None raises
        if [1 for value in values if value[0] != _OPENING or value[-1] != _CLOSING]:  # type: ignore[index]
            return None
    except (TypeError, IndexError):  # nothing, or nothing in it
        return None
    present: Sequence[bytes] = values  # type: ignore[assignment]  # None was ruled out above
    if len(lines) > EVENT_BYTES_MAX and max(map(len, present)) > EVENT_BYTES_MAX:
        return None
    # A backslash is found much sooner than what may follow it.
    has_escapes = b"\\" in lines
    if (has_escapes and _NUL in lines) or not _is_utf8(lines):
        return None
    try:
        events: list[RawEvent] = _DECODER.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(events) != len(present):
        return None
    # Nothing but `changes` nests; given twice, or spelled with escapes, it may nest where the event has none.
    nesting = [present[index] for index, event in enumerate(events) if event.changes is not None]
    asked = present if has_escapes or lines.count(_CHANGES) != len(nesting) else nesting
    return None if any(map(_is_deep, asked)) else events


def _is_deep(value: bytes) -> bool:
    """Whether brackets nest deeper than an event may. Asked before decoding: how deep the decoder itself gets depends
    on the stack it is called on, so the same record would be an event here and none there.
    """
    if value.count(b"{") + value.count(b"[") <= DEPTH_MAX:
        return False
    depth = 0
    for found in _BRACKET.finditer(value):
        if (bracket := found[0]) in {b"{", b"["}:
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif bracket in {b"}", b"]"}:
            depth -= 1
    return False


def _is_utf8(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _field_with_nul(event: RawEvent) -> str:
    """The first field whose text, or a text or name inside it, really holds a NUL (the escape may itself be escaped).

    Values inside `changes` stay JSON text, where the escape does no harm.
    """
    for name, value in zip(event.__struct_fields__, astuple(event), strict=True):
        texts = [*value, *value.values()] if isinstance(value, dict) else [value]
        if any("\x00" in text for text in texts if isinstance(text, str)):
            return name
    return ""


def org_of(value: bytes | None) -> str:
    """The organisation a rejected record names, as far as it can be read; '' otherwise."""
    if not value or _is_deep(value):
        return ""
    try:
        return _ORG.decode(value).org_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _decode_newer(value: bytes) -> RawEvent:
    """Decode an event with fields this version does not know, moving those into `attributes`."""
    try:
        fields = _OBJECT.decode(value)
        unknown = {name: fields.pop(name) for name in list(fields) if name not in FIELD}
        event = _DECODER.decode(msgspec.json.encode(fields))
        extra: dict[str, Any] = {f"{EXTRA}{name}": _scalar(raw) for name, raw in unknown.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(value, error) from None
    if any(len(name) > ATTRIBUTE_NAME_LENGTH_MAX for name in extra):
        # Not cut: what is left of a name that is an e-mail would be none any more, and so would stay.
        raise Rejection(
            Reason.INVALID_FIELD, "an unknown field's name is too long to be kept as an attribute"
        )
    event.attributes = {**(event.attributes or {}), **extra}
    if len(event.attributes) > ATTRIBUTES_MAX:
        raise Rejection(
            Reason.INVALID_FIELD, f"attributes: more than {ATTRIBUTES_MAX} keys with the unknown fields"
        )
    return event


def _scalar(raw: msgspec.Raw) -> Any:
    """The value itself when it is a scalar, else its JSON text."""
    try:
        return _SCALAR.decode(raw)
    except msgspec.ValidationError:
        text = bytes(raw).decode()
        if len(text) > TEXT_LENGTH_MAX:
            raise
        return text


def _invalid(value: bytes, error: Exception) -> Rejection:
    if isinstance(error, msgspec.ValidationError):
        if value.lstrip()[:1] != b"{":
            return Rejection(Reason.MALFORMED, "not a JSON object")
        return Rejection(Reason.INVALID_FIELD, _safe_text(error))
    return Rejection(Reason.MALFORMED, _safe_text(error))


def _safe_text(error: Exception) -> str:
    """The decoder's words without values: a JSON path and a type never are personal data, a quoted value may be."""
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    text = str(error)
    return text.partition("'")[0].rstrip() if "'" in text else text
