"""The HTTP API: reports, the collector of events, health, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from trailhouse.producers.kafka import KafkaTransport
from trailhouse.producers.metrics import SpoolMetrics
from trailhouse.producers.transport import Transport
from trailhouse.queries import (
    api_access,
    api_alerts,
    api_audit,
    api_directory,
    api_event_log,
    api_events,
    api_problems,
    api_reports,
)
from trailhouse.queries.alerts.desk import Desk
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.api_access import Access, Reading
from trailhouse.queries.api_alerts import AlertRoutes
from trailhouse.queries.api_audit import AuditLog
from trailhouse.queries.api_event_log import EventLog
from trailhouse.queries.api_events import Collector
from trailhouse.queries.api_guard import Correlation, HostGuard, RequestMeter
from trailhouse.queries.api_span import Traced
from trailhouse.queries.dashboard import app as dashboard
from trailhouse.queries.dashboard.guest_book import GuestBook
from trailhouse.queries.dashboard.provider import Provider
from trailhouse.queries.dashboard.session import Sessions
from trailhouse.queries.dashboard.site import Site
from trailhouse.queries.dashboard.visitor import Door
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.key_ring import KeyRing
from trailhouse.queries.key_table import load_keys
from trailhouse.queries.lockout import Lockout
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.rate import Rates
from trailhouse.queries.reports import load
from trailhouse.queries.self_audit import SelfAudit, open_self_audit
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.shared_answers import SharedAnswers
from trailhouse.queries.standing import SEMANTICS
from trailhouse.queries.store import QUERY_TIMEOUT_S, ClickHouseStore, Pool
from trailhouse.queries.surroundings import Surroundings
from trailhouse.queries.watch import Bookkeeper, Probe, Watch, check_clickhouse, check_kafka, observe
from trailhouse.stream import tracing
from trailhouse.stream.logs import log_to_stderr

READY_TIMEOUT_S: Final = 3.0
STOP_GRACE_S: Final = 3
EXIT_NOT_STARTED: Final = 3
KEYS_TIMEOUT_S: Final = 5.0
STREAM_WAIT_S: Final = 2.0
ALERT_WRITERS: Final = 2
# An address that a header claims would let whoever guesses keys change it at will.
SERVER: Final[dict[str, Any]] = {"server_header": False, "proxy_headers": False}
#: What FastAPI would tell of requests by itself has their addresses, their senders and the texts of errors in it.
SILENT: Final[Any] = dict.fromkeys(("tracing", "metrics", "logs", "auto_configure"), False)
log = logging.getLogger(__name__)


def create_app(
    settings: ApiSettings,
    *,
    has_watch: bool = True,
    audit: SelfAudit | None = None,
    transport: Transport | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The application; nothing is opened before it is started or asked.

    `has_watch` False leaves out the background look at books and freshness (tests, further processes of one API);
    `audit` takes the place of the self-audit, `transport` that of the collector's way to Kafka; `now` is what the dashboard
    calls now.
    """
    pool = Pool(settings.clickhouse, size=settings.pool_size)
    # The pages' own, waited for as long as an answer may take: fifty people leave the rest of the API its connections.
    asking = Pool(settings.clickhouse, size=max(2, settings.pool_size // 2), wait_s=QUERY_TIMEOUT_S)
    keys = Pool(settings.clickhouse, size=1, wait_s=KEYS_TIMEOUT_S, timeout_s=KEYS_TIMEOUT_S)
    streams = Pool(settings.clickhouse, size=settings.audit_streams, wait_s=STREAM_WAIT_S)
    alerting = Pool(settings.notifications.clickhouse(settings.clickhouse), size=ALERT_WRITERS)
    written = settings.settings_writer
    writers = Pool(written, size=2) if written else None
    metrics = ApiMetrics()
    audit = audit or open_self_audit(settings.kafka, os.environ)
    provider = Provider(settings.oidc) if settings.oidc.is_on else None
    sessions = Sessions(settings.session_secret.reveal(), person_life_s=settings.oidc.session_s)
    # Written as the page Settings writes, or as ourselves; with the keys' patience, since it is read with them.
    guests = Pool(written or settings.clickhouse, size=1, wait_s=KEYS_TIMEOUT_S, timeout_s=KEYS_TIMEOUT_S)
    book = GuestBook(sessions, guests)
    access = Access(_ring(settings, keys, book), Lockout(), Rates(settings.key_rate), metrics)
    collector = Collector(settings, access, transport or KafkaTransport(settings.kafka), metrics, audit)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeper = Bookkeeper(settings)
        surroundings = Surroundings(settings.clickhouse, settings.kafka, metrics)

        def look() -> None:
            surroundings.look(pool)
            observe(pool, metrics, keeper)

        watch = Watch(look, settings.balance_interval_s)
        SpoolMetrics(metrics.registry).watch(await asyncio.to_thread(audit.open))
        if has_watch:
            watch.start()
        yield
        watch.stop()
        await asyncio.to_thread(audit.close)
        collector.close()
        if provider is not None:
            provider.close()
        pool.close()
        asking.close()
        streams.close()
        keys.close()
        guests.close()
        alerting.close()
        if writers is not None:
            writers.close()

    app = FastAPI(
        title="Trailhouse",
        version=version("trailhouse"),
        description="Audit and activity analytics: every event counted once, and provably so.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        telemetry=SILENT,
    )
    api_problems.install(app, audit)
    api_access.describe(app)
    anonymous = settings.caller if settings.is_open else None
    reports = load()
    app.include_router(
        api_reports.routes(reports, pool, Reading(access, Scope.REPORTS_READ, anonymous), metrics, audit)
    )
    app.include_router(
        api_directory.routes(pool, Reading(access, Scope.AUDIT_READ), audit, SEMANTICS[settings.profile])
    )
    app.include_router(api_events.routes(collector))
    app.include_router(api_event_log.routes(EventLog(settings, access, pool, audit)))
    desk = Desk(alerting, Seal(settings.notifications.key), audit, reports)
    app.include_router(api_alerts.routes(AlertRoutes(access, pool, desk)))
    app.include_router(api_audit.routes(AuditLog(settings, access, streams, audit)))
    door = Door(access, sessions, book, anonymous, provider=provider)
    shared = SharedAnswers(
        asking, limit_s=settings.share_s, first=lambda client: ClickHouseStore(client).landed_until()
    )
    site = Site(settings, door, pool, shared, reports, audit, desk, writers, now=now)
    app.include_router(dashboard.routes(site, metrics))
    _add_health(app, {"clickhouse": lambda: check_clickhouse(pool), "kafka": lambda: check_kafka(settings)})

    @app.get("/metrics", tags=["operations"], summary="Metrics for Prometheus", response_class=Response)
    def read_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.add_middleware(HostGuard, extra_hosts=settings.host_names)
    app.add_middleware(RequestMeter, metrics=metrics)
    app.add_middleware(Traced)
    app.add_middleware(Correlation)
    return app


def _ring(settings: ApiSettings, pool: Pool, book: GuestBook) -> KeyRing:
    def load() -> dict[str, Key]:
        with pool.client() as client:
            book.read(client)
            return load_keys(client)

    return KeyRing(load, ttl_s=settings.keys_ttl_s, grace_s=settings.keys_grace_s)


def _add_health(app: FastAPI, checks: dict[str, Callable[[], None]]) -> None:
    probes = {name: Probe(check) for name, check in checks.items()}

    @app.get("/healthz", tags=["operations"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        tags=["operations"],
        summary="Whether ClickHouse and Kafka answer",
        responses={503: {"description": "one of them does not; the body says which, and why"}},
    )
    async def readyz() -> Response:
        answers = await asyncio.gather(
            *(asyncio.to_thread(probe.ask, READY_TIMEOUT_S) for probe in probes.values())
        )
        parts = {name: why or "ok" for name, why in zip(probes, answers, strict=True)}
        is_ready = not any(answers)
        return JSONResponse(
            {"status": "ready" if is_ready else "not ready", **parts}, 200 if is_ready else 503
        )


class Server(uvicorn.Server):
    """Says where it listens, once it does; sends the last spans when it stops."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            log.info("listening on http://%s:%d", self.config.host, self.config.port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # Here, because the signal that stops us ends the process as soon as `run` has returned.
        await asyncio.to_thread(tracing.stop)


def run(settings: ApiSettings) -> None:
    """Serve until a signal ends it; exits with 3 where it cannot listen."""
    log_to_stderr(settings.logs, "api")
    tracing.start(settings.traces, "api")
    # It reports every attempt to reach a broker that is away; the watch says what matters.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,  # as everything of ours is logged
        log_level="warning",
        timeout_graceful_shutdown=STOP_GRACE_S,
        **SERVER,
    )
    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)
