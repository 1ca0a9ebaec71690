"""The tables of alerts: what is kept of them, who may be told, how far each has read, and what was sent.

Everything is asked with the organisation bound; only the role asks for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.channel import Channel
from trailhouse.queries.alerts.evaluation import Notice, State
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.slack import SlackApp
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client, insert_lines

NOTICES_SHOWN: Final = 100
PENDING_MAX: Final = 10_000
#: Of one channel, which gets them one after the other: a receiver that takes none must not keep others' from being seen.
PENDING_EACH_MAX: Final = 20
_CREATED: Final = "toUnixTimestamp64Milli(created_at)"
_ORG: Final = "({any:Bool} OR org_id = {org:String})"
ALERTS_SQL: Final = (
    f"SELECT org_id, alert_id, name, definition, created_by, {_CREATED}, toUnixTimestamp64Milli(muted_until) "
    f"FROM alerts FINAL WHERE {_ORG} AND is_deleted = 0 ORDER BY created_at, alert_id"
)
CHANNELS_SQL: Final = (
    f"SELECT org_id, channel_id, name, kind, shown, sealed, created_by, {_CREATED} "
    f"FROM alert_channels FINAL WHERE {_ORG} AND is_deleted = 0 ORDER BY created_at, channel_id"
)
_SENDINGS: Final = (
    f"SELECT org_id, channel_id, alert_id, content, {_CREATED}, status, attempts, toUnixTimestamp64Milli(next_at), "
    f"error FROM alert_notices FINAL WHERE {_ORG}"
)
RECENT_SQL: Final = (
    f"{_SENDINGS} AND ({{alert:String}} = '' OR alert_id = {{alert:String}}) "
    f"ORDER BY created_at DESC, notice_id, channel_id LIMIT {NOTICES_SHOWN}"
)


@dataclass(frozen=True, slots=True)
class Sending:
    """A notice on its way to one channel; the last three say how the latest attempt went."""

    org: str
    channel_id: str
    alert_id: str
    notice: Notice
    created_at: int
    status: str = "pending"
    attempts: int = 0
    next_at: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """How far an alert is, its `number`th step; `notices` are those that this step made."""

    number: int
    state: State
    notices: tuple[Notice, ...] = ()


def save_alert(client: Client, alert: Alert) -> None:
    """Keep an alert; raises `QueryError`."""
    _insert(
        client,
        "alerts",
        {
            "org_id": alert.org,
            "alert_id": alert.alert_id,
            "name": alert.name,
            "definition": alert.definition(),
            "created_by": alert.created_by,
            "created_at": alert.created_at,
            "muted_until": alert.muted_until,
            "is_deleted": int(alert.is_deleted),
            "ver": time.time_ns(),
        },
    )


def load_alerts(client: Client, org: str | None) -> list[Alert]:
    """The alerts of an organisation, the oldest first; None = of all. Raises `StorageUnavailable`."""
    return [
        Alert.restored(
            str(definition),
            org=str(of),
            alert_id=str(alert_id),
            name=str(name),
            created_by=str(by),
            created_at=_moment(created),
            muted_until=None if muted is None else _moment(muted),
        )
        for of, alert_id, name, definition, by, created, muted in _rows(client, ALERTS_SQL, org)
    ]


def save_channel(client: Client, channel: Channel) -> None:
    """Keep a channel; raises `QueryError`."""
    _insert(
        client,
        "alert_channels",
        {
            "org_id": channel.org,
            "channel_id": channel.channel_id,
            "name": channel.name,
            "kind": channel.kind,
            "shown": channel.shown,
            # Of a channel that is gone nothing is kept that could be used.
            "sealed": "" if channel.is_deleted else channel.sealed,
            "created_by": channel.created_by,
            "created_at": channel.created_at,
            "is_deleted": int(channel.is_deleted),
            "ver": time.time_ns(),
        },
    )


def load_channels(client: Client, org: str | None) -> list[Channel]:
    """The channels of an organisation, the oldest first; None = of all."""
    return [
        Channel(
            str(of), str(channel_id), str(name), str(kind), str(shown), str(sealed), str(by), _moment(created)
        )
        for of, channel_id, name, kind, shown, sealed, by, created in _rows(client, CHANNELS_SQL, org)
    ]


def save_app(client: Client, app: SlackApp, seal: Seal) -> None:
    """Keep an organisation's Slack app; raises `QueryError`."""
    _insert(
        client,
        "slack_apps",
        {
            "org_id": app.org,
            "client_id": app.client_id,
            "sealed": seal.close(app.client_secret.reveal()),
            "redirects": list(app.redirects),
            "is_enabled": int(app.is_enabled),
            "changed_by": app.changed_by,
            "ver": time.time_ns(),
        },
    )


