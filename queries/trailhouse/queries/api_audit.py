"""`GET /admin/audit_logs`: the audit log as W&B serves it, streamed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from trailhouse.queries.api_access import SECURITY, Access, who_asks
from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_read import read_days
from trailhouse.queries.audit_request import PARAMETERS, Asked, read_request
from trailhouse.queries.caller import Caller
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.parameter import in_query
from trailhouse.queries.read_ahead import ReadAhead
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import ClickHouseStore, Pool

PATH: Final = "/admin/audit_logs"
MEDIA_TYPES: Final = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
#: What waits for a client that reads slowly; packed, so some ten times as much of the log.
AHEAD_BYTES: Final = 32 << 20
GZIP_LEVEL: Final = 1
DESCRIPTION: Final = (
    "Newline-separated JSON objects with W&B's keys, sparse, in order of time; days are UTC's. Streams whatever there is: "
    "an answer that ends without its last chunk is not the whole. Everything read is recorded in the log itself."
)


@dataclass(frozen=True, slots=True)
class AuditLog:
    """What the route needs."""

    settings: ApiSettings
    access: Access
    pool: Pool
    audit: SelfAudit

    async def get(self, request: Request) -> Response:
        """Answer one request; raises `QueryError` as long as nothing was sent."""
        key = await self.access.key(request, Scope.AUDIT_READ)
        asked = await run_in_threadpool(self._read, request, key)
        is_packed = accepts_gzip(request.headers.get("accept-encoding", ""))
        chunks = await run_in_threadpool(self._open, asked, key.caller, who_asks(request))
        return streamed(chunks, asked, is_packed=is_packed)

    def _read(self, request: Request, key: Key) -> Asked:
        return read_request(
            request.query_params.multi_items(),
            key.caller,
            key.default_org,
            PROFILES[self.settings.profile],
            today=today(),
            has_plan=self.settings.has_plan,
            stored_orgs=self._orgs,
        )

    def _orgs(self) -> list[str]:
        with self.pool.client() as client:
            return ClickHouseStore(client).orgs()

    def _is_real(self, org: str, caller: Caller) -> bool:
        if org in (caller.orgs or ()):
            return True
        with self.pool.client() as client:
            return ClickHouseStore(client).knows(org)

    def _open(self, asked: Asked, caller: Caller, who: Who) -> ReadAhead:
        """The entries, of which the first are there: what fails at the beginning still has a status."""
        selection = asked.selection
        is_real = self._is_real(selection.org, caller)
        self.audit.record(
            "audit:read" if asked.format == "ndjson" else "export:create",
            selection.org if is_real else None,
            who,
            details={
                "log": "audit_logs",
                "asked_org": "" if is_real else selection.org,
                "format": asked.format,
                "first_day": selection.window.first.isoformat(),
                "last_day": selection.window.last.isoformat(),
                "pii_shown": selection.read_pii,
            },
        )
        chunks = ReadAhead(self._chunks(asked), AHEAD_BYTES)
        try:
            chunks.wait()
        except BaseException:
            chunks.close()
            raise
        return chunks

    def _chunks(self, asked: Asked) -> Generator[bytes]:
        with self.pool.client() as client:
            yield from read_days(client, asked.selection, asked.format)


def routes(log: AuditLog) -> APIRouter:
    """`GET /admin/audit_logs`."""
    router = APIRouter(tags=["audit log"])

    @router.get(
        PATH,
        summary="The audit log, as W&B serves it",
        description=DESCRIPTION,
        response_class=Response,
        responses={200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}},
        openapi_extra={"security": SECURITY, "parameters": _openapi()},
    )
    async def get_audit_logs(request: Request) -> Response:
        return await log.get(request)

    return router


def today() -> date:
    """Days are UTC's, as the times in the log are."""
    return datetime.now(UTC).date()


def streamed(chunks: ReadAhead, asked: Asked, *, is_packed: bool) -> Response:
    """The answer; what reads the store ends with it, also when the client goes away."""
    window, org = asked.selection.window, asked.selection.org
    headers = {
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "X-Trailhouse-Org": org,
        "X-Trailhouse-Anonymized": "false" if asked.selection.read_pii else "true",
    }
    if asked.format != "ndjson":
        name = f"audit_logs_{window.first}_{window.last}.{asked.format}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # Parquet is packed in itself.
    is_packed = is_packed and asked.format != "parquet"
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return StreamingResponse(
        _body(chunks, is_packed=is_packed),
        headers=headers,
        media_type=MEDIA_TYPES[asked.format],
    )


async def _body(chunks: ReadAhead, *, is_packed: bool) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=31) if is_packed else None
    try:
        while (chunk := await run_in_threadpool(chunks.take)) is not None:
            if packer is None:
                yield chunk
            elif packed := await run_in_threadpool(packer.compress, chunk):
                yield packed
        if packer is not None:
            yield packer.flush()
    finally:
        chunks.stop()


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip."""
    for part in header.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _openapi() -> list[dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {
        "anonymize": {"type": "boolean"},
        "numDays": {"type": "integer", "minimum": 0},
        "startDate": {"type": "string", "format": "date"},
        "format": {"type": "string", "enum": list(MEDIA_TYPES)},
    }
    return in_query((name, text, schemas.get(name, {"type": "string"})) for name, text in PARAMETERS.items())
