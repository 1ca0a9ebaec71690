"""Of each panel its file, as CSV, JSON or SVG, and its SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries import render
from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.frame import HEADERS
from trailhouse.queries.dashboard.picture import picture
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.errors import QueryError, UnknownReport
from trailhouse.queries.key import Scope
from trailhouse.queries.report import ASKED, Report, find
from trailhouse.queries.runner import Result, prepare, record_reading, run

#: What a file may be: its media type, and what writes it.
FORMS: Final[Mapping[str, tuple[str, Callable[[Result], str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", render.csv),
    "json": ("application/json", render.json),
    "svg": ("image/svg+xml", lambda result: picture(result, result.report.title)),
}


class NoSuchFile(QueryError):
    """A report has no file of that kind: a table has no picture."""

    status = 404
    title = "No such file"


def routes(site: Site) -> APIRouter:
    """`export/{report}.{csv, json, svg}` and `sql/{report}`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/export/{name}.{form}")
    async def export(request: Request, name: str, form: str) -> Response:
        return await site.answer(
            request, "export", Scope.REPORTS_READ, lambda visit: _file(site, visit, name, form)
        )

    @router.get("/sql/{name}")
    async def sql(request: Request, name: str) -> Response:
        return await site.answer(
            request, f"sql/{name}", Scope.REPORTS_READ, lambda visit: _sql(site, visit, name)
        )

    return router


def _report(site: Site, name: str) -> Report:
    if name not in site.reports:
        raise UnknownReport(name, site.reports)
    return find(site.reports, name)


def _asked(visit: Visit) -> dict[str, str]:
    """The page's parameters that a report can be asked with; the visit's organisation is always named."""
    return {name: value for name, value in visit.asked.items() if value}


def _file(site: Site, visit: Visit, name: str, form: str) -> Response:
    report = _report(site, name)
    if form not in FORMS:
        raise NoSuchFile(f"a report is no {form} file", f"there are {', '.join(FORMS)}")
    with site.pool.client() as client:
        result = run(client, report, visit.visitor.caller, _asked(visit), now=visit.now)
    media, write = FORMS[form]
    text = write(result)
    if not text:
        raise NoSuchFile(f"{report.title} has no picture", "it is a table, or has nothing to draw")
    record_reading(site.audit, visit.visitor.who, result, form)
    period = result.question.period
    return Response(
        text,
        media_type=media,
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="{name}_{period.first}_{period.last}.{form}"',
        },
    )


def _sql(site: Site, visit: Visit, name: str) -> Built:
    report = _report(site, name)
    with site.pool.client() as client:
        question = prepare(client, report, visit.visitor.caller, _asked(visit), now=visit.now)
    own = {each.name for each in report.parameters} | set(ASKED)
    api = visit.chosen.asked | {key: value for key, value in _asked(visit).items() if key in own}
    return "sql.html", {
        "report": report,
        "sql": question.to_sql(),
        "csv": link(f"export/{name}.csv", _asked(visit)),
        "api": link("", api).replace(ROOT, f"/api/v1/reports/{name}"),
    }
