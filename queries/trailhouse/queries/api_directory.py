"""The directory over HTTP: who belongs to an organisation and where they stand, for holders of a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries import directory_export
from trailhouse.queries.api_access import Reading, who_asks
from trailhouse.queries.api_reports import choose_format, single
from trailhouse.queries.caller import Caller
from trailhouse.queries.directory import (
    KINDS,
    SORTS,
    Directory,
    Person,
    Wanted,
    read_directory,
    record_reading,
)
from trailhouse.queries.errors import BadParameter, UnknownParameter
from trailhouse.queries.parameter import in_query
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.standing import Semantics, Status
from trailhouse.queries.store import Pool

PAGE: Final = 1_000
PAGE_MAX: Final = 10_000
OFFSET_MAX: Final = 10**8
_MEDIA: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
}
_ASKED: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "org": ("organisation; may be left out where the key has only one", {"type": "string"}),
    "search": ("a part of a name or e-mail, in any case; needs audit:read_pii", {"type": "string"}),
    "status": ("only those with this status", {"type": "string", "enum": [each.value for each in Status]}),
    "kind": (
        "people, service accounts, or all",
        {"type": "string", "enum": list(KINDS), "default": "people"},
    ),
    "sort": ("in which order", {"type": "string", "enum": list(SORTS), "default": "name"}),
    "timezone": (
        "IANA time zone of times and days; without it the organisation's own, else UTC",
        {"type": "string"},
    ),
    "limit": (
        f"users at most; {PAGE} in JSON, all in CSV and ndjson",
        {"type": "integer", "minimum": 1, "maximum": PAGE_MAX},
    ),
    "offset": (
        "how many to leave out before",
        {"type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0},
    ),
    "format": ("how the answer is written; else Accept decides", {"type": "string", "enum": list(_MEDIA)}),
}


def routes(
    pool: Pool,
    reading: Reading,
    audit: SelfAudit,
    semantics: Semantics,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """`GET /api/v1/users`: the directory of one organisation, with the rights of whoever asks."""
    router = APIRouter(tags=["users"])

    def answer(caller: Caller, params: Mapping[str, str], who: Who, form: str) -> Directory:
        with pool.client() as client:
            found = read_directory(client, caller, Wanted(**params), semantics=semantics, now=now())
        record_reading(audit, who, caller, found, form)
        return found

    @router.get(
        "/api/v1/users",
        summary="The users of an organisation",
        description=(
            "Everybody who was invited, listed in a roster or acted, with status, teams and activity. Without the scope "
            "audit:read_pii, `u_` and a hash stand for a person, and teams are ids."
        ),
        response_class=Response,
        openapi_extra={
            "security": reading.security,
            "parameters": in_query((name, text, schema) for name, (text, schema) in _ASKED.items()),
        },
        responses={200: {"content": {media.partition(";")[0]: {} for media in _MEDIA.values()}}},
    )
    async def list_users(request: Request) -> Response:
        caller = await reading.caller(request)
        params = single(request)
        if unknown := [name for name in params if name not in _ASKED]:
            raise UnknownParameter("users", unknown[0], _ASKED)
        form = choose_format(params.pop("format", None), request.headers.get("accept", ""))
        offset = _number("offset", params.pop("offset", "0"), 0, OFFSET_MAX)
        limit = _number("limit", params.pop("limit"), 1, PAGE_MAX) if "limit" in params else None
        if limit is None and form == "json":
            limit = PAGE
        found = await run_in_threadpool(answer, caller, params, who_asks(request), form)
        page = found.people[offset:] if limit is None else found.people[offset : offset + limit]
        headers = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
        if form == "csv":
            headers["Content-Disposition"] = f'attachment; filename="users_{found.asked_at.date()}.csv"'
        body = await run_in_threadpool(_write, form, found, page)
        return Response(body, media_type=_MEDIA[form], headers=headers)

    return router


def _write(form: str, found: Directory, page: tuple[Person, ...]) -> str | bytes:
    if form == "csv":
        return directory_export.csv(page)
    if form == "ndjson":
        return directory_export.ndjson(page)
    return orjson.dumps(
        directory_export.document(found, page), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def _number(name: str, text: str, minimum: int, maximum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
        raise BadParameter(name, text, f"a whole number from {minimum} to {maximum}")
    return int(text)
