"""The meeting point of the threads that emit and the one that sends: who waits for whom, and the counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from trailhouse.producers.errors import AuditBufferFull, AuditSpoolFull, ProducerClosed
from trailhouse.producers.store import NoRoom, Store
from trailhouse.producers.transport import Record

ROOM_POLL_S: Final = 0.05
WORK_POLL_S: Final = 0.005


class Flushed(NamedTuple):
    """Where the events accepted so far by this producer, in this process, stand: their sum is what `emit` accepted."""

    sent: int
    """confirmed by Kafka"""
    spooled: int
    """kept, no outcome yet: on disk with a spool, where the next process finds them; in memory without one"""
    failed: int
    """refused by Kafka, or (without a spool) given up at the end: each was told to `on_delivery`"""


class Buffer:
    """Accepted events without an outcome: first in first out, kept by a `Store`, none ever dropped.

    At most one thread is the sender; it steps down when nothing is left, and `put` says when another has to step up.
    """

    def __init__(self, store: Store, max_block_ms: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._max_block_ms, self._clock = max_block_ms, clock
        self._settled_at = clock()
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

    def put(self, event_id: str, value: bytes) -> bool:
        """Accept one event; True = there was no sender, and the caller has to start one.

        Waits for room up to `max_block_ms` (the sender itself never does), then raises `AuditBufferFull`, with a spool
        `AuditSpoolFull`. Raises `ProducerClosed` when closed, `SpoolFailed` when the store cannot take it.
        """
        with self._lock:
            if self._is_closed:
                raise ProducerClosed("the producer is closed; the event was not accepted")
            try:
                self.store.append(event_id, value)
            except NoRoom:
                self._append_later(event_id, value)
            self._accepted += 1
            if self._has_sender:
                # It looks by itself every few milliseconds: waking it for each event would cost more than all else.
                return False
            self._has_sender = True
            return True

    def _append_later(self, event_id: str, value: bytes) -> None:
        block_ms = 0 if self._sender == threading.get_ident() else self._max_block_ms
        until = self._clock() + block_ms / 1000
        while True:
            # What frees room in a spool may be another process, or whoever tidies the disk: nobody tells us.
            left_s = until - self._clock()
            if left_s > 0:
                self._room.wait(min(left_s, ROOM_POLL_S) if self.store.is_durable else left_s)
            if self._is_closed:
                raise ProducerClosed("the producer is closed; the event was not accepted")
            try:
                return self.store.append(event_id, value)
            except NoRoom as full:
                if self._clock() >= until:
                    raise self._full(full, block_ms) from None

    def _full(self, full: NoRoom, block_ms: int) -> AuditBufferFull:
        kind = AuditSpoolFull if self.store.is_durable else AuditBufferFull
        return kind(
            f"{full}; there was no room within {block_ms} ms and Kafka has confirmed nothing for "
            f"{self._clock() - self._settled_at:.0f} s; this event was not accepted"
            f"{': ' + self.trouble if self.trouble else ''}"
        )

    def claim(self, *, adopting: bool = False) -> bool:
        """Become the sender if there is none and something has no outcome; the caller then runs or starts one.

        `adopting`: what processes that are gone left in the store counts as well.
        """
        with self._lock:
            if self._has_sender:
                return False
            if adopting:
                self.store.adopt(at_once=True)
            if not (self.store.has_more() or self._sent + self._failed < self._accepted):
                return False
            self._has_sender = True
            return True

    def await_work(self, idle_s: float) -> bool:
        """Wait for a record; False = none came, and the caller is the sender no more."""
        with self._lock:
            self._sender = threading.get_ident()
            until = self._clock() + idle_s
            while not self.store.has_more():
                left_s = until - self._clock()
                if self._is_closed or left_s <= 0:
                    break
                self._work.wait(min(left_s, WORK_POLL_S))
            else:
                return True
            # Processes that are gone may have left more than is adopted at once.
            self.store.adopt()
            if self.store.has_more():
                return True
            self.store.rest()
            self.resign()
            return False

    def resign(self) -> None:
        """Stop being the sender: the next `put` starts another."""
        with self._lock:
            self._has_sender, self._sender = False, None
            self._settled.notify_all()

    def settle(self, records: Sequence[Record], *, failed: int = 0) -> None:
        """These records, `failed` of this producer's own undelivered, have their outcome: make room and tell who waits."""
        self.store.settle(records)
        own = sum(record.is_own for record in records)
        with self._lock:
            self._sent += own - failed
            self._failed += failed
            self._settled_at = self._clock()
            self._room.notify_all()
            self._settled.notify_all()

    def wait(self, timeout_s: float | None) -> Flushed:
        """Wait until everything accepted before this call is settled, at most `timeout_s`; not while there is no sender
        that could settle it.
        """
        with self._lock:
            target = self._accepted
            self._work.notify_all()
            if self._sender != threading.get_ident():
                self._settled.wait_for(
                    lambda: self._sent + self._failed >= target or not self._has_sender, timeout_s
                )
            return self.counts()

    def wait_for_sender(self, *, timeout_s: float | None, idle_s: float) -> None:
        """Wait until the sender has nothing left, adopted events included: at most `timeout_s`; or, when that is None,
        as long as it settles something every `idle_s`, with a durable store not while Kafka is known to be away.
        """
        with self._lock:
            began_at = self._clock()
            while self._has_sender and self._sender != threading.get_ident():
                if timeout_s is not None:
                    left_s = began_at + timeout_s - self._clock()
                else:
                    left_s = max(began_at, self._settled_at) + idle_s - self._clock()
                    if self.trouble and self.store.is_durable:
                        return
                if left_s <= 0:
                    return
                self._settled.wait(min(left_s, ROOM_POLL_S))

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
