"""A proxy between the sink and ClickHouse that breaks inserts in all the ways a network can."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trailhouse.producers.settings import Secret
from trailhouse.sinks.settings import ClickHouseSettings

FAULTS = (
    "closed before the body was read",
    "closed in the middle of the body, which went on",
    "closed after the insert, before its reply",
    "200 with an exception code",
    "503",
    "stalled, then closed after the insert",
)
STALL_S = 0.6


class Proxy:
    """Forwards requests; `fault` says for each insert what happens to it ("" = nothing). `happened` counts faults.

    Besides `FAULTS`: "code N" answers with ClickHouse's error N; "setting NAME=VALUE" forwards the insert under one more
    setting, so that the engine itself refuses it.
    """

    def __init__(self, target: ClickHouseSettings, fault: Callable[[], str]) -> None:
        self.happened: Counter[str] = Counter()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
                """Silent."""

            def do_GET(self) -> None:
                self._forward(b"")

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                told = fault() if b"INSERT" in self.path.encode() + self.rfile.peek(64)[:64] else ""  # type: ignore[attr-defined]  # rfile is a BufferedReader
                if told:
                    proxy.happened[told] += 1
                if told == FAULTS[0]:
                    self._hang_up()
                    return
                body = self.rfile.read(length) if length else self._chunks()
                if told == FAULTS[1]:
                    with suppress(OSError, http.client.HTTPException):
                        self._upstream(body[: len(body) // 2], len(body), answer_within_s=0.3)
                    self._hang_up()
                elif told in {FAULTS[2], FAULTS[5]}:
                    self._upstream(body)
                    if told == FAULTS[5]:
                        time.sleep(STALL_S)
                    self._hang_up()
                elif told == FAULTS[3]:
                    self._reply(200, {"X-ClickHouse-Exception-Code": "159"}, b"Code: 159. Timeout exceeded")
                elif told == FAULTS[4]:
                    self._reply(503, {}, b"try later")
                elif told.startswith("code "):
                    code = told.removeprefix("code ")
                    text = f"Code: {code}. DB::Exception: refused on purpose. (SOME_NAME) (version 1)"
                    self._reply(500, {"X-ClickHouse-Exception-Code": code}, text.encode())
                elif told.startswith("setting "):
                    self.path += "&" + told.removeprefix("setting ")
                    self._forward(body)
                else:
                    self._forward(body)

            def _chunks(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline() or b"0", 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _hang_up(self) -> None:
                self.close_connection = True
                self.connection.close()

            def _upstream(
                self, body: bytes, length: int | None = None, answer_within_s: float = 60
            ) -> tuple[int, dict[str, str], bytes]:
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in {"transfer-encoding", "content-length", "host"}
                }
                upstream = http.client.HTTPConnection(target.host, target.port, timeout=answer_within_s)
                try:
                    upstream.putrequest(self.command, self.path)
                    for name, value in kept.items():
                        upstream.putheader(name, value)
                    upstream.putheader("Content-Length", str(len(body) if length is None else length))
                    upstream.endheaders(body)
                    answer = upstream.getresponse()
                    return answer.status, dict(answer.getheaders()), answer.read()
                finally:
                    upstream.close()

            def _forward(self, body: bytes) -> None:
                try:
                    self._reply(*self._upstream(body))
                except OSError:
                    self._hang_up()

            def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients hang up on us, too; that is the point."""

        self._server = Server(("127.0.0.1", 0), Handler)
        password = target.password.reveal()
        self.settings = ClickHouseSettings(
            dsn=Secret(
                f"http://{target.username}:{password}@127.0.0.1:{self._server.server_port}/{target.database}"
            )
        )

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
