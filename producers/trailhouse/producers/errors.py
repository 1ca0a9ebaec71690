"""Errors of the SDK.

    AuditError
    ├── SettingsError        a setting has a value that cannot be used
    ├── InvalidEvent         an event breaks the contract; nothing was sent
    ├── AuditBufferFull      Kafka took nothing for `max_block_ms`; the event was not accepted
    ├── DeliveryFailed       Kafka refused an accepted event, or `flush` ran out of time
    └── ProducerClosed       `emit` after `close`
"""

from __future__ import annotations

from typing import ClassVar


class AuditError(Exception):
    """Root of everything the SDK raises on purpose; `retriable` says whether the same call may succeed later."""

    retriable: ClassVar[bool] = False


class SettingsError(AuditError):
    """A setting has a value that cannot be used."""

    def __init__(self, key: str, value: object, wanted: str) -> None:
        super().__init__(f"{key} is {value!r}; wanted {wanted}")
        self.key, self.value, self.wanted = key, value, wanted


class InvalidEvent(AuditError):
    """An event breaks the contract (`docs/events.md`); nothing was sent.

    `field`, `rule` and `shown` (the offending value, cut to 80 characters) say what to mend.
    """

    def __init__(self, field: str, value: object, rule: str) -> None:
        shown = repr(value)
        self.field, self.rule, self.shown = field, rule, shown if len(shown) <= 80 else shown[:79] + "…"
        super().__init__(f"{field} is {self.shown}: {rule}")


class AuditBufferFull(AuditError):
    """The buffer stayed full for `max_block_ms`; the event was not accepted and the caller decides."""

    retriable = True


class DeliveryFailed(AuditError):
    """Kafka refused an accepted event for good, or it was not confirmed in time."""

    retriable = True


class ProducerClosed(AuditError):
    """`emit` was called on a closed producer."""
