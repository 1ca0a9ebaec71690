"""ClickHouse's HTTP interface as an ASGI application: what comes in as HTTP, and what goes out."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from trailhouse.deploy.clickhouse.body import Body
from trailhouse.deploy.clickhouse.codec import Encoder, encoder
from trailhouse.deploy.clickhouse.engine import Engine, Result
from trailhouse.deploy.clickhouse.errors import EngineError, refused
from trailhouse.deploy.clickhouse.identities import IDENTITIES, Passwords
from trailhouse.deploy.clickhouse.job import Answer, Job, Request
from trailhouse.deploy.clickhouse.sessions import Sessions
from trailhouse.deploy.clickhouse.turns import Turns, cores
from trailhouse.stream.host_guard import host_name, is_loopback

QUERIES_AT_ONCE: Final = 16
READ_TIMEOUT_S: Final = 30.0  # a client that takes nothing for so long has gone away
# Arguments of the protocol; every other argument of the URL is a setting of the engine.
PROTOCOL: Final = frozenset(
    [
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "query_id",
        "role",
        "client_protocol_version",
        "compress",
        "decompress",
        "buffer_size",
        "stacktrace",
        "wait_end_of_query",
        "quota_key",
        "client_name",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "send_progress_in_http_headers",
        "cancel_http_readonly_queries_on_client_close",
    ]
)


def create_app(engine: Engine, passwords: Passwords, is_beating: Callable[[], bool]) -> Starlette:
    """The application in front of `engine`; `is_beating` tells whether that still runs queries."""
    facade = _Facade(engine, passwords)

    async def healthz(http: HttpRequest) -> Response:
        if not is_local(http.headers.get("host", "")):
            return _not_local()
        return PlainTextResponse("ok\n") if is_beating() else PlainTextResponse("the engine hangs\n", 503)

    return Starlette(
        routes=[
            Route("/", facade.answer, methods=["GET", "POST"]),
            Route("/ping", ping),
            Route("/healthz", healthz),
        ]
    )


async def ping(http: HttpRequest) -> Response:
    """Whether the process answers, as on the server; needs no password. `/healthz` says whether the engine does."""
    return PlainTextResponse("Ok.\n") if is_local(http.headers.get("host", "")) else _not_local()


def is_local(host: str) -> bool:
    """Whether a Host header names this machine: a web page whose name resolves to 127.0.0.1 must not get in."""
    return is_loopback(host_name(host))


def settings_of(arguments: dict[str, str]) -> dict[str, str]:
    """The engine settings among the arguments of a URL."""
    return {
        name: value
        for name, value in arguments.items()
        if name not in PROTOCOL and re.fullmatch(r"(?!param_)[A-Za-z_]\w*", name)
    }


def parameters_of(arguments: dict[str, str]) -> dict[str, str]:
    """The query parameters (`param_NAME`) among the arguments of a URL."""
    return {
        name.removeprefix("param_"): value for name, value in arguments.items() if name.startswith("param_")
    }


class _Facade:
    def __init__(self, engine: Engine, passwords: Passwords) -> None:
        self._engine, self._passwords = engine, passwords
        self._sessions = Sessions(lambda: engine.connect(IDENTITIES["admin"]))
        # Held by a coroutine, not by a thread: a query whose client reads slowly must not keep the others' threads.
        self._gate = asyncio.Semaphore(QUERIES_AT_ONCE)
        # Nobody can take all of it: those who read must leave room for those who write.
        self._gates = {name: asyncio.Semaphore(QUERIES_AT_ONCE * 3 // 4) for name in IDENTITIES}
        self._turns = {name: Turns(cores()) for name, each in IDENTITIES.items() if each.is_readonly}

    async def answer(self, http: HttpRequest) -> Response:
        if not is_local(http.headers.get("host", "")):
            return _not_local()
        query_id = query_id_of(http.query_params.get("query_id", ""))
        body = Body()
        try:
            return await self._run(http, query_id, body)
        except ClientDisconnect:
            body.close()
            return Response(status_code=499)
        except EngineError as error:
            body.close()
            return self._failed(error, query_id)

    async def _run(self, http: HttpRequest, query_id: str, body: Body) -> Response:
        started = time.monotonic()
        request = await self._read(http, body)
        if not request.statement and not body.size:
            body.close()
            return PlainTextResponse("Ok.\n")
        slot = Slot(body, [self._gates[request.identity.name], self._gate])
        try:
            await slot.take()
            asked = (
                http.headers.get("accept-encoding", "")
                if http.query_params.get("enable_http_compression") in {"1", "true"}
                else ""
            )
            packed = encoder(asked)
            turns = self._turns.get(request.identity.name)
            async with turns.take() if turns else nullcontext(0) as threads:
                answer, data = await run_in_threadpool(self._begin, slot, request, packed, threads)
            headers = answer_headers(answer, packed, query_id, time.monotonic() - started)
            if slot.job is not None:
                tag = secrets.token_hex(8)
                chunks = self._chunks(slot, slot.job, answer, packed, tag)
                return StreamedAnswer(chunks, slot, {**headers, "X-ClickHouse-Exception-Tag": tag})
            response = Response(data, headers=headers)
        except BaseException:
            await slot.free()
            raise
        await slot.free()
        return response

    def _begin(self, slot: Slot, request: Request, packed: Encoder, threads: int) -> tuple[Answer, bytes]:
        """Run it, in one go: each way to another thread takes as long as a small query. What is not streamed is done then,
        packed and its job closed.
        """
        slot.job = job = Job(self._engine, self._sessions, request, threads)
        answer = job.execute()
        if answer.is_stream:
            return answer, b""
        data = answer.result.data
        sent = packed.pack(data) + packed.flush() if data else b""
        slot.end()
        return answer, sent

    async def _read(self, http: HttpRequest, body: Body) -> Request:
        """The whole request: nothing runs before the last byte of the body is here."""
        arguments = dict(http.query_params)
        identity = self._passwords.identify(http.headers, arguments)
        if http.headers.get("content-type", "").startswith("multipart/form-data"):
            for name, value in (await http.form()).items():
                if not isinstance(value, str):
                    raise refused(48, "NOT_IMPLEMENTED", "External tables are not supported")
                arguments[name] = value
        else:
            async for chunk in http.stream():
                body.write(chunk)
        try:
            session_timeout_s = float(arguments.get("session_timeout") or 60)
        except ValueError:
            raise refused(
                27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", "session_timeout is not a number"
            ) from None
        return Request(
            identity,
            arguments.get("query", "").encode(),
            body,
            encoding=http.headers.get("content-encoding", "").lower(),
            database=arguments.get("database") or http.headers.get("x-clickhouse-database", ""),
            default_format=arguments.get("default_format")
            or http.headers.get("x-clickhouse-format", "TabSeparated"),
            settings=settings_of(arguments),
            parameters=parameters_of(arguments),
            session=arguments.get("session_id", ""),
            session_timeout_s=session_timeout_s,
            is_get=http.method == "GET",
        )

    async def _chunks(
        self, slot: Slot, job: Job, answer: Answer, packed: Encoder, tag: str
    ) -> AsyncIterator[bytes]:
        yield await run_in_threadpool(packed.pack, answer.result.data)
        chunk = answer.following
        while chunk:
            yield await run_in_threadpool(packed.pack, chunk)
            try:
                chunk = await run_in_threadpool(job.fetch)
            except EngineError as error:  # too late for a status
                chunk = b""
                yield packed.pack(exception_block(self._worded(error), tag))
        # Before the client sees the end: its next query in the same session must not find this one in it.
        await slot.free()
        yield packed.flush()

    def _worded(self, error: EngineError) -> str:
        return (
            error.text
            if "(version " in error.text
            else f"{error.text} (version {self._engine.version} (chDB))"
        )

    def _failed(self, error: EngineError, query_id: str) -> Response:
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}
        return PlainTextResponse(self._worded(error) + "\n", error.status, headers)


class Slot:
    """A query's place among those that run at once, with its job and body; given back once, whatever happens."""

    def __init__(self, body: Body, gates: list[asyncio.Semaphore]) -> None:
        self.job: Job | None = None
        self._body, self._gates = body, gates
        self._taken: list[asyncio.Semaphore] = []

    async def take(self) -> None:
        for gate in self._gates:
            await gate.acquire()
            self._taken.append(gate)

    def end(self) -> None:
        """Cancel what still runs, in this thread."""
        job, self.job = self.job, None
        if job is not None:
            job.close()

    async def free(self) -> None:
        """Cancel what still runs and let the next query in; a second call does nothing."""
        try:
            if self.job is not None:
                await run_in_threadpool(self.end)
        finally:
            self._body.close()
            while self._taken:
                self._taken.pop().release()


