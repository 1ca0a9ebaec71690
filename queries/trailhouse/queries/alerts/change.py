"""What becomes of an alert that somebody changes. Pure.

Whoever changes what it tells of, where to, or its name, answers for it from then on, as who made it did before; who only
pauses or resumes it does not. A changed condition begins to count anew, from the next event on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from trailhouse.queries.alerts.alert import FIELDS, FILTERS, Alert, read_alert, span
from trailhouse.queries.errors import UnknownParameter

#: What makes it another question; the rest is how often and to whom it is told.
CONDITION: Final = ("kind", *FILTERS, "group_by", "window", "above", "below", "report", "figure", "last")
_OF_KIND: Final = ("window", "above", "below", "report", "figure", "last")
_PAUSE: Final = "paused"


def fields_of(alert: Alert) -> dict[str, Any]:
    """An alert as the fields that `read_alert` takes; each of `FIELDS` is there."""
    return {
        "name": alert.name,
        "kind": alert.kind,
        **{name: alert.filters.get(name, "") for name in FILTERS},
        "group_by": alert.group_by,
        "window": span(alert.window_s) if alert.window_s else "",
        "above": alert.above,
        "below": alert.below,
        "report": alert.report,
        "figure": alert.figure,
        "last": alert.last,
        "quiet": span(alert.quiet_s),
        "rate": alert.rate,
        "channels": list(alert.channels),
        "with_pii": alert.with_pii,
        _PAUSE: alert.is_paused,
    }


def changed(alert: Alert, given: Mapping[str, Any], by: str, now: datetime) -> tuple[Alert, list[str]]:
    """The alert with the fields that are given, and the names of those that became others; '' and None empty a field.

    Where the kind becomes another, what only the old one had is emptied unless it is given. Raises `BadParameter`,
    `UnknownParameter`.
    """
    for name in given:
        if name not in FIELDS:
            raise UnknownParameter("an alert", name, FIELDS)
    was = fields_of(alert)
    is_other_kind = given.get("kind", alert.kind) != alert.kind
    base = {name: value for name, value in was.items() if not (is_other_kind and name in _OF_KIND)}
    found = read_alert({**base, **given}, org=alert.org, alert_id=alert.alert_id)
    becomes = fields_of(found)
    names = [name for name in FIELDS if becomes[name] != was[name]]
    is_turned = any(name in CONDITION for name in names)
    after = replace(
        found,
        start=alert.start,
        created_by=alert.created_by,
        created_at=alert.created_at,
        muted_until=alert.muted_until,
        turned_ms=int(now.timestamp() * 1000) if is_turned else alert.turned_ms,
        changed_by=by if set(names) - {_PAUSE} else alert.changed_by,
    )
    return after, names
