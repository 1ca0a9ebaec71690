"""The decorator: one event for each call, however it ends."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from trailhouse.producers import AuditBufferFull, AuditProducer, MemoryTransport


def shown(memory: MemoryTransport) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in event.items() if key not in {"event_id", "occurred_at"}}
        for event in memory.events
    ]


def test_a_call_that_returns_is_a_success() -> None:
    """With what is bound, given and described; the function's name, signature and result stay."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:

        @trail.audited(
            "project:delete", describe=lambda name, **_: {"project_name": name}, attributes={"page": "/x"}
        )
        def delete(name: str, *, hard: bool = False) -> str:
            """Delete it."""
            return f"{name} {hard}"

        assert delete.__doc__ == "Delete it."
        assert list(inspect.signature(delete).parameters) == ["name", "hard"]
        with trail.actor("u1", "acme"):
            assert delete("p1", hard=True) == "p1 True"
    assert shown(memory) == [
        {
            "org_id": "acme",
            "action": "project:delete",
            "actor_user_id": "u1",
            "attributes": {"page": "/x"},
            "project_name": "p1",
            "outcome": "success",
        }
    ]


def test_a_call_that_raises_is_a_failure_and_raises_on() -> None:
    """With the type of the error, never its text: that may hold anything."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:

        @trail.audited("project:delete", org_id="acme", attributes={"page": "/x"})
        def delete() -> None:
            raise PermissionError("secret")

        with pytest.raises(PermissionError, match="secret"):
            delete()
    (event,) = shown(memory)
    assert event["outcome"] == "failure"
    assert event["attributes"] == {"page": "/x", "error": "PermissionError"}


def test_coroutines_are_audited_when_they_end() -> None:
    """Success, failure and cancellation."""
    memory = MemoryTransport()
    trail = AuditProducer(transport=memory)

    @trail.audited("job:run", org_id="acme")
    async def work(how: str) -> str:
        await asyncio.sleep(30 if how == "long" else 0)
        if how == "bad":
            raise ValueError
        return how

    async def all_three() -> None:
        assert await work("good") == "good"
        with pytest.raises(ValueError):
            await work("bad")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work("long"), 0.01)

    assert inspect.iscoroutinefunction(work)
    asyncio.run(all_three())
    trail.close()
    assert [(event["outcome"], (event.get("attributes") or {}).get("error")) for event in memory.events] == [
        ("success", None),
        ("failure", "ValueError"),
        ("failure", "CancelledError"),
    ]


def test_an_event_that_is_not_accepted_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A success raises; a failure keeps its own exception, with a note."""
    trail = AuditProducer(transport=MemoryTransport())

    def emit(*_: object, **__: object) -> str:
        raise AuditBufferFull("full")

    monkeypatch.setattr(trail, "emit", emit)

    @trail.audited("job:run", org_id="acme")
    def work(error: Exception | None) -> None:
        if error:
            raise error

    with pytest.raises(AuditBufferFull):
        work(None)
    with pytest.raises(KeyError) as raised:
        work(KeyError("mine"))
    assert raised.value.__notes__ == ["its audit event job:run was not accepted: full"]


def test_a_generator_is_refused_when_it_is_decorated() -> None:
    """A call of one does nothing yet, so there is nothing to audit."""
    trail = AuditProducer(transport=MemoryTransport())
    with pytest.raises(TypeError, match="is a generator"):

        @trail.audited("job:run", org_id="acme")
        def work() -> Iterator[int]:
            yield 1
