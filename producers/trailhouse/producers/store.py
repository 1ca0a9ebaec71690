"""Where accepted events wait: the `Store` protocol, and the one in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from trailhouse.producers.settings import BufferSettings
from trailhouse.producers.transport import Record


class NoRoom(Exception):
    """The store is full; the text says how full. The same event may fit later."""


class Store(Protocol):
    """Keeps accepted events in order until they are settled. `append` is called by one thread at a time; all but
    `append` and `sync` by the sender alone.
    """

    @property
    def is_durable(self) -> bool:
        """Whether the events outlive this process."""
        ...

    def append(self, event_id: str, value: bytes) -> None:
        """Take one event. Raises `NoRoom`, or `SpoolFailed`; then nothing was taken."""
        ...

    def sync(self) -> None:
        """Return when what this thread appended is as safe as was asked for. Raises `SpoolFailed`."""
        ...

    def has_more(self) -> bool:
        """Whether anything waits to be taken."""
        ...

    def take(self, events: int, size: int) -> list[Record]:
        """The next events, up to `events`, and `size` bytes (the one that crosses it is the last); never waits."""
        ...

    def settle(self, records: Iterable[Record]) -> None:
        """These have their outcome, in the order they were taken."""
        ...

    def adopt(self, *, at_once: bool = False) -> None:
        """Take over what processes that are gone left; every few seconds, or `at_once`. Durable stores only."""
        ...

    def refuse(self, record: Record) -> None:
        """Kafka will never take this one: put it aside for people. Durable stores only."""
        ...

    def rewind(self) -> None:
        """The sender gave up: what was taken and not settled may be taken again. Durable stores only."""
        ...

    def rest(self) -> None:
        """All is settled and nobody appends: tidy up."""
        ...

    def close(self) -> None:
        """Let go; a durable store leaves what is not settled to the next process."""
        ...


class MemoryStore:
    """Bounded by count and bytes. An event keeps its room until it is settled, so what is under way counts too."""

    def __init__(self, settings: BufferSettings) -> None:
        self._settings = settings
        self._waiting: deque[Record] = deque()
        # Emitters count what comes in, the sender what goes out: each number has one writer.
        self._events_in = self._events_out = self._bytes_in = self._bytes_out = 0

    @property
    def is_durable(self) -> bool:
        """With the process it is gone."""
        return False

    def append(self, event_id: str, value: bytes) -> None:
        """Take one event, raises `NoRoom`."""
        size = len(value)
        events, held = self._events_in - self._events_out, self._bytes_in - self._bytes_out
        if events >= self._settings.events or held + size > self._settings.bytes:
            raise NoRoom(f"{events} events ({held} bytes) wait for Kafka")
        self._waiting.append(Record(event_id, value))
        self._events_in += 1
        self._bytes_in += size

    def sync(self) -> None:
        """Memory is as safe as it gets."""

    def has_more(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def take(self, events: int, size: int) -> list[Record]:
        """The oldest ones not taken yet."""
        taken: list[Record] = []
        while self._waiting and len(taken) < events and size > 0:
            record = self._waiting.popleft()
            size -= len(record.value)
            taken.append(record)
        return taken

    def settle(self, records: Iterable[Record]) -> None:
        """Their room is free again."""
        for record in records:
            self._events_out += 1
            self._bytes_out += len(record.value)

    def adopt(self, *, at_once: bool = False) -> None:
        """Memory has no heirs."""

    def refuse(self, record: Record) -> None:
        """`on_delivery` and the log are told; that is all there is."""

    def rewind(self) -> None:
        """Nothing outlives this process, so nothing is kept."""

    def rest(self) -> None:
        """Nothing to tidy."""

    def close(self) -> None:
        """Nothing to let go of."""
