"""What the API, the dashboard and the command do with alerts: check, record, keep.

Whoever comes here was found to hold `admin` for `org`; the organisation is never read from what they send. Every change
is recorded before it is made, so what cannot be recorded does not happen.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import orjson

from trailhouse.producers.event import Scalar
from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.alert import Alert, read_alert
from trailhouse.queries.alerts.channel import Channel, read_channel
from trailhouse.queries.alerts.delivery import summary
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.slack import Installation, SlackApp, read_app
from trailhouse.queries.alerts.table import (
    Sending,
    load_alerts,
    load_app,
    load_channels,
    recent,
    save_alert,
    save_app,
    save_channel,
    save_sendings,
    standing,
)
from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.audit_page import read_marks
from trailhouse.queries.errors import BadParameter, QueryError
from trailhouse.queries.report import Report
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.sinks.clickhouse import Client

ALERTS_MAX: Final = 200
CHANNELS_MAX: Final = 50
MUTE_MAX: Final = timedelta(days=366)


class UnknownAlert(QueryError):
    """The organisation has no alert, or no channel, of that id."""

    status = 404
    title = "No such alert"
    exit_code = 2


class Clients(Protocol):
    """Lends a ClickHouse client that may write the tables of alerts."""

    def client(self) -> AbstractContextManager[Client]: ...


@dataclass(frozen=True, slots=True)
class By:
    """Who asks for a change: for the records, as the tables keep them, and whether they may see people."""

    who: Who
    name: str
    read_pii: bool

    @classmethod
    def operator(cls, name: str) -> By:
        return cls(Who.operator(), f"operator:{name}", read_pii=True)


@dataclass(frozen=True, slots=True)
class Desk:
    """Alerts, channels and Slack apps, one organisation at a time. Methods raise `QueryError`."""

    clients: Clients
    seal: Seal
    audit: SelfAudit
    reports: Mapping[str, Report]
    now: Any = field(default=lambda: datetime.now(UTC))

    def alerts(self, org: str) -> list[dict[str, Any]]:
        """Every alert of an organisation as it is shown."""
        with self.clients.client() as client:
            counts = standing(client, org)
            names = {each.channel_id: each.name for each in load_channels(client, org)}
            return [self._shown(each, counts, names) for each in load_alerts(client, org)]

    def alert(self, org: str, alert_id: str) -> dict[str, Any]:
        """One alert with its latest notifications."""
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            names = {each.channel_id: each.name for each in load_channels(client, org)}
            shown = self._shown(alert, standing(client, org), names)
            return shown | {
                "notifications": [shown_sending(each, names) for each in recent(client, org, alert_id)]
            }

    def notifications(self, org: str) -> list[dict[str, Any]]:
        """The latest notifications of an organisation."""
        with self.clients.client() as client:
            names = {each.channel_id: each.name for each in load_channels(client, org)}
            return [shown_sending(each, names) for each in recent(client, org)]

    def create(self, org: str, by: By, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make an alert: it reads what is stored from now on. Channels are named by id or name."""
        now = self._clock()
        alert = read_alert(
            given, org=org, alert_id=f"al_{secrets.token_hex(6)}", created_by=by.name, created_at=now
        )
        self._check_report(alert)
        if alert.with_pii and not by.read_pii:
            raise BadParameter("with_pii", "true", "false: you may not see people yourself")
        with self.clients.client() as client:
            if len(load_alerts(client, org)) >= ALERTS_MAX:
                raise BadParameter("name", alert.name, f"at most {ALERTS_MAX} alerts; delete one first")
            known = load_channels(client, org)
            chosen = tuple(dict.fromkeys(_channel(known, each).channel_id for each in alert.channels))
            start = Cursor(org, read_marks(client)).to_text()
            alert = replace(alert, channels=chosen, start=start)
            self._record(
                "alert:create", org, by, alert=alert.alert_id, kind=alert.kind, with_pii=alert.with_pii
            )
            save_alert(client, alert)
            names = {each.channel_id: each.name for each in known}
            return self._shown(alert, {}, names)

    def mute(self, org: str, by: By, alert_id: str, seconds: int) -> dict[str, Any]:
        """Say nothing for so many seconds; 0 = speak again. What comes meanwhile is not told later."""
        if not 0 <= seconds <= MUTE_MAX.total_seconds():
            raise BadParameter("for", seconds, f"0 to {int(MUTE_MAX.total_seconds())} seconds")
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            until = self._clock() + timedelta(seconds=seconds) if seconds else None
            self._record("alert:mute", org, by, alert=alert_id, seconds=seconds)
            alert = replace(alert, muted_until=until)
            save_alert(client, alert)
            names = {each.channel_id: each.name for each in load_channels(client, org)}
            return self._shown(alert, standing(client, org), names)

    def delete(self, org: str, by: By, alert_id: str) -> None:
        """Delete an alert; its notifications that wait are given up."""
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            self._record("alert:delete", org, by, alert=alert_id)
            save_alert(client, replace(alert, is_deleted=True))

    def test(self, org: str, by: By, alert_id: str) -> str:
        """Send a test to every channel of an alert, by the same way as any notification; returns its id."""
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            self._record("alert:test", org, by, alert=alert_id)
            at = int(self._clock().timestamp() * 1000)
            notice = Notice(str(uuid.uuid4()), "test", at)
            save_sendings(
                client, [Sending(org, each, alert_id, notice, at, next_at=at) for each in alert.channels]
            )
        return notice.notice_id

    def outcome(self, org: str, alert_id: str, notice_id: str) -> list[dict[str, Any]]:
        """How the deliveries of one notification stand."""
        with self.clients.client() as client:
            names = {each.channel_id: each.name for each in load_channels(client, org)}
            found = recent(client, org, alert_id)
        return [shown_sending(each, names) for each in found if each.notice.notice_id == notice_id]

    def channels(self, org: str) -> list[dict[str, Any]]:
        """Every channel of an organisation as it is shown: no address, no secret."""
        with self.clients.client() as client:
            return [shown_channel(each) for each in load_channels(client, org)]

    def add_channel(self, org: str, by: By, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make a channel; of a webhook the answer has the signing `secret`, which is shown this once."""
        name, kind, shown, kept = read_channel(given)
        made = self._keep_channel(org, by, name, kind, shown, kept)
        return shown_channel(made) | ({"secret": kept["secret"]} if "secret" in kept else {})

    def connect_slack(self, org: str, by: By, granted: Installation) -> dict[str, Any]:
        """Make a channel of what Slack granted; its URL and token are sealed."""
        shown = " ".join(each for each in (granted.team, granted.channel) if each) or "Slack"
        kept = {"url": granted.url, "token": granted.token}
        name = granted.channel or "Slack"
        return shown_channel(self._keep_channel(org, by, name, "slack", shown, kept))

    def delete_channel(self, org: str, by: By, channel_id: str) -> None:
        """Delete a channel no alert goes to."""
        with self.clients.client() as client:
            channel = _channel(load_channels(client, org), channel_id)
            users = [each.name for each in load_alerts(client, org) if channel.channel_id in each.channels]
            if users:
                raise BadParameter(
                    "channel",
                    channel_id,
                    "a channel that no alert goes to; delete first: " + ", ".join(users),
                )
            self._record("channel:delete", org, by, channel=channel.channel_id)
            save_channel(client, replace(channel, is_deleted=True))

    def app(self, org: str) -> SlackApp | None:
        """The organisation's Slack app, its secret closed."""
        with self.clients.client() as client:
            return load_app(client, org)

    def opened_app(self, org: str) -> SlackApp:
        """The organisation's Slack app with its secret, for the exchange with Slack."""
        with self.clients.client() as client:
            app = load_app(client, org, self.seal)
        if app is None or not app.is_enabled:
            raise UnknownAlert(
                "no Slack app is registered and enabled", "register it on the page Notifications"
            )
        return app

    def register_app(  # noqa: PLR0913 - each is a field of the form
        self,
        org: str,
        by: By,
        *,
        client_id: str,
        client_secret: Secret,
        redirects: Sequence[str],
        is_enabled: bool = True,
    ) -> SlackApp:
        """Keep a Slack app; an empty secret keeps the one there is."""
        with self.clients.client() as client:
            before = load_app(client, org, self.seal) if not client_secret else None
            if before is not None and before.client_id == client_id:
                client_secret = before.client_secret
            app = read_app(
                org, client_id, client_secret, redirects, is_enabled=is_enabled, changed_by=by.name
            )
            self._record("slack:update", org, by, enabled=is_enabled, redirects=len(app.redirects))
            save_app(client, app, self.seal)
        return replace(app, client_secret=Secret())

    def record_reading(self, org: str, by: By, what: str) -> None:
        """Record that alerts or channels were read."""
        self._record("alert:read", org, by, what=what)

    def _keep_channel(  # noqa: PLR0913, PLR0917 - each is something of a channel
        self, org: str, by: By, name: str, kind: str, shown: str, kept: Mapping[str, Any]
    ) -> Channel:
        sealed = self.seal.close(orjson.dumps(kept).decode())
        channel = Channel(
            org, f"ch_{secrets.token_hex(6)}", name, kind, shown, sealed, by.name, self._clock()
        )
        with self.clients.client() as client:
            if len(load_channels(client, org)) >= CHANNELS_MAX:
                raise BadParameter("name", name, f"at most {CHANNELS_MAX} channels; delete one first")
            self._record("channel:create", org, by, channel=channel.channel_id, kind=kind)
            save_channel(client, channel)
        return channel

    def _check_report(self, alert: Alert) -> None:
        if not alert.report:
            return
        report = self.reports.get(alert.report)
        if report is None:
            raise BadParameter("report", alert.report, "a report, as `trailhouse reports list` shows them")
        figures = [each.name for each in report.columns if each.type in {"integer", "number"}]
        if alert.figure not in figures:
            raise BadParameter("figure", alert.figure, "one of " + ", ".join(figures))

    def _record(self, action: str, org: str, by: By, **details: Scalar) -> None:
        self.audit.record(action, org, by.who, details=details)

    def _clock(self) -> datetime:
        moment: datetime = self.now()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _shown(
        self, alert: Alert, counts: Mapping[tuple[str, str], int], names: Mapping[str, str]
    ) -> dict[str, Any]:
        now = self._clock()
        found = summary(counts, alert.alert_id)
        is_failing = counts.get((alert.alert_id, "dead"), 0) > 0
        state = "muted" if alert.is_muted(now) else "failing" if is_failing else "active"
        return {
            "id": alert.alert_id,
            "org_id": alert.org,
            "name": alert.name,
            "kind": alert.kind,
            "says": alert.says,
            "channels": [{"id": each, "name": names.get(each, "deleted")} for each in alert.channels],
            "quiet_s": alert.quiet_s,
            "rate": alert.rate,
            "with_pii": alert.with_pii,
            "state": state,
            "muted_until": _text(alert.muted_until) if alert.is_muted(now) else None,
            "created_at": _text(alert.created_at),
            "created_by": alert.created_by,
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
        "created_at": _text(channel.created_at),
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
        "created_at": _text(datetime.fromtimestamp(sending.created_at / 1000, UTC)),
    }


def _find(alerts: Sequence[Alert], alert_id: str) -> Alert:
    for each in alerts:
        if each.alert_id == alert_id:
            return each
    raise UnknownAlert(f"there is no alert {alert_id[:64]!r}", "`trailhouse alerts list` shows their ids")


def _channel(channels: Sequence[Channel], named: str) -> Channel:
    for each in channels:
        if named in {each.channel_id, each.name}:
            return each
    raise BadParameter("channels", named, "the id or name of a channel of this organisation")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
