"""The reports over HTTP: one route each, made from its header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries import render
from trailhouse.queries.api_access import Reading, who_asks
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, UnknownReport
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.parameter import in_query
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.runner import Result, record_reading, run
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.store import Pool

FORMATS: Final[Mapping[str, tuple[str, Callable[[Result], str | bytes]]]] = {
    "json": ("application/json", render.json),
    "csv": ("text/csv; charset=utf-8; header=present", render.csv),
    "ndjson": ("application/x-ndjson", render.ndjson),
}
MEDIA_TYPES: Final = {name: kind for name, (kind, _) in FORMATS.items()}


def routes(  # noqa: PLR0913 - what a report's way needs
    reports: Mapping[str, Report],
    pool: Pool,
    reading: Reading,
    metrics: ApiMetrics,
    audit: SelfAudit,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """`/reports` lists them, `/reports/{name}` runs one, with the rights of whoever asks."""
    router = APIRouter(prefix="/api/v1/reports", tags=["reports"])

    @router.get(
        "",
        summary="The reports",
        description="Every report with its parameters and columns, from its file's header.",
        openapi_extra={"security": reading.security},
    )
    async def list_reports(request: Request) -> dict[str, Any]:
        await reading.caller(request)
        return {"reports": [report.to_dict() for report in reports.values()]}

    for report in reports.values():
        router.add_api_route(
            f"/{report.name}",
            _endpoint(report, pool, reading, metrics, audit, now=now),
            methods=["GET"],
            name=report.name,
            summary=report.title,
            description=f"{report.question}\n\nCounts {report.counts}.",
            response_class=Response,
            openapi_extra={"parameters": _openapi(report), "security": reading.security},
            responses={200: {"content": {kind.partition(";")[0]: {} for kind, _ in FORMATS.values()}}},
        )

    @router.get("/{name}", include_in_schema=False)
    def unknown_report(name: str) -> Response:
        raise UnknownReport(name, reports)

    return router


def choose_format(asked: str | None, accept: str, kinds: Mapping[str, str] = MEDIA_TYPES) -> str:
    """`?format=` decides, else the first media type of Accept we have; `*/*` and nothing mean JSON.

    `kinds`: the media type of each format there is.
    """
    if asked is not None:
        if asked not in kinds:
            raise BadParameter("format", asked, "one of " + ", ".join(kinds))
        return asked
    media = {kind.partition(";")[0]: name for name, kind in kinds.items()}
    wanted = [
        part.partition(";")[0].strip().lower()
        for part in accept.split(",")
        if not part.replace(" ", "").endswith(";q=0")
    ]
    return next((media[kind] for kind in wanted if kind in media), "json")


def _endpoint(  # noqa: PLR0913 - as `routes`
    report: Report,
    pool: Pool,
    reading: Reading,
    metrics: ApiMetrics,
    audit: SelfAudit,
    *,
    now: Callable[[], datetime],
) -> Callable[[Request], Any]:
    def answer(caller: Caller, params: Mapping[str, str], who: Who, form: str) -> Result:
        with pool.client() as client:
            result = run(client, report, caller, params, now=now())
        record_reading(audit, who, caller, result, form)
        return result

    async def endpoint(request: Request) -> Response:
        caller = await reading.caller(request)
        params = single(request)
        name = choose_format(params.pop("format", None), request.headers.get("accept", ""))
        result = await run_in_threadpool(answer, caller, params, who_asks(request), name)
        metrics.report_seconds.labels(report.name).observe(result.elapsed_s)
        media_type, write = FORMATS[name]
        headers = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
        if name == "csv":
            period = result.question.period
            headers["Content-Disposition"] = (
                f'attachment; filename="{report.name}_{period.first}_{period.last}.csv"'
            )
        return Response(write(result), media_type=media_type, headers=headers)

    return endpoint


def single(request: Request) -> dict[str, str]:
    """The query's parameters; raises `BadParameter` for one given twice, of which nobody could say which counts."""
    params: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in params:
            raise BadParameter(name, value, "the parameter once")
        params[name] = value
    return params


def _openapi(report: Report) -> list[dict[str, Any]]:
    common = [
        (name, text, {"type": "string"} | ({"default": report.last} if name == "last" else {}))
        for name, text in ASKED.items()
    ]
    own = [(each.name, each.text, each.to_schema() | {"default": each.default}) for each in report.parameters]
    formats = [
        (
            "format",
            "how the answer is written; else the Accept header decides",
            {"type": "string", "enum": list(FORMATS)},
        )
    ]
    return in_query((*common, *own, *formats))
