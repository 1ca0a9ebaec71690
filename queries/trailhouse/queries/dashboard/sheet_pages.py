"""Of each table that a page makes itself its file, as CSV or JSON, and its SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response

from trailhouse.queries import render
from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.export_pages import NoSuchFile
from trailhouse.queries.dashboard.frame import HEADERS
from trailhouse.queries.dashboard.notification_sheets import SHEETS as OF_NOTIFICATIONS
from trailhouse.queries.dashboard.settings_page import SHEETS as OF_SETTINGS
from trailhouse.queries.dashboard.sheet import FORMS, Rows, Sheet, menu
from trailhouse.queries.dashboard.site import Built, Site, Visit

SHEETS: Final[Mapping[str, Sheet]] = {each.name: each for each in (*OF_SETTINGS, *OF_NOTIFICATIONS)}
_MEDIA: Final = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}


def routes(site: Site) -> APIRouter:
    """`sheet/{name}.{csv, json, sql}`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)
    for each in SHEETS.values():
        _add(router, site, each)
    return router


def _add(router: APIRouter, site: Site, sheet: Sheet) -> None:
    @router.get(f"/sheet/{sheet.name}.sql", name=f"{sheet.name} sql")
    async def sql(request: Request) -> Response:
        return await site.answer(
            request, f"sheet/{sheet.name}.sql", sheet.scope, lambda visit: _sql(sheet, visit)
        )

    @router.get(f"/sheet/{sheet.name}.{{form}}", name=f"{sheet.name} file")
    async def file(request: Request, form: str) -> Response:
        return await site.answer(
            request, sheet.page, sheet.scope, lambda visit: _file(site, visit, sheet, form)
        )


def _file(site: Site, visit: Visit, sheet: Sheet, form: str) -> Response:
    """Recorded before it is sent, as every export is."""
    if form not in FORMS:
        raise NoSuchFile(f"{sheet.title} is no {form} file", f"there are {', '.join(FORMS)}")
    found = Rows(sheet.columns, sheet.read(site, visit))
    site.audit.record(
        "export:create",
        visit.org,
        visit.visitor.who,
        details={"sheet": sheet.name, "format": form, "rows": len(found.rows)},
    )
    text = render.csv(found) if form == "csv" else _json(visit, sheet, found)
    return Response(
        text,
        media_type=_MEDIA[form],
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="{sheet.name}_{visit.now.date()}.{form}"',
        },
    )


def _json(visit: Visit, sheet: Sheet, found: Rows) -> bytes:
    told = {
        "name": sheet.name,
        "org": visit.org,
        "columns": [column.to_dict() for column in found.columns],
        "rows": render.objects(found),
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _sql(sheet: Sheet, visit: Visit) -> Built:
    return "sql.html", {
        "report": {"title": sheet.title, "question": sheet.question, "counts": sheet.counts},
        "sql": sheet.to_sql(visit),
        "csv": menu(sheet, visit)["csv"],
        "api": sheet.api(visit),
    }
