"""Middleware for WSGI applications: Flask, Django, Pyramid …"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from trailhouse.producers.context import bind
from trailhouse.producers.request import RequestFields

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class AuditMiddleware:
    """Binds who acts for the events emitted during a request: `app.wsgi_app = AuditMiddleware(app.wsgi_app)`.

    `proxies` and `describe` are those of `RequestFields`; `describe` gets the environ. A request has a context of its own
    until its response is closed, so nothing stays with the server's thread, and a streamed body is covered.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        proxies: int = 0,
        describe: Callable[[Environ], Mapping[str, Any]] | None = None,
    ) -> None:
        self._app = app
        self._fields = RequestFields(proxies, describe)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""

        def header(name: str) -> str | None:
            value = environ.get("HTTP_" + name.upper().replace("-", "_"))
            return None if value is None else str(value)

        context = contextvars.copy_context()
        context.run(bind, self._fields.read(environ.get("REMOTE_ADDR"), header, environ))
        return _Body(context, context.run(self._app, environ, start_response))


class _Body:
    """The response's body, made in the request's context."""

    def __init__(self, context: contextvars.Context, body: Iterable[bytes]) -> None:
        self._context, self._body = context, body
        self._chunks: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._chunks is None:
            self._chunks = self._context.run(iter, self._body)
        return self._context.run(next, self._chunks)

    def close(self) -> None:
        """Close the application's body."""
        if (close := getattr(self._body, "close", None)) is not None:
            self._context.run(close)
