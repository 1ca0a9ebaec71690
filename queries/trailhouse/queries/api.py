"""The HTTP API: reports, health, metrics. It has no keys yet, so it listens on this machine alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from trailhouse.queries import api_problems
from trailhouse.queries.api_guard import HostGuard, RequestMeter
from trailhouse.queries.api_reports import routes
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.reports import load
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.store import Pool
from trailhouse.queries.watch import check_clickhouse, check_kafka, observe, watch

READY_TIMEOUT_S: Final = 8.0
STOP_GRACE_S: Final = 3


def create_app(settings: ApiSettings, *, has_watch: bool = True) -> FastAPI:
    """The application; nothing is opened before it is started or asked.

    `has_watch` False leaves out the background look at books and freshness (tests, further processes of one API).
    """
    pool = Pool(settings.clickhouse, size=settings.pool_size)
    metrics = ApiMetrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        look = watch(lambda: observe(settings, pool, metrics), settings.balance_interval_s)
        task = asyncio.create_task(look) if has_watch else look.close()
        yield
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        pool.close()

    app = FastAPI(
        title="Trailhouse",
        version=version("trailhouse"),
        description="Audit and activity analytics: every event counted once, and provably so.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    api_problems.install(app)
    app.include_router(routes(load(), pool, settings.caller, metrics))
    _add_health(app, {"clickhouse": lambda: check_clickhouse(pool), "kafka": lambda: check_kafka(settings)})

    @app.get("/metrics", tags=["operations"], summary="Metrics for Prometheus", response_class=Response)
    def read_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.add_middleware(HostGuard, extra_hosts=(settings.host,))
    app.add_middleware(RequestMeter, metrics=metrics)
    return app


def _add_health(app: FastAPI, checks: dict[str, Callable[[], None]]) -> None:
    @app.get("/healthz", tags=["operations"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["operations"], summary="Whether ClickHouse and Kafka answer")
    async def readyz() -> Response:
        answers = await asyncio.gather(*(_try(check) for check in checks.values()))
        parts = dict(zip(checks, answers, strict=True))
        is_ready = not any(parts.values())
        body: dict[str, Any] = {
            "status": "ready" if is_ready else "not ready",
            **{name: why or "ok" for name, why in parts.items()},
        }
        return JSONResponse(body, 200 if is_ready else 503)


async def _try(check: Callable[[], None]) -> str:
    """Why a check failed, in one line; empty when it passed."""
    try:
        await asyncio.wait_for(asyncio.to_thread(check), READY_TIMEOUT_S)
    except TimeoutError:
        return f"no answer within {READY_TIMEOUT_S:g} s"
    except Exception as error:  # whatever the drivers raise is the answer
        return str(error).partition("\n")[0] or type(error).__name__
    return ""


def run(settings: ApiSettings) -> None:
    """Serve until a signal ends it."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=STOP_GRACE_S,
        server_header=False,
    )
