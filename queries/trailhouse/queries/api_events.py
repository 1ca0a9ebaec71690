"""The collector over HTTP: `POST /api/v1/events`, for services that cannot reach Kafka."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from trailhouse.producers.event import Scalar
from trailhouse.producers.transport import Transport
from trailhouse.queries.allowance import Allowance, Holding
from trailhouse.queries.api_access import SECURITY, Access, who_asks
from trailhouse.queries.api_events_openapi import DESCRIPTION, PARAMETERS, REQUEST_BODY, RESPONSES
from trailhouse.queries.api_problems import problem
from trailhouse.queries.batch_text import gunzip, items
from trailhouse.queries.collector import EVENT, ORG, Batch, Refusal, collect, counts
from trailhouse.queries.errors import (
    BadBody,
    BodyTooLarge,
    BodyTooSlow,
    KafkaUnavailable,
    UnknownMedia,
    UnknownParameter,
)
from trailhouse.queries.intake import Intake
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.self_audit import SelfAudit
from trailhouse.queries.settings import ApiSettings

PATH: Final = "/api/v1/events"
# Whether a media type means one JSON value a line.
LINES: Final[Mapping[str, bool]] = {
    "application/json": False,
    "application/x-ndjson": True,
    "application/ndjson": True,
    "application/jsonl": True,
}
BODY_TIMEOUT_S: Final = 30.0
READERS: Final = 2
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_GONE: Final = 499  # nobody is there to read it; access logs of others use it


@dataclass(frozen=True, slots=True)
class Shape:
    """What the headers of a request say of its body."""

    is_lines: bool
    is_gzip: bool
    length: int | None
    idempotency_key: str | None


class Collector:
    """Takes requests with events: reads, checks, hands to Kafka, and answers when Kafka has confirmed."""

    def __init__(
        self,
        settings: ApiSettings,
        access: Access,
        transport: Transport,
        metrics: ApiMetrics,
        audit: SelfAudit,
    ) -> None:
        self._settings, self._access, self._metrics, self._audit = settings, access, metrics, audit
        self._intake = Intake(transport)
        self._allowance = Allowance(settings.events_held_bytes)
        # Checking is work for the processor: few threads, so that few bodies are taken apart at once.
        self._readers = ThreadPoolExecutor(READERS, "reader")
        metrics.events_held.set_function(lambda: self._allowance.held)

    async def post(self, request: Request) -> Response:
        """Answer one request; raises `QueryError`."""
        key = await self._access.key(request, Scope.EVENTS_WRITE)
        for name in request.query_params:
            # Who writes `?org=` means another organisation than the events would go to.
            raise UnknownParameter("the collector", name, ())
        shape = shape_of(request, self._settings.events_body_bytes)
        with self._allowance.hold(key.key_id) as holding:
            try:
                body = await self._read(request, shape, holding)
            except ClientDisconnect:
                return Response(status_code=_GONE)
            loop, here = asyncio.get_running_loop(), copy_context()
            batch = await loop.run_in_executor(self._readers, lambda: here.run(self._check, body, shape, key))
            holding.resize(batch.size)
            if batch.values:
                await self._deliver(batch)
        self._metrics.events_accepted.inc(len(batch.values))
        refused = counts(batch)
        for reason, count in refused.items():
            self._metrics.events_refused.labels(reason).inc(count)
        if ORG in refused:
            details: dict[str, Scalar] = {
                "path": PATH,
                "status": int(HTTPStatus.FORBIDDEN),
                "events": refused[ORG],
            }
            await run_in_threadpool(self._audit.refuse, who_asks(request), ORG, details)
        return answer(batch)

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._intake.close(1)

    async def _read(self, request: Request, shape: Shape, holding: Holding) -> bytearray:
        """The body as it came; every byte of it is accounted for before it is kept."""
        body, limit = bytearray(), self._settings.events_body_bytes
        holding.resize(shape.length or 0)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > limit:
                        raise too_large(limit)
                    holding.resize(max(shape.length or 0, len(body) + len(chunk)))
                    body += chunk
        except TimeoutError:
            raise BodyTooSlow(f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
        return body

    def _check(self, body: bytearray, shape: Shape, key: Key) -> Batch:
        text = gunzip(body, self._settings.events_body_bytes) if shape.is_gzip else body
        found = items(text, is_lines=shape.is_lines, limit=self._settings.events_items)
        batch = collect(found, key, shape.idempotency_key)
        body.clear()
        if not batch.ids:
            raise BadBody("the body has no event")
        return batch

    async def _deliver(self, batch: Batch) -> None:
        timeout_s, started = self._settings.events_timeout_s, time.perf_counter()
        delivery = self._intake.submit(batch.values)
        try:
            refused = await asyncio.wait_for(asyncio.wrap_future(delivery.outcome), timeout_s)
        except TimeoutError:
            raise KafkaUnavailable(timeout_s) from None
        finally:
            if not delivery.outcome.done() or delivery.outcome.cancelled():
                self._intake.forget(delivery)
        self._metrics.events_ack_seconds.observe(time.perf_counter() - started)
        if refused:
            refuse(batch, refused)


def routes(collector: Collector) -> APIRouter:
    """`POST /api/v1/events`."""
    router = APIRouter(tags=["events"])

    @router.post(
        PATH,
        status_code=HTTPStatus.ACCEPTED,
        summary="Send events",
        description=DESCRIPTION,
        response_class=Response,
        responses=RESPONSES,
        openapi_extra={"security": SECURITY, "requestBody": REQUEST_BODY, "parameters": PARAMETERS},
    )
    async def post_events(request: Request) -> Response:
        return await collector.post(request)

    return router


def shape_of(request: Request, limit: int) -> Shape:
    """What is known of the body before any of it is read; raises `UnknownMedia`, `BodyTooLarge`, `BadBody`."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in LINES:
        raise UnknownMedia(
            "the Content-Type is none the collector reads",
            "send application/json (one event or an array) or application/x-ndjson (one event a line)",
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity"}:
        raise UnknownMedia("the Content-Encoding is none the collector reads", "send gzip, or plain text")
    length = request.headers.get("content-length")
    if length is not None and int(length) > limit:  # the server lets nothing but digits through
        raise too_large(limit)
    named = request.headers.getlist("idempotency-key")
    bare = named[0].strip().removeprefix('"').removesuffix('"') if named else ""
    if named and (len(named) > 1 or not _IDEMPOTENCY_KEY.fullmatch(bare)):
        raise BadBody("the Idempotency-Key is not 1-255 printable ASCII characters without spaces")
    return Shape(LINES[media], encoding == "gzip", None if length is None else int(length), bare or None)


def too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {limit} bytes", "send smaller batches")


def refuse(batch: Batch, places: frozenset[int]) -> None:
    """Take events back out of a batch that Kafka will never take; `places` are those in `values`."""
    taken = [index for index, event_id in enumerate(batch.ids) if event_id is not None]
    batch.values = [value for place, value in enumerate(batch.values) if place not in places]
    for place in sorted(places):
        batch.ids[taken[place]] = None
        batch.refusals.append(Refusal(taken[place], EVENT, "is larger than the topic takes", reason="kafka"))
    batch.refusals.sort(key=lambda each: each.index)


def answer(batch: Batch) -> Response:
    """202 when anything was accepted; else 403 when organisations were the only trouble, 422 otherwise."""
    if batch.values:
        return JSONResponse(batch.to_dict(), HTTPStatus.ACCEPTED, {"Cache-Control": "no-store"})
    is_foreign = all(each.status == HTTPStatus.FORBIDDEN for each in batch.refusals)
    return problem(
        HTTPStatus.FORBIDDEN if is_foreign else HTTPStatus.UNPROCESSABLE_ENTITY,
        "No event was accepted",
        f"all {len(batch.ids)} events of this request were refused",
        "errors says which field of which event breaks which rule; the contract: trailhouse schema event",
        **batch.to_dict(),
    )
