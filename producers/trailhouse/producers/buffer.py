"""The bounded buffer between the threads that emit and the one that sends."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trailhouse.producers.errors import AuditBufferFull, ProducerClosed
from trailhouse.producers.settings import BufferSettings
from trailhouse.producers.transport import Record


class Flushed(NamedTuple):
    """Where the events accepted so far by this producer, in this process, stand: their sum is what `emit` accepted."""

    sent: int
    """confirmed by Kafka"""
    pending: int
    """accepted, no outcome yet"""
    failed: int
    """refused by Kafka or given up at the end: each was told to `on_delivery`"""


class Buffer:
    """Accepted events without an outcome: first in first out, bounded by count and bytes, never dropping one.

    An event keeps its room until it is settled, so what is under way counts too. At most one thread is the sender;
    it steps down when nothing is left, and `put` says when another has to step up.
    """

    def __init__(self, settings: BufferSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._settled_at = clock()
        self._waiting: deque[Record] = deque()
        self._held_events = self._held_bytes = 0
        self._accepted = self._sent = self._failed = 0
        self._is_closed = False
        self._sender: int | None = None
        self._has_sender = False
        self.trouble = ""
        """why Kafka takes nothing at the moment, for the errors of callers that wait"""
        # Re-entrant, because a signal handler may emit while its own thread is in here.
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)

    def put(self, record: Record) -> bool:
        """Accept one record; True = there was no sender, and the caller has to start one.

        Waits for room up to `max_block_ms` (the sender itself never does), then raises `AuditBufferFull`. Raises
        `ProducerClosed` when closed.
        """
        size = len(record.value)
        with self._lock:
            if self._is_closed or not self._has_room(size):
                self._await_room(size)
            self._waiting.append(record)
            self._held_events += 1
            self._held_bytes += size
            self._accepted += 1
            if self._has_sender:
                self._work.notify()
                return False
            self._has_sender = True
            return True

    def _has_room(self, size: int) -> bool:
        return self._held_events < self._settings.events and self._held_bytes + size <= self._settings.bytes

    def _await_room(self, size: int) -> None:
        block_ms = 0 if self._sender == threading.get_ident() else self._settings.max_block_ms
        has_room = self._room.wait_for(lambda: self._is_closed or self._has_room(size), block_ms / 1000)
        if self._is_closed:
            raise ProducerClosed("the producer is closed; the event was not accepted")
        if not has_room:
            silence_s = self._clock() - self._settled_at
            raise AuditBufferFull(
                f"{self._held_events} events ({self._held_bytes} bytes) wait for Kafka, which made no room within {block_ms} ms "
                f"and has confirmed nothing for {silence_s:.0f} s; this event was not accepted"
                f"{': ' + self.trouble if self.trouble else ''}"
            )

    def take(self, events: int, size: int) -> list[Record]:
        """The oldest records not taken yet, up to `events` and `size` bytes; never waits. For the sender."""
        taken: list[Record] = []
        with self._lock:
            while self._waiting and len(taken) < events and size > 0:
                record = self._waiting.popleft()
                size -= len(record.value)
                taken.append(record)
        return taken

    def claim(self) -> bool:
        """Become the sender if there is none and something waits; the caller then runs or starts one."""
        with self._lock:
            if self._has_sender or not self._held_events:
                return False
            self._has_sender = True
            return True

    def await_work(self, idle_s: float) -> bool:
        """Wait for a record; False = none came, and the caller is the sender no more."""
        with self._lock:
            self._sender = threading.get_ident()
            if self._work.wait_for(lambda: self._waiting or self._is_closed, idle_s) and self._waiting:
                return True
            self.resign()
            return False

    def resign(self) -> None:
        """Stop being the sender: the next `put` starts another."""
        with self._lock:
            self._has_sender, self._sender = False, None

    def settle(self, records: Sequence[Record], *, failed: int = 0) -> None:
        """These records, `failed` of them undelivered, have their outcome: make room and tell who waits."""
        with self._lock:
            self._held_events -= len(records)
            self._held_bytes -= sum(len(record.value) for record in records)
            self._sent += len(records) - failed
            self._failed += failed
            self._settled_at = self._clock()
            self._room.notify_all()
            self._settled.notify_all()

    def wait(self, timeout_s: float | None) -> Flushed:
        """Wait until everything accepted before this call is settled, at most `timeout_s`."""
        with self._lock:
            target = self._accepted
            if self._sender != threading.get_ident():
                self._settled.wait_for(lambda: self._sent + self._failed >= target, timeout_s)
            return self.counts()

    def counts(self) -> Flushed:
        """Where everything stands now."""
        with self._lock:
            return Flushed(self._sent, self._accepted - self._sent - self._failed, self._failed)

    def close(self) -> None:
        """Accept nothing more; callers waiting for room get `ProducerClosed`."""
        with self._lock:
            self._is_closed = True
            self._room.notify_all()
            self._work.notify_all()
