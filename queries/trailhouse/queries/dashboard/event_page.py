"""The page of one event: what is known of it, its tags, and its way through the pipeline."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response

from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_request import check_rights
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.event_list import one
from trailhouse.queries.dashboard.figure import lasted, precise
from trailhouse.queries.dashboard.patience import within
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.errors import BadParameter, QueryError
from trailhouse.queries.key import Scope
from trailhouse.queries.zones import find_zone
from trailhouse.sinks.trace import Way, trace

PATIENCE_S: Final = 4.0
#: Of an event, what its head says already.
_HEAD: Final = frozenset({"event_id", "occurred_at", "org_id", "action", "actor", "attributes", "changes", "tags", "pii_tags", "changed_fields"})  # fmt: skip


class NoSuchEvent(QueryError):
    """The organisation has no event of that id, or its profile shows it to nobody."""

    status = 404
    title = "No such event"


def routes(site: Site) -> APIRouter:
    """`log/{event id}`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/log/{event_id}")
    async def single(request: Request, event_id: str) -> Response:
        return await site.answer(request, "log", Scope.AUDIT_READ, lambda visit: build(site, visit, event_id))

    return router


def build(site: Site, visit: Visit, text: str) -> Built:
    """One event: everything that is known of it, and where it went."""
    try:
        event_id = str(uuid.UUID(text))
    except ValueError:
        raise BadParameter("event", text, "an event's id, a UUID") from None
    profile, caller = PROFILES[site.settings.profile], visit.visitor.caller
    check_rights(visit.org, caller, profile, site.settings.has_plan)
    with site.pool.client() as client:
        events = one(client, visit.org, event_id, read_pii=caller.read_pii, collected=profile.collected)
    if not events:
        raise NoSuchEvent(
            f"{visit.org} has no event {event_id}",
            "its sender may not have delivered it, or retention let it go",
        )
    site.audit.record(
        "event:trace", visit.org, visit.visitor.who,
        details={"event": event_id, "format": "html", "pii_shown": caller.read_pii},
    )  # fmt: skip
    event, zone = events[-1], find_zone(site.zone(visit))
    return "event.html", {
        "event": event,
        "fields": [(name, _text(value)) for name, value in event.items() if name not in _HEAD],
        "maps": [
            (name, sorted(dict(event[name]).items())) for name in ("attributes", "changes") if event.get(name)
        ],
        "other_copies": len(events) - 1,
        "json": orjson.dumps(event, option=orjson.OPT_INDENT_2).decode(),
        "ways": _ways(site, visit, event_id, zone),
        "occurred": precise(datetime.fromisoformat(event["occurred_at"]).astimezone(zone)),
        "zone": zone.key,
        "share": link(f"log/{event_id}", {"org": visit.org, "timezone": visit.params.get("timezone")}),
        "back": link("log", {"org": visit.org, "timezone": visit.params.get("timezone")}),
    }


def _ways(site: Site, visit: Visit, event_id: str, zone: tzinfo) -> dict[str, Any]:
    """Each copy's way through the pipeline; while Kafka is away, that it cannot be told."""

    def follow() -> list[Way]:
        with site.pool.client() as client:
            return trace(site.settings.kafka, client, site.settings.sink_group, event_id, visit.org)

    try:
        found = within(PATIENCE_S, follow)
    except TimeoutError:
        return {"copies": (), "trouble": f"no answer within {PATIENCE_S:g} s"}
    except Exception as error:  # whatever Kafka raises when it is away; the event itself is told all the same
        return {"copies": (), "trouble": type(error).__name__}
    return {"copies": [_way(each, zone) for each in found], "trouble": ""}


def _way(way: Way, zone: tzinfo) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    before: datetime | None = None
    for step in way.steps:
        at = step.at if step.at is None or step.at.tzinfo else step.at.replace(tzinfo=UTC)
        after = (at - before).total_seconds() if at and before else None
        # Each clock is another machine's: what comes later may say that it was earlier.
        took = "" if after is None else f"after {lasted(after)}" if after >= 0 else f"{lasted(after)} earlier, by its own clock"  # fmt: skip
        shown = precise(at.astimezone(zone)) if at else ""
        steps.append(
            {
                "name": step.name,
                "at": at,
                "shown": shown,
                "took": took,
                "where": step.where,
                "note": step.note,
            }
        )
        before = at or before
    return {"became": way.became, "reason": way.reason, "steps": steps}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
