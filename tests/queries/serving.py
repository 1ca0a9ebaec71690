"""Serve the API on a free port of this machine, over real HTTP, and read its problem documents."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from tests.queries.recording import Recorded

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.producers.transport import Transport
from trailhouse.queries.api import SERVER, create_app
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.settings import ClickHouseSettings

NO_CLICKHOUSE = ClickHouseSettings(dsn=Secret("http://reader@127.0.0.1:9/trailhouse"))
NO_KAFKA = KafkaSettings(bootstrap="127.0.0.1:9")
STOPPED_WITHIN_S = 60
# All that the shared history holds of one organisation.
WINDOW = {"org": "acme", "since": "2010-01-01", "until": "2026-01-31"}


@contextmanager
def serving(
    settings: ApiSettings,
    *,
    has_watch: bool = False,
    recorded: Recorded | None = None,
    transport: Transport | None = None,
) -> Iterator[httpx.Client]:
    """The API of `settings` on a port of its own, and a client for it; both are closed afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        audit = (recorded or Recorded()).audit
        app = create_app(settings, has_watch=has_watch, audit=audit, transport=transport)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5, **SERVER))
        started = threading.Event()
        loops: list[asyncio.AbstractEventLoop] = []
        main = threading.Thread(target=_run, args=(server, listener, started, loops), daemon=True)
        main.start()
        assert started.wait(20)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            main.join(STOPPED_WITHIN_S)
            assert not main.is_alive(), "".join(_stacks(loops))


def _stacks(loops: list[asyncio.AbstractEventLoop]) -> Iterator[str]:
    """What every thread does, and what every task of the loops waits for: a loop's thread says only that it waits."""
    for ident, frame in sys._current_frames().items():
        yield f"\n--- thread {ident}\n{''.join(traceback.format_stack(frame))}"
    for task in (task for loop in loops for task in asyncio.all_tasks(loop)):
        yield f"\n--- {task!r}\n"
        yield from (line for frame in task.get_stack() for line in traceback.format_stack(frame, limit=1))


def _run(
    server: uvicorn.Server,
    listener: socket.socket,
    started: threading.Event,
    loops: list[asyncio.AbstractEventLoop],
) -> None:
    startup = server.startup

    async def note(sockets: list[socket.socket] | None = None) -> None:
        loops.append(asyncio.get_running_loop())
        await startup(sockets)
        started.set()

    server.startup = note  # type: ignore[method-assign]  # the server has no hook that says it listens
    server.run(sockets=[listener])


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem document of an answer that must be one."""
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    body: dict[str, object] = answer.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    return body
