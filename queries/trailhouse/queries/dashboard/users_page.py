"""The page Users: everybody of an organisation, where they stand and what they did (WD1-WD7, WD12)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries import directory_export
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.figure import ago, day, moment
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.freshness import freshness_of
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.directory import (
    KINDS,
    Directory,
    Person,
    Wanted,
    directory_sql,
    read_directory,
    record_reading,
)
from trailhouse.queries.errors import BadParameter, MissingScope
from trailhouse.queries.key import Scope
from trailhouse.queries.standing import SEMANTICS, Status, last_active_cell
from trailhouse.queries.store import ClickHouseStore
from trailhouse.queries.zones import find_zone

PEOPLE_MAX: Final = 50
PAGE_MAX: Final = 100_000
#: What the page's address says of whom it shows.
_OWN: Final = ("org", "company", "of", "timezone", "search", "status", "kind", "sort")
_EXPLAINED: Final = {
    Status.ACTIVE: "has been active; the time is that of the latest activity",
    Status.DORMANT: "not active in the last 6 months",
    Status.NEVER_ACTIVE: "not yet active within this organization",
    Status.INVITE_PENDING: "invitation sent, not yet accepted",
    Status.DEACTIVATED: "an admin revoked the access",
}


def routes(site: Site) -> APIRouter:
    """The first page, and its export."""
    router = APIRouter(include_in_schema=False)

    async def users(request: Request) -> Response:
        visitor = await site.door.visitor(request) if site.pages else None
        if visitor is not None and visitor.key is not None and not visitor.allows(Scope.AUDIT_READ):
            # Whoever may read reports alone begins with those.
            return redirect(link(site.pages[0].name, dict(request.query_params)))
        return await site.answer(request, "", Scope.AUDIT_READ, lambda visit: build(site, visit))

    router.add_api_route(ROOT, users, methods=["GET"], name="users page")

    @router.get(ROOT.rstrip("/"))
    async def slash(request: Request) -> Response:
        return redirect(link("", dict(request.query_params)))

    @router.get(f"{ROOT}users.sql")
    async def sql(request: Request) -> Response:
        return await site.answer(request, "users.sql", Scope.AUDIT_READ, lambda visit: _sql(site, visit))

    @router.get(f"{ROOT}users.csv")
    async def export(request: Request) -> Response:
        return await site.answer(request, "users", Scope.AUDIT_READ, lambda visit: _csv(site, visit))

    return router


def build(site: Site, visit: Visit) -> Built:
    """The directory, one page of it: read when what stands around it was sent, and refused before that."""
    wanted, number = _wanted(site, visit), _page_number(visit.params.get("page"))
    if wanted.search is not None and not visit.visitor.caller.read_pii:
        raise MissingScope(Scope.AUDIT_READ_PII)
    find_zone(wanted.timezone)

    def look() -> dict[str, Any]:
        with site.shared.client() as client:  # before the people are: they are at least as fresh as that
            landed = ClickHouseStore(client).landed_until()
        found = _find(site, visit, wanted)
        record_reading(site.audit, visit.visitor.who, visit.visitor.caller, found, "html")
        return _shown(visit, wanted, found, landed, number)

    return "users.html", {"look": look}


def _shown(
    visit: Visit, wanted: Wanted, found: Directory, landed: datetime | None, number: int
) -> dict[str, Any]:
    """The `number`th page of those who were found; beyond the last it is the last."""
    number = max(1, min(number, -(-len(found.people) // PEOPLE_MAX)))
    start = (number - 1) * PEOPLE_MAX
    state = {name: visit.state.get(name) for name in _OWN}
    return {
        "found": found,
        "people": [_row(each, visit.now) for each in found.people[start : start + PEOPLE_MAX]],
        "statuses": [(status, _EXPLAINED[status], link("", state, status=status.value)) for status in Status],
        "state": state,
        "wanted": wanted,
        "can_search": visit.visitor.caller.read_pii,
        "freshness": freshness_of(landed, visit.now, wanted.timezone),
        "sorts": {
            name: link("", state, sort=name) for name in ("name", "last_active", "added", "active_days")
        },
        "kinds": [(kind, kind.replace("_", " ").capitalize(), link("", state, kind=kind)) for kind in KINDS],
        "csv": link("users.csv", state),
        "sql": link("users.sql", state),
        "events": link("log", {name: visit.state.get(name) for name in ("org", "timezone")}),
        "first": start + 1 if found.people else 0,
        "last": min(start + PEOPLE_MAX, len(found.people)),
        "older": link("", state, page=str(number - 1)) if number > 1 else "",
        "newer": link("", state, page=str(number + 1)) if start + PEOPLE_MAX < len(found.people) else "",
    }


def _row(person: Person, now: datetime) -> dict[str, Any]:
    """A person as a row: the cell Last Active as the seeds word it, and what hovering over it tells (WD7)."""
    at = person.last_active
    cell = last_active_cell(person.status, ago(at, now) if at else "")
    added = day(person.added) if person.added else "not known"
    days = f"{person.active_days:,} active day{'' if person.active_days == 1 else 's'}"
    seen = [f"Last active {moment(at)}"] if at else []
    return {
        "person": person,
        "initial": (person.name or person.user or "?")[0].upper(),
        "cell": cell,
        "hover": "\n".join([_EXPLAINED[person.status].capitalize(), *seen, f"Added {added}", days]),
        "added": added,
    }


def _wanted(site: Site, visit: Visit) -> Wanted:
    params = visit.params
    return Wanted(
        org=visit.org,
        kind=params.get("kind") or "people",
        status=params.get("status") or None,
        search=params.get("search") or None,
        sort=params.get("sort") or "last_active",
        timezone=site.zone(visit),
    )


def _find(site: Site, visit: Visit, wanted: Wanted) -> Directory:
    with site.shared.client() as client:
        return read_directory(
            client,
            visit.visitor.caller,
            wanted,
            semantics=SEMANTICS[site.settings.profile],
            now=visit.now,
        )


def _sql(site: Site, visit: Visit) -> Built:
    with site.pool.client() as client:
        sql = directory_sql(
            client,
            visit.visitor.caller,
            _wanted(site, visit),
            semantics=SEMANTICS[site.settings.profile],
            now=visit.now,
        )
    own = {name: visit.state.get(name) for name in _OWN}
    return "sql.html", {
        "report": {
            "title": "Users",
            "question": f"Who belongs to {visit.org}, and when was everybody active?",
            "counts": "everybody the directory knows; the page then keeps whom it was asked for, and sorts them",
        },
        "sql": sql,
        "csv": link("users.csv", own),
        "api": link("", {"org": visit.org}).replace(ROOT, "/api/v1/users"),
    }


def _csv(site: Site, visit: Visit) -> Response:
    found = _find(site, visit, _wanted(site, visit))
    record_reading(site.audit, visit.visitor.who, visit.visitor.caller, found, "csv")
    return Response(
        directory_export.csv(found.people),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'attachment; filename="users_{found.asked_at.date()}.csv"',
        },
    )


def _page_number(text: str | None) -> int:
    """Which page is asked for."""
    if not text:
        return 1
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= PAGE_MAX:
        raise BadParameter("page", text, f"a whole number from 1 to {PAGE_MAX}")
    return int(text)
