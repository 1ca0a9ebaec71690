"""Batches on their way into ClickHouse: each in a thread of its own, landing in the order they took off.

An insert leaves part of a machine idle: reading the body, the last view, the flush of the last part are one thread's work.
A second one fills it. What was stored may be entered into the ledger, and committed, only when everything read before it
was: readers by cursor take the ledger's word that up to there nothing is missing. So a batch whose rows are in early waits
for those before it; if the process dies by then, it is read and stored again, and the tables absorb it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.batch import Batch

#: Two fill two cores, and as many rows again lie in memory; more would wait for each other.
AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch under way, and whether it is stored: True when every row is, False when it went stale."""

    batch: Batch
    stored: Future[bool]


class Flights:
    """Used by one thread; `store` runs in others, at most `AT_ONCE` of them.

    It is given a batch, and what waits until the batch before it is stored and says whether it is (or raises what storing
    that raised). Only batches of one assignment (`generation`) build on each other: a later one was read from the committed
    pair, whatever becomes of a stale one that still flies.
    """

    def __init__(self, store: Callable[[Batch, Callable[[], bool]], bool]) -> None:
        self._store = store
        self._flying: deque[Flight] = deque()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store")

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def rows(self) -> int:
        """How many rows are under way."""
        return sum(len(each.batch.lines) for each in self._flying)

    @property
    def first(self) -> Batch | None:
        """The batch that must land next."""
        return self._flying[0].batch if self._flying else None

    @property
    def is_full(self) -> bool:
        return len(self._flying) >= AT_ONCE

    @property
    def is_first_done(self) -> bool:
        return bool(self._flying) and self._flying[0].stored.done()

    def take_off(self, batch: Batch) -> None:
        """Store a batch in a thread of its own."""
        last = self._flying[-1] if self._flying else None
        builds_on = last is not None and last.batch.generation == batch.generation
        before = last.stored.result if last is not None and builds_on else lambda: True
        self._flying.append(Flight(batch, self._threads.submit(self._store, batch, before)))

    def land(self, timeout_s: float) -> tuple[Batch, bool]:
        """The batch that took off first, and whether it is stored. Raises `TimeoutError`, and what storing it raised."""
        is_stored = self._flying[0].stored.result(timeout_s)
        return self._flying.popleft().batch, is_stored

    def close(self) -> None:
        """Take no more, and begin none that waits; does not wait for those under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)
