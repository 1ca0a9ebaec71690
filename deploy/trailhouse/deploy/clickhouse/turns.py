"""Turns of those who read with the processors, so that fifty pages at a time leave enough for those who write."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """One more at a time than there are `cores`, in the order they came. For one event loop.

    A turn is held until an answer begins: who takes a long one slowly keeps nobody waiting.
    """

    def __init__(self, cores: int) -> None:
        self._cores, self._taken = cores, 0
        self._free = asyncio.Semaphore(cores + 1)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[int]:
        """Wait for a turn; with how many threads: all of the cores for who reads alone, else a share of them."""
        async with self._free:
            self._taken += 1
            try:
                yield max(1, self._cores // self._taken)
            finally:
                self._taken -= 1


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
