"""The tables of the page Notifications, for their menus and files: alerts, channels, what was sent."""

from __future__ import annotations

from typing import Any, Final

from trailhouse.queries.alerts.table import ALERTS_SQL, CHANNELS_SQL, NOTICES_SHOWN, RECENT_SQL
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.sheet import Sheet
from trailhouse.queries.dashboard.site import Site, Visit
from trailhouse.queries.header import Column
from trailhouse.queries.key import Scope
from trailhouse.queries.question import filled
from trailhouse.queries.value import Row


def _alert_rows(site: Site, visit: Visit) -> tuple[Row, ...]:
    return tuple(
        (
            each["id"],
            each["name"],
            each["says"],
            ", ".join(of["name"] for of in each["channels"]),
            each["state"],
            each["delivered"],
            each["pending"],
            each["dead"],
            each["created_at"],
        )
        for each in site.desk.alerts(visit.org)
    )


def _channel_rows(site: Site, visit: Visit) -> tuple[Row, ...]:
    names = ("id", "name", "kind", "address", "created_at")
    return tuple(tuple(each[name] for name in names) for each in site.desk.channels(visit.org))


def _sent_rows(site: Site, visit: Visit) -> tuple[Row, ...]:
    names = ("created_at", "kind", "group", "channel", "status", "attempts", "error", "alert_id")
    return tuple(tuple(each[name] for name in names) for each in site.desk.notifications(visit.org))


def _bound(visit: Visit) -> dict[str, Any]:
    return {"any": False, "org": visit.org, "alert": ""}


SHEETS: Final = (
    Sheet(
        name="alerts",
        title="Alerts",
        page="notifications",
        scope=Scope.ADMIN,
        question="Who is told of what?",
        counts="the notices of each alert by where they stand",
        changes="alert:*",
        columns=(
            Column("alert", "text", "id", "what names the alert"),
            Column("name", "text", "name", "what people call it"),
            Column("tells_of", "text", "words", "when it speaks"),
            Column("goes_to", "text", "names", "its channels"),
            Column("state", "text", "state", "stopped, paused, muted, failing or active"),
            Column("delivered", "integer", "notices", "that arrived"),
            Column("waiting", "integer", "notices", "that are on their way"),
            Column("given_up", "integer", "notices", "that nobody took"),
            Column("created", "text", "RFC 3339, UTC", "when it was made"),
        ),
        read=_alert_rows,
        to_sql=lambda visit: filled(ALERTS_SQL, _bound(visit)),
        api=lambda visit: link("", {"org": visit.org}).replace(ROOT, "/api/v1/alerts"),
    ),
    Sheet(
        name="channels",
        title="Channels",
        page="notifications",
        scope=Scope.ADMIN,
        question="Where do notifications go?",
        counts="nothing; addresses are shown as far as they hold no secret",
        changes="channel:*",
        columns=(
            Column("channel", "text", "id", "what names the channel"),
            Column("name", "text", "name", "what people call it"),
            Column("kind", "text", "kind", "webhook, email or slack"),
            Column("goes_to", "text", "address", "as far as it may be shown"),
            Column("created", "text", "RFC 3339, UTC", "when it was made"),
        ),
        read=_channel_rows,
        to_sql=lambda visit: filled(CHANNELS_SQL, _bound(visit)),
        api=lambda visit: link("", {"org": visit.org}).replace(ROOT, "/api/v1/alert_channels"),
    ),
    Sheet(
        name="sent",
        title="Latest notifications",
        page="notifications",
        scope=Scope.ADMIN,
        question="What was told to whom, and did it arrive?",
        counts=f"nothing; the latest {NOTICES_SHOWN}",
        changes="alert:*",
        columns=(
            Column("time", "text", "RFC 3339, UTC", "when it was made"),
            Column("kind", "text", "kind", "of the notice"),
            Column("group", "text", "value", "what is told apart"),
            Column("channel", "text", "name", "where it went"),
            Column("status", "text", "status", "delivered, pending or dead"),
            Column("attempts", "integer", "attempts", "so far"),
            Column("error", "text", "words", "what the latest said, if it failed"),
            Column("alert", "text", "id", "which alert"),
        ),
        read=_sent_rows,
        to_sql=lambda visit: filled(RECENT_SQL, _bound(visit)),
    ),
)
