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
from trailhouse.queries.alerts.alert import Alert, read_alert, read_channels
from trailhouse.queries.alerts.change import changed
from trailhouse.queries.alerts.channel import Channel, read_channel
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.owner import keys_of
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.shown import Surroundings, shown_alert, shown_channel, shown_sending
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
            found = load_alerts(client, org)
            around = self._around(client, org, found)
            return [shown_alert(each, around) for each in found]

    def alert(self, org: str, alert_id: str) -> dict[str, Any]:
        """One alert with its latest notifications."""
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            around = self._around(client, org, [alert])
            return shown_alert(alert, around) | {
                "notifications": [shown_sending(each, around.names) for each in recent(client, org, alert_id)]
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
        self._check(alert, by)
        with self.clients.client() as client:
            if len(load_alerts(client, org)) >= ALERTS_MAX:
                raise BadParameter("name", alert.name, f"at most {ALERTS_MAX} alerts; delete one first")
            start = Cursor(org, read_marks(client)).to_text()
            alert = replace(alert, channels=_chosen(load_channels(client, org), alert.channels), start=start)
            self._record(
                "alert:create", org, by, alert=alert.alert_id, kind=alert.kind, with_pii=alert.with_pii
            )
            save_alert(client, alert)
            return shown_alert(alert, self._around(client, org, [alert]))

    def edit(self, org: str, by: By, alert_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Change the fields that are given (`alert.FIELDS`), and answer for it from now on, unless it is only paused."""
        with self.clients.client() as client:
            alert = _find(load_alerts(client, org), alert_id)
            if "channels" in given:
                # Named by id or name, kept by id.
                wanted = read_channels(given)
                given = {**given, "channels": list(_chosen(load_channels(client, org), wanted))}
            after, names = changed(alert, given, by.name, self._clock())
            self._check(after, by)
            if names:
                self._record("alert:update", org, by, alert=alert_id, changed=",".join(names))
                save_alert(client, after)
            return shown_alert(after, self._around(client, org, [after]))

    def take_over(self, org: str, by: By, alert_id: str) -> dict[str, Any]:
        """Answer for an alert from now on, as when its key was revoked; what it told nobody meanwhile is not told later."""
        with self.clients.client() as client:
            alert = replace(_find(load_alerts(client, org), alert_id), changed_by=by.name)
            self._check(alert, by)
            self._record("alert:update", org, by, alert=alert_id, changed="owner")
            save_alert(client, alert)
            return shown_alert(alert, self._around(client, org, [alert]))

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
            return shown_alert(alert, self._around(client, org, [alert]))

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

    def _around(self, client: Client, org: str, alerts: Sequence[Alert]) -> Surroundings:
        names = {each.channel_id: each.name for each in load_channels(client, org)}
        return Surroundings(standing(client, org), names, keys_of(client, alerts), self._clock())

    def _check(self, alert: Alert, by: By) -> None:
        if alert.with_pii and not by.read_pii:
            raise BadParameter("with_pii", "true", "false: you may not see people yourself")
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


def _find(alerts: Sequence[Alert], alert_id: str) -> Alert:
    for each in alerts:
        if each.alert_id == alert_id:
            return each
    raise UnknownAlert(f"there is no alert {alert_id[:64]!r}", "`trailhouse alerts list` shows their ids")


def _chosen(channels: Sequence[Channel], named: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_channel(channels, each).channel_id for each in named))


def _channel(channels: Sequence[Channel], named: str) -> Channel:
    for each in channels:
        if named in {each.channel_id, each.name}:
            return each
    raise BadParameter("channels", named, "the id or name of a channel of this organisation")
