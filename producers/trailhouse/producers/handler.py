"""A logging handler: log records that are audit events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trailhouse.producers.client import AuditProducer

ATTRIBUTE = "audit"


class AuditHandler(logging.Handler):
    """Emits the records that carry `extra={"audit": {"action": …, "org_id": …}}`, and no others.

    `log.info("deleted", extra={"audit": {"action": "project:delete", "project_name": name}})`. What goes wrong is
    reported as logging does it (`logging.raiseExceptions`), not raised; who must know calls `emit`.
    """

    def __init__(self, trail: AuditProducer) -> None:
        super().__init__()
        self._trail = trail

    def emit(self, record: logging.LogRecord) -> None:
        """Emit one record's event."""
        event: Any = getattr(record, ATTRIBUTE, None)
        if event is None:
            return
        try:
            self._emit(event)
        except Exception:
            self.handleError(record)

    def _emit(self, event: Any) -> None:
        if not isinstance(event, Mapping) or "action" not in event:
            raise TypeError(f"extra={{'audit': …}} must be a map with an action, not {event!r}")
        self._trail.emit(**event)
