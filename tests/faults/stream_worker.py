"""Run a stream worker as `trailhouse stream` does, on purpose broken in one way: `python stream_worker.py [MUTANT]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from trailhouse.stream import app, worker
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.transport import Consumer


def drop_a_fetch() -> None:
    """Lose what was fetched between the fetcher and the agent, once, as Faust does while its flow is suspended."""
    fetch = Consumer._getmany
    calls = 0

    async def lossy(self: Consumer, active_partitions: Any, timeout: float) -> Any:
        nonlocal calls
        fetched = await fetch(self, active_partitions, timeout)
        calls += bool(fetched)
        return {} if calls == 3 else fetched

    setattr(Consumer, "_getmany", lossy)  # noqa: B010  # mypy allows no assignment to a method


def drop_the_last_fetch() -> None:
    """The same for everything that comes after the third fetch; the watch looks soon."""
    fetch = Consumer._getmany
    calls = 0

    async def lossy(self: Consumer, active_partitions: Any, timeout: float) -> Any:
        nonlocal calls
        fetched = await fetch(self, active_partitions, timeout)
        calls += bool(fetched)
        return {} if calls > 3 else fetched

    setattr(Consumer, "_getmany", lossy)  # noqa: B010
    setattr(app, "LOST_AFTER_S", 2.0)  # noqa: B010
    setattr(app, "WATCH_EVERY_S", 0.5)  # noqa: B010


def drop_an_output() -> None:
    """Acknowledge a bundle that was never written."""
    write: Callable[..., Any] = app._write
    calls = 0

    async def lossy(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls != 3:
            await write(*arguments)

    setattr(app, "_write", lossy)  # noqa: B010


def fail_to_write() -> None:
    """Kafka takes a bundle and then refuses one."""
    write: Callable[..., Any] = app._write
    calls = 0

    async def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ConnectionError("refused on purpose")
        await write(*arguments)

    setattr(app, "_write", failing)  # noqa: B010


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant for mutant in (drop_a_fetch, drop_the_last_fetch, drop_an_output, fail_to_write)
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        MUTANTS[name]()
    worker.run(StreamSettings.from_env(os.environ))
