"""Alerts, channels and notifications as people and programs are shown them: no address, no secret, no name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.change import fields_of
from trailhouse.queries.alerts.channel import Channel
from trailhouse.queries.alerts.delivery import summary
from trailhouse.queries.alerts.owner import stop_of
from trailhouse.queries.alerts.table import Sending
from trailhouse.queries.key import Key


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked up to show alerts: how many notices stand where, the channels' names by id, the keys, and the time."""

    counts: Mapping[tuple[str, str], int]
    names: Mapping[str, str]
    keys: Mapping[str, Key]
    now: datetime


def shown_alert(alert: Alert, around: Surroundings) -> dict[str, Any]:
    """An alert as it may be shown. `state`: stopped (`stopped` says why), paused, muted, failing or active.

    `definition` has the fields it can be changed by.
    """
    found = summary(around.counts, alert.alert_id)
    stop = stop_of(alert, around.keys, around.now)
    is_muted = alert.muted_until is not None and around.now < alert.muted_until
    states = {
        "stopped": stop is not None,
        "paused": alert.is_paused,
        "muted": is_muted,
        "failing": around.counts.get((alert.alert_id, "dead"), 0) > 0,
        "active": True,
    }
    return {
        "id": alert.alert_id,
        "org_id": alert.org,
        "name": alert.name,
        "kind": alert.kind,
        "says": alert.says,
        "channels": [{"id": each, "name": around.names.get(each, "deleted")} for each in alert.channels],
        "quiet_s": alert.quiet_s,
        "rate": alert.rate,
        "with_pii": alert.with_pii,
        "state": next(name for name, holds in states.items() if holds),
        "stopped": None if stop is None else stop.reason,
        "muted_until": text_of(alert.muted_until) if is_muted else None,
        "created_at": text_of(alert.created_at),
        "created_by": alert.created_by,
        "owner": alert.owner,
        "definition": fields_of(alert),
        **found,
    }


def shown_channel(channel: Channel) -> dict[str, Any]:
    """A channel as it may be shown."""
    return {
        "id": channel.channel_id,
        "org_id": channel.org,
        "name": channel.name,
        "kind": channel.kind,
        "address": channel.shown,
        "created_at": text_of(channel.created_at),
        "created_by": channel.created_by,
    }


def shown_sending(sending: Sending, names: Mapping[str, str]) -> dict[str, Any]:
    """A notification to one channel as it may be shown."""
    return {
        "id": sending.notice.notice_id,
        "alert_id": sending.alert_id,
        "kind": sending.notice.kind,
        "group": sending.notice.group,
        "count": sending.notice.count,
        "channel": names.get(sending.channel_id, "deleted"),
        "status": sending.status,
        "attempts": sending.attempts,
        "error": sending.error,
        "created_at": text_of(datetime.fromtimestamp(sending.created_at / 1000, UTC)),
    }


def text_of(moment: datetime | None) -> str | None:
    """A time as RFC 3339 writes it, to the second."""
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
