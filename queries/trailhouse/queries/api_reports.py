"""The reports over HTTP: one route each, made from its header."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries import render, render_explanation
from trailhouse.queries.api_access import Reading, who_asks
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, UnknownReport
from trailhouse.queries.explain import ROW, Explanation, explain, names_of_row, read_row
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.parameter import in_query
from trailhouse.queries.question import Question
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.report_file import parquet
from trailhouse.queries.runner import Result, prepare, record_explaining, record_reading, run
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.store import Pool

FORMATS: Final[Mapping[str, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
WRITERS: Final[Mapping[str, Callable[[Result], str | bytes]]] = {
    "json": render.json,
    "csv": render.csv,
    "ndjson": render.ndjson,
}
EXPLAINED: Final[Mapping[str, Callable[[Explanation], str | bytes]]] = {
    "json": render_explanation.json,
    "csv": render.csv,
    "ndjson": render.ndjson,
}
TEXTS: Final = {name: FORMATS[name] for name in EXPLAINED}
_EXPLAIN: Final = (
    "The events behind one row, the first thousand by time and how many there are. The row is named by its own values "
    "and the period by its bounds, as the `explain` link of each row has them, so that later events move nothing."
)


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
    asking = _Asking(pool, reading, metrics, audit, now)

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
            asking.endpoint(report, asking.answer, FORMATS),
            methods=["GET"],
            name=report.name,
            summary=report.title,
            description=f"{report.question}\n\nCounts {report.counts}.",
            response_class=Response,
            openapi_extra={"parameters": _openapi(report), "security": reading.security},
            responses=_contents(FORMATS),
        )
        router.add_api_route(
            f"/{report.name}/explain",
            asking.endpoint(report, asking.explain, EXPLAINED),
            methods=["GET"],
            name=f"{report.name}_explain",
            summary=f"{report.title}: what is behind a row",
            description=_EXPLAIN,
            response_class=Response,
            openapi_extra={"parameters": _openapi_of_row(report), "security": reading.security},
            responses=_contents(EXPLAINED),
        )

    @router.get("/{name}", include_in_schema=False)
    def unknown_report(name: str) -> Response:
        raise UnknownReport(name, reports)

    return router


def choose_format(asked: str | None, accept: str, kinds: Mapping[str, str] = TEXTS) -> str:
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


@dataclass(frozen=True, slots=True)
class _Asking:
    """What every route of reports works with."""

    pool: Pool
    reading: Reading
    metrics: ApiMetrics
    audit: SelfAudit
    now: Callable[[], datetime]

    def answer(
        self, report: Report, caller: Caller, params: Mapping[str, str], who: Who, form: str
    ) -> tuple[str | bytes, Question]:
        with self.pool.client() as client:
            result = run(client, report, caller, params, now=self.now())
            body = parquet(client, result.question) if form == "parquet" else WRITERS[form](result)
        self.metrics.report_seconds.labels(report.name).observe(result.elapsed_s)
        record_reading(self.audit, who, result, form)
        return body, result.question

    def explain(
        self, report: Report, caller: Caller, params: Mapping[str, str], who: Who, form: str
    ) -> tuple[str | bytes, Question]:
        row = read_row(report, params)
        asked = {name: text for name, text in params.items() if not name.startswith(ROW)}
        with self.pool.client() as client:
            question = prepare(client, report, caller, asked, now=self.now())
            explanation = explain(client, question, row, asked_at=self.now())
        self.metrics.report_seconds.labels(report.name).observe(explanation.elapsed_s)
        record_explaining(self.audit, who, explanation, form)
        return EXPLAINED[form](explanation), question

    def endpoint(
        self,
        report: Report,
        answer: Callable[[Report, Caller, Mapping[str, str], Who, str], tuple[str | bytes, Question]],
        forms: Iterable[str],
    ) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            caller = await self.reading.caller(request)
            params = single(request, many=("org",))
            kinds = {name: FORMATS[name] for name in forms}
            form = choose_format(params.pop("format", None), request.headers.get("accept", ""), kinds)
            body, question = await run_in_threadpool(answer, report, caller, params, who_asks(request), form)
            headers = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
            if form in {"csv", "parquet"}:
                period = question.period
                headers["Content-Disposition"] = (
                    f'attachment; filename="{report.name}_{period.first}_{period.last}.{form}"'
                )
            return Response(body, media_type=FORMATS[form], headers=headers)

        return endpoint


def single(request: Request, many: Container[str] = ()) -> dict[str, str]:
    """The query's parameters; raises `BadParameter` for one given twice, of which nobody could say which counts.

    Those that may be given `many` times are joined with commas.
    """
    params: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in params and name in many:
            params[name] += f",{value}"
            continue
        if name in params:
            raise BadParameter(name, value, "the parameter once")
        params[name] = value
    return params


def _contents(forms: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {FORMATS[form].partition(";")[0]: {} for form in forms}}}


def _openapi_of_row(report: Report) -> list[dict[str, Any]]:
    row = [
        (f"{ROW}{column.name}", f"of the row: {column.text}", {"type": "string"})
        for column in names_of_row(report)
    ]
    needed = [each | {"required": True} for each in in_query(row)]
    return [*_openapi(report, EXPLAINED), *needed]


def _openapi(report: Report, forms: Iterable[str] = FORMATS) -> list[dict[str, Any]]:
    common = [
        (name, text, {"type": "string"} | ({"default": report.last} if name == "last" else {}))
        for name, text in ASKED.items()
    ]
    own = [(each.name, each.text, each.to_schema() | {"default": each.default}) for each in report.parameters]
    formats = [
        (
            "format",
            "how the answer is written; else the Accept header decides",
            {"type": "string", "enum": list(forms)},
        )
    ]
    return in_query((*common, *own, *formats))
