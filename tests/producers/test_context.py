"""Who acts: bound fields reach the events emitted further down, and no others."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator

import pytest

from trailhouse.producers import AuditProducer, InvalidEvent, MemoryTransport
from trailhouse.producers.context import Scope, bind, bound_fields


@pytest.fixture(autouse=True)
def _own_context() -> Iterator[None]:
    assert bound_fields() is None
    yield
    assert bound_fields() is None


def emitted(memory: MemoryTransport) -> list[dict[str, object]]:
    keys = ("action", "org_id", "actor_user_id", "actor_ip", "source")
    return [{key: event[key] for key in keys if key in event} for event in memory.events]


def test_events_in_the_block_are_by_the_actor() -> None:
    """Inner blocks add, what `emit` is given wins, afterwards nothing is bound."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:
        with trail.actor("u1", "acme", "192.0.2.7", source="web"):
            trail.emit("a:outer")
            with trail.actor(user="u2"):
                trail.emit("a:inner", org_id="other", source="mcp")
            trail.emit("a:outer", actor_ip=None)
        trail.emit("a:none", org_id="acme")
        with pytest.raises(InvalidEvent, match="org_id"):
            trail.emit("a:none")
    outer = {"action": "a:outer", "org_id": "acme", "actor_user_id": "u1", "source": "web"}
    assert emitted(memory) == [
        {**outer, "actor_ip": "192.0.2.7"},
        {
            "action": "a:inner",
            "org_id": "other",
            "actor_user_id": "u2",
            "actor_ip": "192.0.2.7",
            "source": "mcp",
        },
        outer,
        {"action": "a:none", "org_id": "acme"},
    ]


def test_what_is_bound_later_holds_in_its_block_only() -> None:
    """The user is known after the request has begun."""
    with Scope({"actor_ip": "192.0.2.7"}):
        bind({"actor_user_id": "u1"})
        assert bound_fields() == {"actor_ip": "192.0.2.7", "actor_user_id": "u1"}
        with Scope({}):
            bind({"actor_user_id": "u2"})
        assert bound_fields() == {"actor_ip": "192.0.2.7", "actor_user_id": "u1"}


def test_what_a_worker_thread_binds_the_request_has() -> None:
    """structlog#491: frameworks run synchronous dependencies in threads with a copy of the context."""

    async def request() -> object:
        with Scope({"org_id": "acme"}):
            await asyncio.to_thread(bind, {"actor_user_id": "u1"})
            return dict(bound_fields() or {})

    assert asyncio.run(request()) == {"org_id": "acme", "actor_user_id": "u1"}


def test_requests_do_not_see_each_other() -> None:
    """Two tasks at once, each with its own user."""

    async def request(user: str) -> object:
        with Scope({"actor_user_id": user}):
            await asyncio.sleep(0)
            bind({"correlation_id": user})
            await asyncio.sleep(0)
            return dict(bound_fields() or {})

    async def both() -> object:
        return await asyncio.gather(request("u1"), request("u2"))

    assert asyncio.run(both()) == [{"actor_user_id": user, "correlation_id": user} for user in ("u1", "u2")]


def test_without_a_block_it_holds_for_the_rest_of_the_context() -> None:
    """A script binds once at its top."""

    def script() -> object:
        bind({"org_id": "acme"})
        return dict(bound_fields() or {})

    assert contextvars.copy_context().run(script) == {"org_id": "acme"}


def test_a_block_left_in_another_context_than_it_was_entered_in_does_not_raise() -> None:
    """sentry-python#4925: fixtures and generators around `yield` do that."""
    scope = Scope({"org_id": "acme"})
    contextvars.copy_context().run(scope.__enter__)
    scope.__exit__(None, None, None)


@pytest.mark.parametrize("wrong", [{"org_id": "-"}, {"actor_mail": "x"}, {"actor_user_id": 7}])
def test_what_breaks_the_contract_is_refused_where_it_is_bound(wrong: dict[str, object]) -> None:
    """Not in every event after it."""
    with pytest.raises(InvalidEvent):
        Scope(wrong)
    with pytest.raises(InvalidEvent):
        bind(wrong)
