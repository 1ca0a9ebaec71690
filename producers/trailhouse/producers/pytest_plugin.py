"""For pytest: the fixture `audited_events`. Installed with the package, nothing to configure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import pytest

from trailhouse.producers.silence import KEPT


class AuditedEvents(Sequence[dict[str, Any]]):
    """The events the test emitted so far, as dicts, oldest first, through producers made for Kafka."""

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return KEPT.events[index]

    def __len__(self) -> int:
        return len(KEPT.events)

    def __repr__(self) -> str:
        return f"AuditedEvents({KEPT.events!r})"

    @property
    def actions(self) -> list[str]:
        """Just what was done."""
        return [event["action"] for event in KEPT.events]

    def clear(self) -> None:
        """Forget what was emitted until now."""
        KEPT.clear()


@pytest.fixture
def audited_events() -> Iterator[AuditedEvents]:
    """What the code under test emits, instead of sending it; empty at the start of each test."""
    KEPT.clear()
    yield AuditedEvents()
    KEPT.clear()
