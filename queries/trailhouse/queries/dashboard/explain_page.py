"""The events behind one row of a report, as a page."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.figure import exact, moment
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.errors import UnknownReport
from trailhouse.queries.explain import ROW, explain, read_row
from trailhouse.queries.key import Scope
from trailhouse.queries.runner import prepare, record_explaining


def routes(site: Site) -> APIRouter:
    """`explain/{report}`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/explain/{name}")
    async def page(request: Request, name: str) -> Response:
        return await site.answer(
            request, f"explain/{name}", Scope.REPORTS_READ, lambda visit: build(site, visit, name)
        )

    return router


def build(site: Site, visit: Visit, name: str) -> Built:
    """Find the row's events anew, from the row's own values; recorded as over the API."""
    if name not in site.reports:
        raise UnknownReport(name, site.reports)
    report = site.reports[name]
    row = read_row(report, visit.params)
    asked = {key: text for key, text in visit.asked.items() if text and not key.startswith(ROW)}
    with site.pool.client() as client:
        question = prepare(client, report, visit.visitor.caller, asked, now=visit.now)
        found = explain(client, question, row, asked_at=visit.now)
    record_explaining(site.audit, visit.visitor.who, found, "html")
    hidden = {column.name for column in report.columns if column.is_hidden}
    # Only events have a page of their own in the audit log.
    has_pages = report.explain.source == "events" and visit.visitor.allows(Scope.AUDIT_READ)
    timezone = visit.params.get("timezone")
    return "explain.html", {
        "report": report,
        "row": [(key, str(value)) for key, value in found.row.items() if key not in hidden],
        "found": found,
        "figure_shown": None if found.figure is None else exact(float(found.figure)),
        "total": exact(found.total),
        "rows": [
            {
                "time": moment(at) if isinstance(at, datetime) else str(at),
                "cells": cells,
                "href": link(f"log/{cells[2]}", {"org": str(cells[3]), "timezone": timezone})
                if has_pages
                else "",
            }
            for at, *cells in found.rows
        ],
    }
