"""`GET /api/v1/events`: the event log page by page, in the order in which events arrived."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.producers.event import Outcome
from trailhouse.queries.api_access import SECURITY, Access, who_asks
from trailhouse.queries.api_audit import GZIP_LEVEL, accepts_gzip
from trailhouse.queries.api_reports import choose_format, single
from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_cursor import NOW, Cursor
from trailhouse.queries.audit_filter import FILTERS, Filter, filter_of
from trailhouse.queries.audit_lines import csv_header
from trailhouse.queries.audit_page import Page, read_marks, read_page
from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_request import check_rights, flag, org_of
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, UnknownParameter
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.parameter import Parameter, in_query
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import ClickHouseStore, Pool

PATH: Final = "/api/v1/events"
LIMIT: Final = Parameter("limit", "UInt32", 1000, "events at most", minimum=1, maximum=10_000)
MEDIA_TYPES: Final = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
PARAMETERS: Final[Mapping[str, str]] = {
    "cursor": f"where to go on: what the last answer gave. Left out: from the beginning; `{NOW}`: from now on",
    "limit": "events at most, 1 to 10000, by default 1000; an answer may hold fewer and still not be the last",
    **FILTERS,
    "anonymize": "`true`: without any personal data",
    "org": "the organisation, for keys of several; else the cursor's, else the key's default organisation",
    "format": "`json` (default), or `ndjson`, `csv`, `parquet`, whose cursor stands in X-Trailhouse-Cursor and Link",
}
DESCRIPTION: Final = (
    "Events in the order in which they arrived, so that whoever goes on from the last cursor misses none, however late "
    "it came, and sees none twice. Only what is stored for good is served. Everything read is recorded in the log itself."
)


@dataclass(frozen=True, slots=True)
class EventLog:
    """What the route needs."""

    settings: ApiSettings
    access: Access
    pool: Pool
    audit: SelfAudit

    async def get(self, request: Request) -> Response:
        """Answer one request; raises `QueryError`."""
        key = await self.access.key(request, Scope.AUDIT_READ)
        params = single(request)
        form = choose_format(params.get("format"), request.headers.get("accept", ""), MEDIA_TYPES)
        is_packed = accepts_gzip(request.headers.get("accept-encoding", ""))
        return await run_in_threadpool(
            self._answer, key, params | {"format": form}, who_asks(request), is_packed=is_packed
        )

    def _answer(self, key: Key, params: dict[str, str], who: Who, *, is_packed: bool) -> Response:
        for name in params:
            if name not in PARAMETERS:
                raise UnknownParameter("the event log", name, PARAMETERS)
        given, form = dict(params), params.pop("format")
        limit = int(LIMIT.parse(params.pop("limit", str(LIMIT.default))))
        profile, caller = PROFILES[self.settings.profile], key.caller
        is_anonymous = flag("anonymize", params.pop("anonymize", "false"))
        read_pii = caller.read_pii and not (is_anonymous and profile.is_anonymisable)
        place, named = params.pop("cursor", ""), params.pop("org", None)
        wanted = filter_of(params, read_pii=read_pii)
        with self.pool.client() as client:
            store = ClickHouseStore(client)
            cursor = start_of(place, named, caller, key.default_org, store)
            check_rights(cursor.org, caller, profile, self.settings.has_plan)
            if place == NOW:
                cursor = Cursor(cursor.org, read_marks(client))
            page = read_page(
                client,
                cursor,
                wanted,
                limit=limit,
                read_pii=read_pii,
                form=form,
                collected=profile.collected,
            )
            is_real = cursor.org in (caller.orgs or ()) or store.knows(cursor.org)
        self._record(who, page, wanted, form, read_pii=read_pii, is_real=is_real)
        return answer(page, form, given, read_pii=read_pii, is_packed=is_packed)

    def _record(  # noqa: PLR0913 - each is something that is recorded
        self, who: Who, page: Page, wanted: Filter, form: str, *, read_pii: bool, is_real: bool
    ) -> None:
        org = page.cursor.org
        self.audit.record(
            "export:create" if form in {"csv", "parquet"} else "audit:read",
            org if is_real else None,
            who,
            details={
                "log": "events",
                "asked_org": "" if is_real else org,
                "format": form,
                "filters": " ".join(wanted.bound),  # their names; what somebody looked for is not told
                "rows": len(page.lines),
                "pii_shown": read_pii,
            },
        )


def start_of(
    place: str, named: str | None, caller: Caller, default_org: str, store: ClickHouseStore
) -> Cursor:
    """Where a request begins; a cursor names its organisation, which the caller must be allowed to read like any other.

    Raises `BadParameter`, `NotAllowed`, `NoDefaultOrg`.
    """
    if place in {"", NOW}:
        return Cursor(org_of(named, caller, default_org, store.orgs), {})
    cursor = Cursor.from_text(place)
    caller.check(cursor.org)
    if named is not None and named != cursor.org:
        raise BadParameter("org", named, "the organisation of the cursor, or none")
    return cursor


def answer(
    page: Page, form: str, given: Mapping[str, str], *, read_pii: bool, is_packed: bool = False
) -> Response:
    """A page as JSON with its cursor, or as lines or a table with the cursor in the headers."""
    cursor = page.cursor.to_text()
    again = {name: value for name, value in given.items() if name != "cursor"} | {"cursor": cursor}
    headers = {
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "X-Trailhouse-Cursor": cursor,
        "X-Trailhouse-More": "true" if page.has_more else "false",
        "X-Trailhouse-Anonymized": "false" if read_pii else "true",
        "Link": f'<{PATH}?{urlencode(again)}>; rel="next"',
    }
    if form == "csv":
        headers["Content-Disposition"] = 'attachment; filename="events.csv"'
        body = csv_header(EVENT, read_pii=read_pii) + "".join(f"{line}\n" for line in page.lines).encode()
    elif form == "parquet":
        headers["Content-Disposition"] = 'attachment; filename="events.parquet"'
        body = page.table
    elif form == "ndjson":
        body = "".join(f"{line}\n" for line in page.lines).encode()
    else:
        events, more = ",\n".join(page.lines), "true" if page.has_more else "false"
        body = f'{{"events":[\n{events}\n],"cursor":"{cursor}","has_more":{more}}}\n'.encode()
    if is_packed and form != "parquet":  # which is packed in itself
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, GZIP_LEVEL)
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def routes(log: EventLog) -> APIRouter:
    """`GET /api/v1/events`."""
    router = APIRouter(tags=["audit log"])

    @router.get(
        PATH,
        summary="The event log, page by page",
        description=DESCRIPTION,
        response_class=Response,
        responses={200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}},
        openapi_extra={"security": SECURITY, "parameters": _openapi()},
    )
    async def get_events(request: Request) -> Response:
        return await log.get(request)

    return router


def _openapi() -> list[dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {
        "limit": LIMIT.to_schema() | {"default": LIMIT.default},
        "anonymize": {"type": "boolean"},
        "outcome": {"type": "string", "enum": list(Outcome)},
        "format": {"type": "string", "enum": list(MEDIA_TYPES)},
    }
    return in_query((name, text, schemas.get(name, {"type": "string"})) for name, text in PARAMETERS.items())
