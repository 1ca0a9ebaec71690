"""The ASGI middleware, in FastAPI and bare."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import Depends, FastAPI

from trailhouse.producers import AuditProducer, MemoryTransport
from trailhouse.producers.asgi import AuditMiddleware
from trailhouse.producers.context import bound_fields


def test_events_of_a_request_say_who_acts_from_where() -> None:
    """Also what a synchronous dependency binds in its thread, and what is emitted from a synchronous handler."""
    memory = MemoryTransport()
    trail = AuditProducer(transport=memory)
    app = FastAPI()
    app.add_middleware(AuditMiddleware, describe=lambda _: {"org_id": "acme", "source": "web"})

    def signed_in(user: str) -> None:
        trail.bind(actor_user_id=user)

    @app.get("/sync", dependencies=[Depends(signed_in)])
    def handle() -> str:
        return trail.emit("page:view")

    @app.get("/async", dependencies=[Depends(signed_in)])
    async def handle_async() -> str:
        return trail.emit("page:view")

    headers = {"user-agent": "curl/8", "x-request-id": "r-1", "x-forwarded-for": "6.6.6.6"}

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://svc", headers=headers) as client:
            return [(await client.get(f"/{path}?user=u1")).status_code for path in ("sync", "async")]

    assert asyncio.run(ask()) == [200, 200]
    assert bound_fields() is None
    trail.close()
    assert len(memory.events) == 2
    for event in memory.events:
        assert {key: value for key, value in event.items() if key not in {"event_id", "occurred_at"}} == {
            "org_id": "acme",
            "action": "page:view",
            "actor_ip": "192.0.2.7",
            "user_agent": "curl/8",
            "correlation_id": "r-1",
            "source": "web",
            "actor_user_id": "u1",
        }


def test_other_connections_pass_untouched() -> None:
    """Lifespan has no client and no headers; a WebSocket has both."""
    seen: list[tuple[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], (bound_fields() or {}).get("actor_ip")))

    middleware = AuditMiddleware(app)

    async def serve() -> None:
        for scope in (
            {"type": "lifespan"},
            {"type": "websocket", "client": ("192.0.2.7", 1), "headers": []},
            {"type": "http", "client": None},
        ):
            await middleware(dict(scope), None, None)  # type: ignore[arg-type] # neither is called

    asyncio.run(serve())
    assert seen == [("lifespan", None), ("websocket", "192.0.2.7"), ("http", None)]
