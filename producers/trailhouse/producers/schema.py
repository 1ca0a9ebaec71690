"""The contract as JSON Schema, for producers in any language (`trailhouse schema event`)."""

from __future__ import annotations

from typing import Any

from trailhouse.producers.field import (
    ACTION_LENGTH_MAX,
    ATTRIBUTE_NAME_LENGTH_MAX,
    ATTRIBUTES_MAX,
    EVENT_ID,
    FIELDS,
    ORG_ID,
    REQUIRED,
    TEXT_LENGTH_MAX,
    Field,
    Kind,
)

_KINDS: dict[Kind, dict[str, Any]] = {
    "id": {"type": "string", "format": "uuid", "pattern": f"^{EVENT_ID.pattern}$"},
    "time": {"type": "string", "format": "date-time"},
    "org": {"type": "string", "pattern": f"^{ORG_ID.pattern}$"},
    "action": {"type": "string", "minLength": 1, "maxLength": ACTION_LENGTH_MAX},
    "text": {"type": "string", "maxLength": TEXT_LENGTH_MAX},
    "integer": {"type": "integer"},
    "choice": {"type": "string"},
    "object": {"type": "object"},
    "scalars": {
        "type": "object",
        "maxProperties": ATTRIBUTES_MAX,
        "propertyNames": {"minLength": 1, "maxLength": ATTRIBUTE_NAME_LENGTH_MAX},
        "additionalProperties": {
            "type": ["string", "number", "boolean", "null"],
            "maxLength": TEXT_LENGTH_MAX,
        },
    },
}


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event.

    Looser than `AuditEvent.check` where JSON Schema has no words (printable characters, 64-bit numbers, times before
    1970), and open to unknown keys, because later versions of the contract may add some.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:trailhouse:event:1",
        "title": "Trailhouse audit event",
        "description": "One audit event = one Kafka record = one JSON object.",
        "type": "object",
        "required": list(REQUIRED),
        "properties": {field.name: _property_of(field) for field in FIELDS},
    }


def _property_of(field: Field) -> dict[str, Any]:
    described = _KINDS[field.kind] | {"description": field.text}
    if field.choices:
        described["enum"] = list(field.choices)
    if field.bounds is not None:
        described["minimum"], described["maximum"] = field.bounds
    if field.is_pii:
        described["x-pii"] = True
    return described
