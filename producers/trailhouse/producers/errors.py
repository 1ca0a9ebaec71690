"""Errors of the SDK.

AuditError
├── SettingsError        a setting has a value that cannot be used
├── InvalidEvent         an event breaks the contract; nothing was sent
├── AuditBufferFull      Kafka took nothing for `max_block_ms`; the event was not accepted
│   └── AuditSpoolFull   the same with a spool: its cap is reached, or its disk is full
├── SpoolFailed          the spool cannot be used: no folder, no permission, a broken disk
├── DeliveryFailed       an accepted event is not confirmed by Kafka
│   └── DeliveryRefused  Kafka will never take it, however often it is sent
└── ProducerClosed       `emit` after `close`
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, NamedTuple


class AuditError(Exception):
    """Root of everything the SDK raises on purpose; `retriable` says whether the same call may succeed later."""

    retriable: ClassVar[bool] = False


class SettingsError(AuditError):
    """A setting has a value that cannot be used."""

    def __init__(self, key: str, value: object, wanted: str) -> None:
        said = f"is {value!r}"
        if hasattr(value, "reveal"):  # a `Secret` is not shown, but whether there is one
            said = "cannot be used (its value is not shown)" if value else "is not set"
        super().__init__(f"{key} {said}; wanted {wanted}")
        self.key, self.value, self.wanted = key, value, wanted

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.key, self.value, self.wanted)


class InvalidEvent(AuditError):
    """An event breaks the contract (`docs/events.md`); nothing was sent.

    `field`, `rule` and `shown` say what to mend. `shown` is the value, cut to 80 characters, of the fields in `SHOWN`;
    of every other one its kind and size: exceptions end up in logs, and values may be personal.
    """

    SHOWN: ClassVar = frozenset(
        {
            "event_id",
            "occurred_at",
            "org_id",
            "action",
            "schema_version",
            "actor_type",
            "outcome",
            "response_code",
        }
    )

    def __init__(self, field: str, value: object, rule: str) -> None:
        if isinstance(value, _Shown):
            shown = value.text
        else:
            shown = repr(value) if field in self.SHOWN or value is None else _kind_of(value)
        self.field, self.rule, self.shown = field, rule, shown if len(shown) <= 80 else shown[:79] + "…"
        super().__init__(f"{field} is {self.shown}: {rule}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process pool without the value, which may be what cannot be pickled."""
        return type(self), (self.field, _Shown(self.shown), self.rule)


def _kind_of(value: object) -> str:
    """What a value is, without what it says."""
    if isinstance(value, str):
        return f"text of length {len(value)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Collection):
        return f"a {type(value).__name__} of {len(value)}"
    return f"of type {type(value).__name__}"


class _Shown(NamedTuple):
    text: str


class AuditBufferFull(AuditError):
    """The buffer stayed full for `max_block_ms`; the event was not accepted and the caller decides."""

    retriable = True


class AuditSpoolFull(AuditBufferFull):
    """The spool's cap was reached, or its disk full, for `max_block_ms`; the event was not accepted."""


class SpoolFailed(AuditError):
    """The spool cannot be used; raised by `emit`, the event was not accepted (in level `safe` it may be sent)."""

    retriable = True


class DeliveryFailed(AuditError):
    """An accepted event was not confirmed by Kafka: it may or may not be there; sending it again does no harm."""

    retriable = True


class DeliveryRefused(DeliveryFailed):
    """Kafka will never take this event (too large for the topic, for example); it is not there."""

    retriable = False


class ProducerClosed(AuditError):
    """`emit` was called on a closed producer."""