def load_app(client: Client, org: str, seal: Seal | None = None) -> SlackApp | None:
    """An organisation's Slack app; without a `seal` its secret stays closed."""
    sql = f"SELECT client_id, sealed, redirects, is_enabled, changed_by FROM slack_apps FINAL WHERE {_ORG}"
    for client_id, sealed, redirects, is_enabled, by in _rows(client, sql, org):
        secret = seal.open(str(sealed)) if seal else Secret()
        return SlackApp(org, str(client_id), secret, tuple(redirects), bool(is_enabled), str(by))
    return None


def save_step(client: Client, alert: Alert, step: Step) -> None:
    """Keep a step: its state and its notices, both or neither; raises `QueryError`."""
    _insert(
        client,
        "alert_steps",
        {
            "org_id": alert.org,
            "alert_id": alert.alert_id,
            "number": step.number,
            "state": step.state.to_text(),
            "notices": orjson.dumps([each.to_dict() for each in step.notices]).decode(),
            "at": datetime.now(UTC),
        },
    )


def load_steps(client: Client) -> dict[tuple[str, str], Step]:
    """The latest step of every alert, by organisation and id."""
    sql = f"SELECT org_id, alert_id, number, state, notices FROM alert_steps FINAL WHERE {_ORG}"
    return {
        (str(org), str(alert_id)): Step(
            int(number), State.from_text(state), tuple(map(Notice.from_dict, orjson.loads(notices)))
        )
        for org, alert_id, number, state, notices in _rows(client, sql, None)
    }


def save_sendings(client: Client, sendings: Sequence[Sending]) -> None:
    """Keep where notices stand. A writing with fewer attempts changes nothing, so what is copied again does no harm."""
    lines = [
        orjson.dumps(
            {
                "org_id": each.org,
                "notice_id": each.notice.notice_id,
                "channel_id": each.channel_id,
                "alert_id": each.alert_id,
                "kind": each.notice.kind,
                "status": each.status,
                "content": orjson.dumps(each.notice.to_dict()).decode(),
                "error": each.error,
                "attempts": each.attempts,
                "created_at": _moment(each.created_at),
                "next_at": _moment(each.next_at),
            }
        )
        for each in sendings
    ]
    if lines:
        with our_errors():
            insert_lines(client, "alert_notices", lines)


def pending(client: Client, since: int = 0) -> list[Sending]:
    """Notices made since then (Unix ms) that are still to be delivered, the oldest first; of each channel its oldest few."""
    condition = f"status = 'pending' AND created_at >= fromUnixTimestamp64Milli({since:d}, 'UTC')"
    order = f"created_at, notice_id, channel_id LIMIT {PENDING_EACH_MAX} BY org_id, channel_id"
    return _sendings(client, f"{_SENDINGS} AND {condition} ORDER BY {order} LIMIT {PENDING_MAX}", None)


def recent(client: Client, org: str, alert_id: str | None = None) -> list[Sending]:
    """The latest notices of an organisation, or of one alert, the newest first."""
    return _sendings(client, RECENT_SQL, org, alert=alert_id or "")


def standing(client: Client, org: str) -> dict[tuple[str, str], int]:
    """How many notices stand where: (alert id, status) -> number; `lost` are those given up more than a day ago."""
    status = "if(status = 'dead' AND changed_at < now() - INTERVAL 1 DAY, 'lost', toString(status))"
    sql = f"SELECT alert_id, {status} AS stand, count() FROM alert_notices FINAL WHERE {_ORG} GROUP BY alert_id, stand"
    return {(str(alert), str(status)): int(count) for alert, status, count in _rows(client, sql, org)}


def _sendings(client: Client, sql: str, org: str | None, **bound: str) -> list[Sending]:
    return [
        Sending(
            str(of),
            str(channel),
            str(alert),
            Notice.from_dict(orjson.loads(content)),
            int(created),
            str(status),
            int(attempts),
            int(next_at),
            str(error),
        )
        for of, channel, alert, content, created, status, attempts, next_at, error in _rows(
            client, sql, org, **bound
        )
    ]


def _rows(client: Client, sql: str, org: str | None, **bound: str) -> Iterable[Any]:
    with our_errors():
        rows: Iterable[Any] = client.query(
            sql, parameters={"any": org is None, "org": org or "", **bound}
        ).result_rows
    return rows


def _insert(client: Client, table: str, row: dict[str, Any]) -> None:
    with our_errors():
        insert_lines(client, table, [orjson.dumps(row)])


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
