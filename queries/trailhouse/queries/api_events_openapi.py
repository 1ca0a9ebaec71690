"""What OpenAPI says of the collector: its body, its headers, its answers."""

from __future__ import annotations

from typing import Any, Final

from trailhouse.producers.schema import json_schema

_PROBLEM: Final = "application/problem+json"


def _event_schema() -> dict[str, Any]:
    schema = {name: value for name, value in json_schema().items() if not name.startswith("$")}
    return schema | {
        "required": ["action"],
        "description": "An event of the contract. Left out here: `org_id` = the key's organisation when it has one; "
        "`event_id` is made from the Idempotency-Key, else new; `occurred_at` = now where neither is given.",
    }


DESCRIPTION: Final = """\
Send one event or a batch. The answer comes when Kafka has confirmed the events on all in-sync replicas.

Good events of a batch are accepted whatever the others are like. An event is counted once however often it is sent:
with an `Idempotency-Key`, events without `event_id` get ids made from user, key and place in the batch, for ever.
The scope is `events:write`."""
_EVENT: Final = _event_schema()
_JSON: Final = {"oneOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1}]}
REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {"schema": _JSON},
        "application/x-ndjson": {"schema": {"type": "string", "description": "one event a line"}},
    },
}
PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "makes the request repeatable: the same key and body are the same events",
        "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    },
    {
        "name": "Content-Encoding",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "enum": ["gzip", "identity"]},
    },
]
_RESULT: Final = {
    "type": "object",
    "required": ["accepted", "ids", "errors"],
    "properties": {
        "accepted": {"type": "integer", "description": "how many events Kafka has confirmed"},
        "ids": {
            "type": "array",
            "description": "the id of each event in the order sent; null where it was refused",
            "items": {"type": ["string", "null"], "format": "uuid"},
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "status", "field", "rule"],
                "properties": {
                    "index": {
                        "type": "integer",
                        "description": "which event, from 0; empty lines do not count",
                    },
                    "status": {"type": "integer", "enum": [403, 422]},
                    "field": {"type": "string"},
                    "rule": {"type": "string"},
                },
            },
        },
    },
}


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {_PROBLEM: {"schema": {"type": "object"}}}}


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Kafka has confirmed the accepted events",
        "content": {"application/json": {"schema": _RESULT}},
    },
    400: _problem(
        "the body is not JSON, not gzip, or empty, the Idempotency-Key is none, or there is a query parameter"
    ),
    401: _problem("no key, or one that is not valid"),
    403: _problem(
        "the key lacks the scope events:write, or every event names an organisation that is not the key's"
    ),
    408: _problem("the body did not arrive in time"),
    413: _problem("too many bytes or events"),
    415: _problem("a Content-Type or Content-Encoding that is not read"),
    422: _problem("no event of the request keeps the contract; has accepted, ids and errors"),
    429: _problem("too much under way, or too many wrong keys; see Retry-After"),
    503: _problem("Kafka has not confirmed in time, or the keys cannot be read; see Retry-After"),
}
