"""What every request passes: its id, a check of the Host header, and the count of what was answered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trailhouse.producers.request import request_id
from trailhouse.queries.api_problems import REQUEST_ID, problem
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.stream import correlation
from trailhouse.stream.host_guard import host_name, is_address, is_loopback
from trailhouse.stream.pii import find

NO_ROUTE: Final = "none"
#: What probes and scrapers ask, who know a process by its address. No page can make a browser send an address that is not
#: its own, so a name that was rebound is no matter here.
BY_ADDRESS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class Correlation:
    """Gives every request its id, under which its log lines and events of its own are found; answers it as `X-Request-Id`.

    It is the request's own `X-Request-Id`, the trace id of its `traceparent`, or a new one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = sound_id(request_id(Headers(scope=scope).get))
        # To the end of the request's task, not of this call: a defect is answered and logged further out.
        correlation.begin(name)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = name
            await send(message)

        await self.app(scope, receive, tell)


def sound_id(given: str) -> str:
    """An id that may stand in a log and a header: anything else, and what holds personal data, gives way to a new one."""
    is_sound = given.isascii() and given.isprintable() and " " not in given and find(given) is None
    return given if is_sound else uuid.uuid4().hex


class HostGuard:
    """Refuses a Host that is not this machine's: a web page whose name was rebound to 127.0.0.1 sends its own.

    Any address is known to `BY_ADDRESS`.
    """

    def __init__(self, app: ASGIApp, extra_hosts: Iterable[str] = ()) -> None:
        self.app = app
        self._hosts = frozenset(extra_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_known(
            [value for name, value in scope["headers"] if name == b"host"], scope["path"]
        ):
            refusal = problem(
                421,
                "Misdirected request",
                "the Host header does not name this machine",
                "use http://127.0.0.1 or http://localhost",
            )
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_known(self, hosts: list[bytes], path: str) -> bool:
        if len(hosts) != 1:
            return False
        name = host_name(hosts[0].decode("latin-1"))
        return name in self._hosts or is_loopback(name) or (path in BY_ADDRESS and is_address(name))


class RequestMeter:
    """Counts and times requests by route, which is the path's pattern: unknown paths share one, so labels stay bounded."""

    def __init__(
        self, app: ASGIApp, metrics: ApiMetrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.app, self._metrics, self._clock = app, metrics, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = self._clock(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            route: Any = scope.get("route")
            label = getattr(route, "path", NO_ROUTE)
            self._metrics.requests.labels(label, str(status)).inc()
            self._metrics.request_seconds.labels(label).observe(self._clock() - started)
