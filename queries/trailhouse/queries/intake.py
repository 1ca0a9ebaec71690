"""From the collector to Kafka: batches of events, each answered only when Kafka has confirmed all of it.

There is no buffer behind this: what Kafka does not take in time its sender still has, and sends again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Final

from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.transport import Receipt, Transport

FLUSH_S: Final = 0.1
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 2.0
WINDOW_BYTES: Final = 8 * 1024 * 1024
log = logging.getLogger(__name__)


class Delivery:
    """One batch on its way. `outcome` becomes the places of the events that Kafka refuses for good, mostly none.

    `is_alone`: something of it was refused, and its events go one by one, with no others, to find out which was meant.
    """

    def __init__(self, values: Sequence[bytes]) -> None:
        self.outcome: Future[frozenset[int]] = Future()
        self.size = sum(map(len, values))
        self.is_dropped = False
        self._values: Sequence[bytes] = values
        self._receipts: list[Receipt | None] = [None] * len(values)
        self._refused: set[int] = set()
        self.is_alone = False

    def drop(self) -> None:
        """Nobody waits any more: let go of the events; what Kafka has of them it keeps."""
        self.is_dropped = True
        self._values, self._receipts = (), []

    def send(self, transport: Transport) -> None:
        """Hand over what is not on its way; raises `DeliveryFailed`."""
        receipts = self._receipts
        for place, (value, receipt) in enumerate(zip(self._values, receipts, strict=False)):
            if self.is_dropped or (self.is_alone and receipt is not None and not receipt.is_done):
                return
            if receipt is None and place not in self._refused:
                try:
                    receipts[place] = transport.send(value)
                except DeliveryRefused:
                    self._refused.add(place)
                if self.is_alone:
                    return

    def is_settled(self, transport: Transport) -> bool:
        """Whether every event has its outcome; raises `DeliveryFailed` when some have to be sent again."""
        is_settled = True
        for place, receipt in enumerate(self._receipts):
            if receipt is None or not receipt.is_done:
                is_settled = is_settled and place in self._refused
            elif receipt.exception is not None:
                error = transport.explain(receipt.exception)
                # After a refusal the driver fails all else it has: only what is refused alone was meant.
                if not error.retriable and self.is_alone:
                    self._refused.add(place)
                self.is_alone = self.is_alone or not error.retriable
                raise error
        return is_settled

    def settle(self) -> None:
        with contextlib.suppress(InvalidStateError):  # nobody waits any more
            self.outcome.set_result(frozenset(self._refused))

    def begin_again(self) -> None:
        """The connection is gone: whatever was not confirmed has to be handed over anew."""
        self._receipts = [
            receipt if receipt is not None and receipt.is_done and receipt.exception is None else None
            for receipt in self._receipts
        ]


class Intake:
    """Feeds the transport from a thread of its own: batches in turn, up to `window` bytes of them under way at once.

    The thread begins with the first batch and is a daemon: whoever sent what is under way when the process ends gets
    no answer, and sends it again.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        window: int = WINDOW_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport, self._window, self._clock = transport, window, clock
        self._waiting: deque[Delivery] = deque()
        self._under_way: list[Delivery] = []
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()
        self._work = threading.Condition()
        self._backoff_s = BACKOFF_MIN_S
        self._has_trouble = False

    def submit(self, values: Sequence[bytes]) -> Delivery:
        """Begin to deliver; never blocks. Whoever waits for the outcome calls `forget` when it takes too long."""
        delivery = Delivery(values)
        with self._work:
            self._waiting.append(delivery)
            self._work.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()
        return delivery

    def forget(self, delivery: Delivery) -> None:
        """Give a delivery up; its memory is free at once, but for what the transport has of it."""
        with self._work:
            if delivery in self._waiting:
                self._waiting.remove(delivery)
            delivery.drop()
            self._work.notify()

    def close(self, timeout_s: float) -> None:
        """Stop; what is not confirmed has no outcome."""
        self._is_closed.set()
        with self._work:
            self._work.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._is_closed.is_set():
            self._fill()
            try:
                if any(delivery.is_dropped for delivery in self._under_way):
                    # The driver would keep its events until its own time is over; there may be many such batches.
                    self._begin_again()
                self._step()
            except DeliveryFailed as error:
                self._recover(error)
            except Exception as error:
                log.exception("the intake met an error it does not know")
                self._recover(DeliveryFailed(type(error).__name__))
        self._transport.close(0)

    def _fill(self) -> None:
        """Take batches while there is room; waits for one when nothing is under way."""
        with self._work:
            self._work.wait_for(lambda: self._waiting or self._under_way or self._is_closed.is_set())
            size = sum(delivery.size for delivery in self._under_way)
            while self._waiting and (not self._under_way or size + self._waiting[0].size <= self._window):
                delivery = self._waiting.popleft()
                size += delivery.size
                self._under_way.append(delivery)

    def _step(self) -> None:
        alone = [delivery for delivery in self._under_way if delivery.is_alone]
        for delivery in alone[:1] or self._under_way:
            delivery.send(self._transport)
        self._transport.flush(FLUSH_S)
        open_ones: list[Delivery] = []
        failure: DeliveryFailed | None = None
        for delivery in self._under_way:
            try:
                # One that is dropped has no receipts any more; what the transport has of it is still to be dropped.
                if delivery.is_settled(self._transport) and not delivery.is_dropped:
                    delivery.settle()
                    self._progress()
                    continue
            except DeliveryFailed as error:
                failure = error
            open_ones.append(delivery)
        self._under_way = open_ones
        if failure is not None:
            raise failure

    def _progress(self) -> None:
        self._backoff_s = BACKOFF_MIN_S
        if self._has_trouble:
            self._has_trouble = False
            log.info("Kafka takes events again")

    def _recover(self, error: DeliveryFailed) -> None:
        """Say once that Kafka takes nothing, drop the connection, and go on after a pause."""
        if not self._has_trouble:
            self._has_trouble = True
            log.warning("Kafka takes no events: %s", error)
        self._begin_again()
        if error.retriable:
            self._is_closed.wait(self._backoff_s)
            self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)

    def _begin_again(self) -> None:
        self._transport.close(0)
        self._under_way = [delivery for delivery in self._under_way if not delivery.is_dropped]
        for delivery in self._under_way:
            delivery.begin_again()
