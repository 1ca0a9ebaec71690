"""The page Users: everybody of an organisation, where they stand and what they did (WD1-WD7, WD12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response

from trailhouse.queries import directory_export
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.export_pages import NoSuchFile
from trailhouse.queries.dashboard.frame import HEADERS, redirect
from trailhouse.queries.dashboard.people import OWN, find, people_of, wanted
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.directory import Directory, directory_sql, record_reading
from trailhouse.queries.key import Scope
from trailhouse.queries.standing import SEMANTICS

_FILES: Final[Mapping[str, tuple[str, Callable[[Directory], str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", lambda found: directory_export.csv(found.people)),
    "json": (
        "application/json",
        lambda found: orjson.dumps(
            directory_export.document(found, found.people),
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        ),
    ),
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

    @router.get(f"{ROOT}users.{{form}}")
    async def export(request: Request, form: str) -> Response:
        return await site.answer(request, "users", Scope.AUDIT_READ, lambda visit: _file(site, visit, form))

    return router


def build(site: Site, visit: Visit) -> Built:
    """The directory, one page of it: read when what stands around it was sent, and refused before that."""
    return "users.html", {"look": people_of(site, visit, "")}


def _sql(site: Site, visit: Visit) -> Built:
    with site.pool.client() as client:
        sql = directory_sql(
            client,
            visit.visitor.caller,
            wanted(site, visit),
            semantics=SEMANTICS[site.settings.profile],
            now=visit.now,
        )
    own = {name: visit.state.get(name) for name in OWN}
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


def _file(site: Site, visit: Visit, form: str) -> Response:
    if form not in _FILES:
        raise NoSuchFile(f"users are no {form} file", f"there are {', '.join(_FILES)}")
    found = find(site, visit, wanted(site, visit))
    record_reading(site.audit, visit.visitor.who, visit.visitor.caller, found, form)
    media, write = _FILES[form]
    return Response(
        write(found),
        media_type=media,
        headers={
            **HEADERS,
            "X-Trailhouse-Time-Zone": found.timezone,
            "Content-Disposition": f'attachment; filename="users_{found.asked_at.date()}.{form}"',
        },
    )
