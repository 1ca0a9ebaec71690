"""The page Audit log: filters, search, older and older pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from trailhouse.producers.event import Outcome
from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_filter import filter_of
from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_request import check_rights
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.event_file import csv_of
from trailhouse.queries.dashboard.event_list import Before, Listing, latest
from trailhouse.queries.dashboard.figure import moment
from trailhouse.queries.dashboard.frame import HEADERS
from trailhouse.queries.dashboard.freshness import freshness_of, stored_through
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.key import Scope
from trailhouse.queries.periods import EARLIEST, Period, between, parse_bound
from trailhouse.queries.store import ClickHouseStore
from trailhouse.queries.value import text_of
from trailhouse.queries.zones import find_zone

EVENTS_MAX: Final = 50
DAYS: Final = 30
#: Rows of the file that a page's filters give; the API gives any number.
FILE_ROWS_MAX: Final = 10_000
_ASKED: Final = ("action", "actor", "target", "outcome", "q")


def routes(site: Site) -> APIRouter:
    """`log`, `log.csv` and `log.sql`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/log")
    async def listed(request: Request) -> Response:
        return await site.answer(request, "log", Scope.AUDIT_READ, lambda visit: build(site, visit))

    @router.get("/log.sql")
    async def sql(request: Request) -> Response:
        return await site.answer(request, "log.sql", Scope.AUDIT_READ, lambda visit: _sql(site, visit))

    @router.get("/log.csv")
    async def export(request: Request) -> Response:
        return await site.answer(request, "log", Scope.AUDIT_READ, lambda visit: _csv(site, visit))

    return router


def build(site: Site, visit: Visit) -> Built:
    """The latest events that pass the filters: read when what stands around them was sent, and refused before that."""
    timezone = site.zone(visit)
    question = _question(site, visit, EVENTS_MAX, find_zone(timezone))
    asked = {name: visit.params.get(name) or "" for name in _ASKED}
    state = visit.state

    def look() -> dict[str, Any]:
        with site.pool.client() as client:  # before the events are: they are at least as fresh as that
            landed = ClickHouseStore(client).landed_until()
            found = latest(client, question)
        _record(site, visit, "audit:read", asked=asked, rows=len(found.events), form="html")
        return {
            "rows": [_row(each, visit, state, find_zone(timezone)) for each in found.events],
            "older": link("log", {**state, "before": found.before.to_text()}) if found.before else "",
            "is_new": not found.events and not filters and not _has_any(site, visit),
            "freshness": freshness_of(landed, visit.now, timezone),
        }

    filters = [
        (name, value, link("log", {**state, name: None, "before": None}))
        for name, value in (*asked.items(), ("since", visit.params.get("since") or ""), ("until", visit.params.get("until") or ""))
        if value
    ]  # fmt: skip
    return "log.html", {
        "look": look,
        "zone": timezone,
        "asked": asked,
        "days": (question.period.first, question.period.last),
        "filters": filters,
        "outcomes": [each.value for each in Outcome],
        "newest": link("log", {**state, "before": None}) if visit.params.get("before") else "",
        "own": (
            link("log", {**state, "own": None if visit.params.get("own") else "1", "before": None}),
            bool(visit.params.get("own")),
        ),
        "live": (
            link("log", {**state, "live": None if visit.params.get("live") else "1", "before": None}),
            bool(visit.params.get("live")) and not visit.params.get("before"),
        ),
        "csv": link("log.csv", {**state, "before": None, "live": None}),
        "sql": link("log.sql", {**state, "live": None}),
    }


def _sql(site: Site, visit: Visit) -> Built:
    question = _question(site, visit, EVENTS_MAX, find_zone(site.zone(visit)))
    state = {**visit.state, "before": None, "live": None}
    return "sql.html", {
        "report": {
            "title": "Audit log",
            "question": f"What happened in {visit.org}, the latest first?",
            "counts": "nothing: it lists events; the page reads the latest days first, and older ones until it is full",
        },
        "sql": question.to_sql(),
        "csv": link("log.csv", state),
        "api": link(
            "",
            {name: state.get(name) for name in ("org", *_ASKED)},
            since=text_of(question.period.since),
            until=text_of(question.period.until),
        ).replace(ROOT, "/api/v1/events"),
    }


