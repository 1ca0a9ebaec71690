"""Names of the worker's metrics, one typed constant each, and the endpoint that serves them.

No label holds an organisation or a person: labels are bounded, and metrics are read by more people than events are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from trailhouse.stream.host_guard import HostGuard
from trailhouse.stream.settings import MetricsSettings

RECORDS: Final = (
    "trailhouse_stream_records"  # Counter: raw records written on, by outcome (enriched, rejected)
)
REJECTED: Final = "trailhouse_stream_rejected"  # Counter: rejected records by reason (closed list)
BUNDLE_SECONDS: Final = (
    "trailhouse_stream_bundle_seconds"  # Histogram: fetch of a bundle to its confirmed write
)
REFILLED: Final = "trailhouse_stream_refilled"  # Counter: raw records written again to fill a gap
LAG: Final = "trailhouse_stream_lag_records"  # Gauge: raw records not yet written on, by partition
NEWEST: Final = (
    "trailhouse_stream_newest_timestamp_seconds"  # Gauge: broker time of the newest record written on
)

BREAKER: Final = "trailhouse_breaker_open"  # Gauge: 1 while the breaker holds the partition


@dataclass(frozen=True, slots=True)
class StreamMetrics:
    """The worker's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    records: Counter = field(init=False)
    rejected: Counter = field(init=False)
    bundle_seconds: Histogram = field(init=False)
    refilled: Counter = field(init=False)
    lag: Gauge = field(init=False)
    newest: Gauge = field(init=False)
    breaker: Gauge = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(
            self,
            "records",
            Counter(RECORDS, "Raw records written on, by outcome", ["outcome"], registry=self.registry),
        )
        put(
            self,
            "rejected",
            Counter(REJECTED, "Rejected records, by reason", ["reason"], registry=self.registry),
        )
        put(
            self,
            "bundle_seconds",
            Histogram(
                BUNDLE_SECONDS, "Seconds from a bundle's fetch to its confirmed write", registry=self.registry
            ),
        )
        put(
            self,
            "refilled",
            Counter(REFILLED, "Raw records written again to fill a gap", registry=self.registry),
        )
        put(
            self,
            "lag",
            Gauge(LAG, "Raw records not yet written on, by partition", ["partition"], registry=self.registry),
        )
        put(
            self,
            "breaker",
            Gauge(
                BREAKER,
                "1 while the breaker holds the partition, 0 after; by partition",
                ["partition"],
                registry=self.registry,
            ),
        )
        put(
            self,
            "newest",
            Gauge(
                NEWEST, "Broker time of the newest record written on, Unix seconds", registry=self.registry
            ),
        )


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Scrapes every few seconds are not news."""


def serve_metrics(
    registry: CollectorRegistry, settings: MetricsSettings, is_healthy: Callable[[], bool]
) -> Callable[[], None]:
    """Serve `/metrics` and `/healthz` (200 or 503) from a thread; returns what stops it. Port 0 serves nothing."""
    if settings.port == 0:
        return lambda: None
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        if environ["PATH_INFO"] == "/healthz":
            healthy = is_healthy()
            start("200 OK" if healthy else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"ok\n" if healthy else b"not healthy\n"]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"try /metrics or /healthz\n"]

    server = make_server(
        settings.host,
        settings.port,
        HostGuard(app, settings.names),
        server_class=_Server,
        handler_class=_Quiet,
    )
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
