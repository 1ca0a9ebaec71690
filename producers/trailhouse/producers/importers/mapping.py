"""Mappings: which value of a foreign row becomes which field of an event."""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import orjson

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.field import EVENT_ID, FIELD, Scalar
from trailhouse.producers.identity import derive_id
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.expression import Expression, Row, as_text
from trailhouse.producers.importers.mapping_text import ATTRIBUTE, MappingText
from trailhouse.producers.importers.times import check_time_format, read_time
from trailhouse.producers.moment import format_time

NEEDED: Final = ("org_id", "occurred_at", "action")

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class EventMapping:
    """A checked mapping that makes events of rows; build it with `compile_mapping`."""

    columns: tuple[tuple[str, Expression, Convert], ...]
    attributes: tuple[tuple[str, Expression], ...]
    constants: Mapping[str, Any]
    constant_attributes: Mapping[str, Scalar]

    def event(self, row: Row, name: str, number: int, raw: bytes) -> AuditEvent:
        """The event a row stands for; raises `InvalidEvent`.

        `name`, `number` and `raw` are the file, the line and its bytes: they identify a row that has no id of its own.
        """
        fields = dict(self.constants)
        for field, expression, convert in self.columns:
            value = expression(row)
            if value is not None:
                fields[field] = convert(value)
            elif field in NEEDED and field not in fields:
                raise InvalidEvent(field, None, f"nothing found at {expression.text}")
        attributes = dict(self.constant_attributes)
        for key, expression in self.attributes:
            value = expression(row)
            if value is not None:
                attributes[key] = scalar(value)
        if attributes:
            fields["attributes"] = attributes | fields.get("attributes", {})
        org_id, own_id = fields["org_id"], fields.get("event_id")
        fields["event_id"] = (
            identify(org_id, own_id)
            if own_id
            else derive_id(org_id, name, str(number), raw.decode(errors="replace"))
        )
        return AuditEvent(**fields)

    def paths(self) -> dict[str, tuple[str, ...]]:
        """Field -> the paths it may come from."""
        named = {field: expression.paths for field, expression, _ in self.columns}
        return named | {ATTRIBUTE + key: expression.paths for key, expression in self.attributes}


def identify(org_id: str, own_id: str) -> str:
    """A foreign id as an event id: a UUID as it is, anything else as a UUIDv5 of the organisation and the id."""
    return str(uuid.UUID(own_id)) if EVENT_ID.fullmatch(own_id) else derive_id(org_id, own_id)


def compile_mapping(text: MappingText, latest: datetime) -> EventMapping:
    """Check a mapping and make it ready; `latest` is the newest time an event may have. Raises `BadMapping`."""
    check_time_format(text.time_format)
    for field in (*text.sources, *text.constants):
        _check_field(field)
    if "event_id" in text.constants:
        raise BadMapping(
            "--set event_id would give every row the same identity",
            "map it: --map event_id=PATH, or leave it out",
        )
    if missing := [field for field in NEEDED if field not in text.sources and field not in text.constants]:
        raise BadMapping(
            f"nothing says what {', '.join(missing)} is",
            f"add {' '.join(f'--map {field}=PATH' for field in missing)}; --set FIELD=VALUE gives every event the same",
        )
    converts = {
        field.name: _convert(field.name, field.kind, text.time_format, latest) for field in FIELD.values()
    }
    expressions = {field: Expression.parse(source) for field, source in text.sources.items()}
    try:
        constants = {
            field: converts[field](value)
            for field, value in text.constants.items()
            if not field.startswith(ATTRIBUTE)
        }
    except InvalidEvent as error:
        raise BadMapping(f"--set {error.field}: {error.rule}") from None
    return EventMapping(
        columns=tuple(
            (field, expression, converts[field])
            for field, expression in expressions.items()
            if not field.startswith(ATTRIBUTE)
        ),
        attributes=tuple(
            (field.removeprefix(ATTRIBUTE), expression)
            for field, expression in expressions.items()
            if field.startswith(ATTRIBUTE)
        ),
        constants=constants,
        constant_attributes={
            field.removeprefix(ATTRIBUTE): value
            for field, value in text.constants.items()
            if field.startswith(ATTRIBUTE)
        },
    )


def _check_field(field: str) -> None:
    if field in FIELD or (field.startswith(ATTRIBUTE) and len(field) > len(ATTRIBUTE)):
        return
    near = difflib.get_close_matches(field, FIELD, n=1)
    raise BadMapping(
        f"an event has no field {field!r}",
        f"did you mean {near[0]}?" if near else f"free facts go into {ATTRIBUTE}{field}",
    )


def _convert(field: str, kind: str, time_format: str | None, latest: datetime) -> Convert:
    if kind == "time":
        return lambda value: format_time(read_time(value, time_format, latest))
    converts: Mapping[str, Convert] = {
        "integer": partial(_integer, field),
        "object": partial(_object, field),
        "scalars": partial(_scalars, field),
    }
    return converts.get(kind, as_text)


def _integer(field: str, value: Any) -> int:
    try:
        if isinstance(value, bool) or (number := float(value)) != int(number):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise InvalidEvent(field, value, "is no whole number") from None
    return int(number)


def _object(field: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, dict):
        raise InvalidEvent(field, value, "is no JSON object")
    return value


def _scalars(field: str, value: Any) -> dict[str, Scalar]:
    return {key: scalar(each) for key, each in _object(field, value).items()}


def scalar(value: Any) -> Scalar:
    """A value as an attribute holds it: objects and lists become JSON text."""
    return value if isinstance(value, str | int | float | bool | None) else as_text(value)
