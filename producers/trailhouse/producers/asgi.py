"""Middleware for ASGI applications: FastAPI, Starlette, Django, Litestar, Quart …

Pure ASGI, because context variables set around a request by other means are lost on the way (structlog#491).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from trailhouse.producers.context import Scope
from trailhouse.producers.request import RequestFields

AsgiScope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[AsgiScope, Receive, Send], Awaitable[None]]


class AuditMiddleware:
    """Binds who acts for the events emitted during a request or WebSocket: `app.add_middleware(AuditMiddleware)`.

    `proxies` and `describe` are those of `RequestFields`; `describe` gets the ASGI scope. What is known later, as the user,
    is added by `trail.bind(actor_user_id=…)`, also from a synchronous dependency in a worker thread.
    """

    def __init__(
        self,
        app: AsgiApp,
        *,
        proxies: int = 0,
        describe: Callable[[AsgiScope], Mapping[str, Any]] | None = None,
    ) -> None:
        self._app = app
        self._fields = RequestFields(proxies, describe)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in reversed(scope.get("headers") or [])}

        def header(name: str) -> str | None:
            value = headers.get(name.encode())
            return None if value is None else value.decode("latin-1")

        client = scope.get("client")
        with Scope(self._fields.read(client[0] if client else None, header, scope)):
            await self._app(scope, receive, send)
