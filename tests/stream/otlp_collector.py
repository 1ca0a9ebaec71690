"""A collector of traces on this machine's loopback: takes OTLP over HTTP, and shows the spans it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from trailhouse.stream import otlp, tracing
from trailhouse.stream.settings import TracesSettings

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Sent:
    """A span as it arrived; ids in hex, `parent` empty for the first of a trace."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, Any]
    is_error: bool
    seconds: float
    resource: dict[str, Any]
    #: What else a span can carry, and ours must not.
    rest: str


@dataclass
class OtlpCollector:
    """`hold` keeps it from answering; `headers` are those of the requests."""

    server: ThreadingHTTPServer
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hold: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self) -> list[Sent]:
        """In the order they ended."""
        return [span for body in list(self.bodies) for span in _read(body)]

    def named(self, name: str) -> list[Sent]:
        return [span for span in self.spans if span.name == name]

    def close(self) -> None:
        """Nobody listens any more."""
        self.server.shutdown()
        self.server.server_close()


def _read(body: bytes) -> Iterator[Sent]:
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Sent(
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _plain(span.attributes),
                    span.status.code == 2,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    _plain(resource.resource.attributes),
                    f"{span.status.message}{span.trace_state}{list(span.events)}{list(span.links)}".replace(
                        "[]", ""
                    ),
                )


def _plain(attributes: Any) -> dict[str, Any]:
    def value(given: Any) -> Any:
        kind = given.WhichOneof("value")
        found = getattr(given, kind)
        return [value(each) for each in found.values] if kind == "array_value" else found

    return {each.key: value(each.value) for each in attributes}


@contextmanager
def collecting() -> Iterator[OtlpCollector]:
    """A collector on a free port, gone at the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.hold is not None:
                collector.hold.wait(PATIENCE_S)
            if self.path == "/v1/traces":
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.bodies.append(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *values: Any) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = OtlpCollector(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield collector
    finally:
        collector.close()
        thread.join()


@contextmanager
def traced(url: str, role: str = "test") -> Iterator[None]:
    """Spans go there; those that ended are sent when the block ends, however slow this machine is."""
    tracing.start(TracesSettings(endpoint=url), role)
    try:
        yield
    finally:
        with patch.object(otlp, "STOP_WAIT_S", PATIENCE_S):
            tracing.stop()
