"""A self-audit for tests, which sends nothing."""

from __future__ import annotations

from typing import Any

from trailhouse.producers import AuditProducer, MemoryTransport
from trailhouse.queries.self_audit import SelfAudit


class Recorded:
    """A self-audit that keeps in memory what it records."""

    def __init__(self, producer: AuditProducer | None = None) -> None:
        self._transport = MemoryTransport()
        self._producer = producer or AuditProducer(transport=self._transport)
        self.audit = SelfAudit(lambda: self._producer)
        self._others: list[AuditProducer] = []

    def open_again(self) -> SelfAudit:
        """Another self-audit that is kept here too, for whoever closes it."""
        producer = AuditProducer(transport=self._transport)
        self._others.append(producer)
        return SelfAudit(lambda: producer)

    def take(self) -> list[dict[str, Any]]:
        """The events since the last call."""
        for each in (self._producer, *self._others):
            each.flush(10)
        found = self._transport.events
        self._transport.values.clear()
        return found
