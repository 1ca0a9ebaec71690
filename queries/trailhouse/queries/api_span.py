"""A span for every request, but those that probe and scrape: method, route and status, and whose trace it belongs to."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trailhouse.stream import tracing

#: Asked several times a minute, by machines, for the same.
UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
#: Anything else is a text of the sender's.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER: Final = "_OTHER"


class Traced:
    """Makes the span. The path itself, the query and the headers, which may hold personal data, are not in it.

    A W3C `traceparent` makes it part of the sender's trace.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not tracing.is_on() or scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        # To the end of the request's task, not of this call: a defect is logged further out, and its line has the ids.
        parents = Headers(scope=scope).getlist("traceparent")
        span = tracing.begin(method, "server", traceparent=parents[0] if len(parents) == 1 else "")
        span.set({"http.request.method": method})
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note)
        except BaseException as error:
            if isinstance(error, Exception):
                status = status or 500  # which is what is answered further out
            span.fail(type(error).__qualname__)
            raise
        else:
            if status >= 500:
                span.fail(str(status))
        finally:
            route: Any = scope.get("route")
            if path := getattr(route, "path", ""):
                span.rename(f"{method} {path}")
                span.set({"http.route": path})
            if status:
                span.set({"http.response.status_code": status})
            span.end()