class StreamedAnswer(StreamingResponse):
    """A streamed result whose slot is given back when it ends, when its client goes away, and when it stops reading."""

    def __init__(self, chunks: AsyncIterator[bytes], slot: Slot, headers: dict[str, str]) -> None:
        super().__init__(chunks, headers=headers)
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            await asyncio.wait_for(send(message), READ_TIMEOUT_S)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            await asyncio.shield(self._slot.free())


def query_id_of(asked: str) -> str:
    """The client's id for its query if a header can hold it, else a new one."""
    return asked if re.fullmatch(r"[\x21-\x7e]{1,128}", asked) else str(uuid.uuid4())


def exception_block(text: str, tag: str) -> bytes:
    """How recent servers report an error in the middle of a result."""
    message, mark = text.encode() + b"\n", tag.encode()
    return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (mark, message, len(message), mark)


def answer_headers(answer: Answer, packed: Encoder, query_id: str, elapsed_s: float) -> dict[str, str]:
    """Headers of an answer; a streamed one has no totals yet, as on the server."""
    result = Result(b"") if answer.is_stream else answer.result
    summary = {
        "read_rows": result.read_rows,
        "read_bytes": result.read_bytes,
        "written_rows": result.written_rows,
        "written_bytes": result.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": result.read_rows,
        "result_bytes": len(result.data),
        "elapsed_ns": int(elapsed_s * 1e9),
    }
    headers = {
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Server-Display-Name": "chdb",
        "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        "Content-Type": "application/octet-stream",
    }
    if answer.format:
        headers["X-ClickHouse-Format"] = answer.format
    if packed.name and (answer.result.data or answer.is_stream):
        headers["Content-Encoding"] = packed.name
    return headers


def _not_local() -> Response:
    return PlainTextResponse("this ClickHouse answers under 127.0.0.1 and localhost only\n", 403)