def _question(site: Site, visit: Visit, limit: int, zone: ZoneInfo) -> Listing:
    """Which events the filters ask for; what cannot be asked is refused here."""
    profile, caller = PROFILES[site.settings.profile], visit.visitor.caller
    check_rights(visit.org, caller, profile, site.settings.has_plan)
    texts = {name: text for name in (*_ASKED, "since", "until") if (text := visit.params.get(name))}
    # Days are those of the page's zone: the listing has them, the filter would take them for UTC's.
    of_fields = {name: text for name, text in texts.items() if name in _ASKED}
    wanted = filter_of(of_fields, read_pii=caller.read_pii)
    text = visit.params.get("before")
    before = Before.from_text(text) if text else None

    return Listing(
        org=visit.org,
        wanted=wanted,
        period=_period(texts, zone, visit.now),
        before=before,
        limit=limit,
        read_pii=caller.read_pii,
        collected=profile.collected,
        has_own=bool(visit.params.get("own")),
    )


def _has_any(site: Site, visit: Visit) -> bool:
    """Whether the organisation ever had an event that its profile shows."""
    caller = visit.visitor.caller
    with site.pool.client() as client:
        asked = Listing(
            org=visit.org,
            wanted=filter_of({}, read_pii=caller.read_pii),
            period=between(ZoneInfo("UTC"), EARLIEST, visit.now.date() + timedelta(days=1)),
            before=None,
            limit=1,
            read_pii=caller.read_pii,
            collected=PROFILES[site.settings.profile].collected,
            has_own=bool(visit.params.get("own")),
        )
        found = latest(client, asked)
    return bool(found.events)


def _period(texts: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Period:
    """From `since` to `until`, dates being those of `zone`; what is not said is up to tomorrow, and `DAYS` before the end.

    A sender's clock may be ahead: tomorrow's events are listed, too. Raises `BadParameter`.
    """
    given = {name: parse_bound(name, texts[name], zone) for name in ("since", "until") if name in texts}
    until = given.get("until", now.astimezone(zone).date() + timedelta(days=1))
    if (since := given.get("since")) is None:
        last = until.astimezone(zone).date() if isinstance(until, datetime) else until
        since = max(EARLIEST, last - timedelta(days=DAYS))
    return between(zone, since, until)


def _row(event: Mapping[str, Any], visit: Visit, state: Mapping[str, str], zone: tzinfo) -> dict[str, Any]:
    at = datetime.fromisoformat(event["occurred_at"])
    rest = {**state, "before": None}
    return {
        "event": event,
        "at": at,
        "shown": moment(at.astimezone(zone)),
        "href": link(
            f"log/{event['event_id']}", {"org": visit.org, "timezone": visit.params.get("timezone")}
        ),
        "by_actor": link("log", rest, actor=event["actor"]) if event.get("actor") else "",
        "by_action": link("log", rest, action=event["action"]),
        "what": " · ".join(
            str(event[name])
            for name in ("target", "project_name", "report_name", "entity_name", "artifact_qualified_name")
            if event.get(name)
        ),
    }


def _csv(site: Site, visit: Visit) -> Response:
    question = _question(site, visit, FILE_ROWS_MAX, find_zone(site.zone(visit)))
    with site.pool.client() as client:  # before the events are: they are at least as fresh as that
        landed = ClickHouseStore(client).landed_until()
        found = latest(client, question)
    period = question.period
    asked = {name: visit.params.get(name) or "" for name in _ASKED}
    _record(site, visit, "export:create", asked=asked, rows=len(found.events), form="csv")
    return Response(
        csv_of(found.events, [column.name for column in EVENT]),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            **HEADERS,
            **stored_through(landed),
            "X-Trailhouse-More": "true" if found.before else "false",
            "X-Trailhouse-Time-Zone": period.timezone,
            "Content-Disposition": f'attachment; filename="{visit.org}_events_{period.first}_{period.last}.csv"',
        },
    )


def _record(  # noqa: PLR0913 - each is something that is recorded
    site: Site, visit: Visit, action: str, *, asked: Mapping[str, str], rows: int, form: str
) -> None:
    is_real = rows > 0 or visit.org in (visit.visitor.caller.orgs or ())
    site.audit.record(
        action,
        visit.org if is_real else None,
        visit.visitor.who,
        details={
            "log": "events",
            "asked_org": "" if is_real else visit.org,
            "format": form,
            "filters": " ".join(
                name for name, value in asked.items() if value
            ),  # names, never what was sought
            "rows": rows,
            "pii_shown": visit.visitor.caller.read_pii,
        },
    )
