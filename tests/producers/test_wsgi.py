"""The WSGI middleware, held to the protocol by the standard library's validator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from trailhouse.producers import AuditProducer, MemoryTransport
from trailhouse.producers.context import bound_fields
from trailhouse.producers.wsgi import AuditMiddleware


def serve(app: Any, **environ: str) -> bytes:
    """One request, as a server makes it."""
    request: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.7", "HTTP_USER_AGENT": "curl/8", **environ}
    setup_testing_defaults(request)
    request["QUERY_STRING"] = ""
    body: Any = validator(app)(request, lambda *_: lambda _: None)
    try:
        return b"".join(body)
    finally:
        body.close()


def test_events_of_a_request_say_who_acts_from_where() -> None:
    """From the handler, and while the body is streamed; afterwards the thread has nothing bound."""
    memory = MemoryTransport()
    trail = AuditProducer(transport=memory)
    closed: list[object] = []

    class Streamed:
        def __iter__(self) -> Iterator[bytes]:
            trail.emit("report:stream")
            yield b"1"
            yield b"2"

        def close(self) -> None:
            closed.append(dict(bound_fields() or {}).get("actor_user_id"))

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        trail.bind(actor_user_id="u1")
        trail.emit("page:view")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Streamed()

    wrapped = AuditMiddleware(app, describe=lambda _: {"org_id": "acme"})
    assert serve(wrapped, HTTP_X_REQUEST_ID="r-1") == b"12"
    assert bound_fields() is None
    assert closed == ["u1"]
    trail.close()
    keys = ("org_id", "actor_user_id", "actor_ip", "user_agent", "correlation_id")
    assert [event["action"] for event in memory.events] == ["page:view", "report:stream"]
    for event in memory.events:
        assert tuple(event[key] for key in keys) == ("acme", "u1", "192.0.2.7", "curl/8", "r-1")


def test_what_the_application_raises_is_raised() -> None:
    """And leaves nothing bound."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        AuditMiddleware(app)({"REMOTE_ADDR": "192.0.2.7"}, lambda *_: None)
    assert bound_fields() is None
