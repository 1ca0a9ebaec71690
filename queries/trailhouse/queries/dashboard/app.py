"""The dashboard's routes together, for the API to serve under `/org/dashboard/`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard import (
    event_page,
    explain_page,
    export_pages,
    health_page,
    log_page,
    notifications_page,
    oidc_sign_in,
    report_pages,
    settings_page,
    sheet_pages,
    sign_in,
    users_page,
)
from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.site import Site
from trailhouse.queries.errors import QueryError
from trailhouse.queries.metrics import ApiMetrics


class NoSuchPage(QueryError):
    """The dashboard has no page of that address."""

    status = 404
    title = "No such page"


def routes(site: Site, metrics: ApiMetrics) -> APIRouter:
    """Every page of the dashboard, its files, and a page that says there is none of that address."""
    router = APIRouter(include_in_schema=False)
    for each in (
        sign_in,
        oidc_sign_in,
        users_page,
        report_pages,
        export_pages,
        explain_page,
        log_page,
        event_page,
        settings_page,
        notifications_page,
        sheet_pages,
    ):
        router.include_router(each.routes(site))
    router.include_router(health_page.routes(site, metrics))

    @router.get(ROOT + "static/{name}")
    async def file(request: Request, name: str) -> Response:
        return site.frame.file(request, name) or site.refuse(request, _no_page(request))

    @router.get(ROOT + "{rest:path}")
    async def nothing(request: Request, rest: str) -> Response:
        try:
            visitor = await site.door.visitor(request)
        except QueryError as error:
            return site.refuse(request, error)
        return site.refuse(request, _no_page(request), visitor)

    return router


def _no_page(request: Request) -> QueryError:
    return NoSuchPage(f"there is nothing at {request.url.path}", "the pages are on the left")
