"""Raw records for the tests of the stream stage, and the shortest way through `enrich_bundle`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.steps import Rules

RECEIVED: Final = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RECEIVED_MS: Final = int(RECEIVED.timestamp() * 1000)
EVENT_ID: Final = "01920f0e-7c5a-7b3e-8f43-0123456789ab"
PEPPER: Final = b"a pepper for tests only"
RULES: Final = Rules(Pseudonyms(PEPPER))
EPOCH: Final = "a-topic-id"
PARTITION: Final = 3


@dataclass(slots=True)
class RawRecord:
    """A record as the broker would give it; `timestamp` in Unix milliseconds."""

    value: bytes | None
    offset: int = 0
    timestamp: int = RECEIVED_MS
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


def event(**overrides: Any) -> dict[str, Any]:
    """The smallest event of the contract, with `overrides`; None leaves a field out."""
    fields = {
        "event_id": EVENT_ID,
        "occurred_at": "2026-03-02T09:59:59.000Z",
        "org_id": "acme",
        "action": "project:read",
    }
    return {name: value for name, value in (fields | overrides).items() if value is not None}


def encoded(**overrides: Any) -> bytes:
    """That event as a record's value."""
    return json.dumps(event(**overrides), ensure_ascii=False).encode()


def with_text(text: bytes) -> bytes:
    """That event with `text`, JSON that no encoder would write, as one more member."""
    return encoded()[:-1] + b"," + text + b"}"


def enrich(*values: bytes | None, rules: Rules = RULES, timestamp: int = RECEIVED_MS) -> Bundle:
    """The values as consecutive records from offset 0."""
    records = [RawRecord(value, offset, timestamp) for offset, value in enumerate(values)]
    return enrich_bundle(records, epoch=EPOCH, partition=PARTITION, from_offset=0, rules=rules)


def line_of(value: bytes | None, **options: Any) -> dict[str, Any]:
    """What one record becomes, read back."""
    (line,) = enrich(value, **options).lines
    result: dict[str, Any] = json.loads(line)
    return result


def line(**overrides: Any) -> dict[str, Any]:
    """What the smallest event with `overrides` becomes."""
    return line_of(encoded(**overrides))


def at(delta: timedelta, *, base: datetime = RECEIVED) -> str:
    """A moment `delta` from the broker's, as events write it."""
    return (base + delta).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Name(str):  # noqa: SLOT000  # it carries its bytes
    """A header name of these bytes, as clients of other languages may write it."""

    content: bytes

    def __new__(cls, content: bytes) -> Self:
        made = super().__new__(cls, "name")
        made.content = content
        return made

    def encode(self, *_: Any, **__: Any) -> bytes:
        return self.content
