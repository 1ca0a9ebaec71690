"""The events behind one row of a report, as a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries import render, render_explanation
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.export_pages import NoSuchFile
from trailhouse.queries.dashboard.figure import exact, moment
from trailhouse.queries.dashboard.frame import HEADERS
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.errors import UnknownReport
from trailhouse.queries.explain import LIMIT, ROW, Explanation, explain, listing_sql, read_row
from trailhouse.queries.key import Scope
from trailhouse.queries.report import Report
from trailhouse.queries.runner import prepare, record_explaining
from trailhouse.queries.value import Value

_FORMS: Final[Mapping[str, tuple[str, Callable[[Explanation], str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", render.csv),
    "json": ("application/json", render_explanation.json),
}


def routes(site: Site) -> APIRouter:
    """`explain/{report}`, and the same as `.csv`, `.json` and `.sql`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/explain/{name}.sql")
    async def sql(request: Request, name: str) -> Response:
        return await site.answer(
            request, f"explain/{name}.sql", Scope.REPORTS_READ, lambda visit: _sql(site, visit, name)
        )

    @router.get("/explain/{name}.{form}")
    async def file(request: Request, name: str, form: str) -> Response:
        return await site.answer(
            request, f"explain/{name}", Scope.REPORTS_READ, lambda visit: _file(site, visit, name, form)
        )

    @router.get("/explain/{name}")
    async def page(request: Request, name: str) -> Response:
        return await site.answer(
            request, f"explain/{name}", Scope.REPORTS_READ, lambda visit: build(site, visit, name)
        )

    return router


def build(site: Site, visit: Visit, name: str) -> Built:
    """Find the row's events anew, from the row's own values; recorded as over the API."""
    found = _explained(site, visit, name, "html")
    report = found.question.report
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
        "menu_of": {
            "title": "Events",
            **{form: link(f"explain/{name}.{form}", visit.state) for form in ("csv", "json", "sql")},
            "events": "",
            "self": link(f"explain/{name}", visit.state),
        },
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


def _asked(site: Site, visit: Visit, name: str) -> tuple[Report, dict[str, Value], dict[str, str]]:
    """The report, the values of its row, and what else is asked for; raises `UnknownReport`, `BadParameter`."""
    if name not in site.reports:
        raise UnknownReport(name, site.reports)
    report = site.reports[name]
    asked = {key: text for key, text in visit.asked.items() if text and not key.startswith(ROW)}
    return report, read_row(report, visit.params), asked


def _explained(site: Site, visit: Visit, name: str, form: str) -> Explanation:
    """What is behind the row, recorded before it is told."""
    report, row, asked = _asked(site, visit, name)
    with site.pool.client() as client:
        question = prepare(client, report, visit.visitor.caller, asked, now=visit.now)
        found = explain(client, question, row, asked_at=visit.now)
    record_explaining(site.audit, visit.visitor.who, found, form)
    return found


def _file(site: Site, visit: Visit, name: str, form: str) -> Response:
    if form not in _FORMS:
        raise NoSuchFile(f"events behind a row are no {form} file", f"there are {', '.join(_FORMS)}")
    found = _explained(site, visit, name, form)
    media, write = _FORMS[form]
    days = f"{found.period.first}_{found.period.last}"
    return Response(
        write(found),
        media_type=media,
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="{name}_events_{days}.{form}"',
            "X-Trailhouse-More": "true" if found.rest else "false",
        },
    )


def _sql(site: Site, visit: Visit, name: str) -> Built:
    report, row, asked = _asked(site, visit, name)
    with site.pool.client() as client:
        question = prepare(client, report, visit.visitor.caller, asked, now=visit.now)
    return "sql.html", {
        "report": {
            "title": f"{report.title}: the events behind it",
            "question": f"Which events does this row of {report.title} count?",
            "counts": f"nothing; it lists the first {LIMIT:,} by time",
        },
        "sql": listing_sql(question, row),
        "csv": link(f"explain/{name}.csv", visit.state),
        "api": link("", visit.asked).replace(ROOT, f"/api/v1/reports/{name}/explain"),
    }
