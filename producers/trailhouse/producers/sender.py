"""The one thread that feeds the transport, and sends again what failed."""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trailhouse.producers.buffer import Buffer
from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.lifetime import ExitDeadline
from trailhouse.producers.transport import OnDelivery, Receipt, Record, Settled, Transport

log = logging.getLogger("trailhouse.producers")

IDLE_S: Final = 0.1
FLUSH_S: Final = 0.1
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 2.0
BACKOFF_SLICE_S: Final = 0.1
TAKE_EVENTS: Final = 1_024
WINDOW_EVENTS: Final = 16_384
WINDOW_BYTES: Final = 8 * 1024 * 1024


@dataclass(slots=True)
class Flight:
    """A record under way: no receipt = not handed to the transport, or to be handed over again.

    `is_alone`: it was refused together with others, and is sent by itself to find out whether it was meant.
    """

    record: Record
    receipt: Receipt | None = None
    is_alone: bool = False


class Sender:
    """Takes records from the buffer, keeps a bounded window of them under way, and settles them in order.

    A record leaves only by its outcome: confirmed, refused for good (by itself, not with others), or, where nothing
    outlives this process, given up because the producer was closed, or the process ends, and Kafka is away. Any other
    failure drops the connection and sends the whole window again with the same bytes; what Kafka had already is
    collapsed by the pipeline, by (org_id, event_id).

    The thread lives while there is something to send and is no daemon, so the interpreter (and a child made by
    `multiprocessing`, which runs no exit hooks) waits for it before it ends.
    """

    def __init__(
        self,
        buffer: Buffer,
        transport: Transport,
        deadline: ExitDeadline,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        self._buffer, self._transport = buffer, transport
        self._deadline, self._on_delivery = deadline, on_delivery
        self._flights: deque[Flight] = deque()
        self._unsent: deque[Flight] = deque()
        self._window_bytes = 0
        self._backoff_s = BACKOFF_MIN_S
        self._abandoned = threading.Event()
        self._has_left = False

    def run(self, idle_s: float = IDLE_S) -> None:
        """Send until nothing is left for `idle_s`; the buffer then asks for a sender when it has work again."""
        try:
            while self._flights or self._buffer.await_work(idle_s):
                is_durable = self._buffer.store.is_durable
                if is_durable and self._is_over():
                    self._leave()
                    return
                self._step_or_recover()
                if not is_durable and self._is_over():
                    self._give_up()
        except BaseException:
            # What is under way stays with this object; the next event, or `flush`, starts another thread.
            self._buffer.resign()
            raise

    def _is_over(self) -> bool:
        if self._abandoned.is_set() or self._deadline.is_over():
            return True
        # A process that ends waits for a slow Kafka, not for an absent one, while the next process finds the events.
        return bool(self._buffer.trouble) and self._buffer.store.is_durable and self._deadline.is_running()

    def abandon(self) -> None:
        """Give up what is left at the next opportunity, and do not wait for Kafka any more."""
        self._abandoned.set()

    def _step_or_recover(self) -> None:
        try:
            self._step()
        except Exception as error:
            log.exception("the sender met an error it does not know")
            self._recover(DeliveryFailed(f"{type(error).__name__}: {error}"))

    def _step(self) -> None:
        taken = self._fill()
        self._send()
        if not taken and self._flights:
            # Nothing new, or no room under way: now a partly filled batch gains nothing by waiting.
            self._transport.flush(FLUSH_S)
        self._reap()

    def _fill(self) -> bool:
        room = min(TAKE_EVENTS, WINDOW_EVENTS - len(self._flights))
        taken = self._buffer.store.take(room, WINDOW_BYTES - self._window_bytes)
        for record in taken:
            flight = Flight(record)
            self._flights.append(flight)
            self._unsent.append(flight)
            self._window_bytes += len(record.value)
        return bool(taken)

    def _send(self) -> None:
        unsent, send = self._unsent, self._transport.send
        oldest = self._flights[0] if self._flights else None
        while unsent:
            flight = unsent[0]
            if flight is not oldest and (flight.is_alone or (oldest is not None and oldest.is_alone)):
                return
            try:
                flight.receipt = send(flight.record.value)
            except DeliveryFailed as error:
                if error.retriable:
                    self._recover(error)
                    return
                flight.receipt = Settled(error)
            unsent.popleft()

    def _reap(self) -> None:
        """Settle what is done from the oldest on, so that `flush` knows by counting what is settled."""
        done: list[Record] = []
        failures: dict[int, DeliveryFailed] = {}
        follow_up: Callable[[], None] | None = None
        flights = self._flights
        try:
            while (
                flights
                and follow_up is None
                and (receipt := flights[0].receipt) is not None
                and receipt.is_done
            ):
                if receipt.exception is not None:
                    error, follow_up = self._judge(flights[0], receipt.exception)
                    if error is None:
                        break
                    failures[len(done)] = error
                    log.error("event %s was not delivered: %s", flights[0].record.event_id, error)
                    self._buffer.store.refuse(flights[0].record)
                done.append(flights.popleft().record)
        finally:
            if done:
                self._settle(done, failures)
                self._progress()
        if follow_up is not None:
            follow_up()

    def _judge(
        self, flight: Flight, exception: BaseException
    ) -> tuple[DeliveryFailed | None, Callable[[], None] | None]:
        """What a failed receipt means: the final error, or None when it goes again; and what to do after settling."""
        if isinstance(exception, DeliveryRefused):
            return exception, None
        error = self._transport.explain(exception)
        if error.retriable:
            return None, functools.partial(self._recover, error)
        # After a refusal kafka-python fails whatever else it has, with the same error, and sends nothing more: refused
        # is only who is refused alone, and the next record needs a new connection.
        return (error if flight.is_alone else None), self._begin_again

    def _settle(self, records: list[Record], failures: dict[int, DeliveryFailed]) -> None:
        if self._on_delivery is not None:
            for index, record in enumerate(records):
                if not record.is_own:
                    continue
                try:
                    self._on_delivery(record.event_id, failures.get(index))
                except BaseException:
                    # Even a `sys.exit` in there must not keep the rest from being settled.
                    log.exception("on_delivery failed for event %s", record.event_id)
        self._window_bytes -= sum(len(record.value) for record in records)
        self._buffer.settle(records, failed=sum(records[index].is_own for index in failures))

    def _progress(self) -> None:
        self._deadline.postpone()
        self._backoff_s = BACKOFF_MIN_S
        if self._buffer.trouble:
            self._buffer.trouble = ""
            log.info("Kafka takes events again")

    def _recover(self, error: DeliveryFailed) -> None:
        """Kafka does not take events now: say so once, and begin again after a pause."""
        if not self._buffer.trouble:
            log.warning("Kafka takes no events, they are kept and sent again: %s", error)
        self._buffer.trouble = str(error)
        self._begin_again()
        left_s = self._backoff_s
        while left_s > 0 and not self._is_over():
            self._abandoned.wait(min(left_s, BACKOFF_SLICE_S))
            left_s -= BACKOFF_SLICE_S
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)

    def _begin_again(self) -> None:
        """Drop the connection, and hand over anew whatever is not confirmed; what was refused goes by itself."""
        self._transport.close(0)
        self._unsent.clear()
        for flight in self._flights:
            receipt = flight.receipt
            if receipt is None or not receipt.is_done or receipt.exception is not None:
                flight.is_alone = flight.is_alone or self._is_refused(flight)
                flight.receipt = None
                self._unsent.append(flight)

    def _is_refused(self, flight: Flight) -> bool:
        exception = None if flight.receipt is None else flight.receipt.exception
        return exception is not None and not self._transport.explain(exception).retriable

    def _leave(self) -> None:
        """Leave what is not confirmed to the next process, which finds it in the spool."""
        self._transport.close(0)
        self._unsent.clear()
        self._flights.clear()
        self._window_bytes = 0
        self._buffer.store.rewind()
        self._buffer.resign()
        if (left := self._buffer.counts().spooled) and not self._has_left:
            self._has_left = True
            log.warning(
                "%d audit events stay in the spool for the next process: %s",
                left,
                self._buffer.trouble or "Kafka confirmed nothing in time",
            )

    def _give_up(self) -> None:
        """Nothing outlives this process: report everything left as undelivered."""
        self._transport.close(0)
        self._unsent.clear()
        self._fill_all()
        records = [flight.record for flight in self._flights]
        self._flights.clear()
        if records:
            error = DeliveryFailed(
                f"not confirmed by Kafka before the producer ended: {self._buffer.trouble or 'no answer in time'}"
            )
            log.critical(
                "%d audit events were NOT delivered, first %s: %s", len(records), records[0].event_id, error
            )
            self._settle(records, dict.fromkeys(range(len(records)), error))
        self._deadline.postpone()

    def _fill_all(self) -> None:
        for record in self._buffer.store.take(2**62, 2**62):
            self._flights.append(Flight(record))
            self._window_bytes += len(record.value)
