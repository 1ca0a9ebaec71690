"""The one thread that feeds the transport, and sends again what failed."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from trailhouse.producers.buffer import Buffer
from trailhouse.producers.errors import DeliveryFailed
from trailhouse.producers.lifetime import ExitDeadline
from trailhouse.producers.transport import OnDelivery, Receipt, Record, Settled, Transport

log = logging.getLogger("trailhouse.producers")

IDLE_S: Final = 0.1
FLUSH_S: Final = 0.1
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 2.0
TAKE_EVENTS: Final = 1_024
WINDOW_EVENTS: Final = 16_384
WINDOW_BYTES: Final = 8 * 1024 * 1024


@dataclass(slots=True)
class Flight:
    """A record under way: no receipt = not handed to the transport, or to be handed over again."""

    record: Record
    receipt: Receipt | None = None


class Sender:
    """Takes records from the buffer, keeps a bounded window of them under way, and settles them in order.

    A record leaves only by its outcome: confirmed, refused for good, or given up because the producer was closed or
    the process ends and Kafka is away. Any other failure drops the connection and sends the whole window again with
    the same bytes; what Kafka had already is collapsed by the pipeline, by (org_id, event_id).

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

    def run(self, idle_s: float = IDLE_S) -> None:
        """Send until nothing is left for `idle_s`; the buffer then asks for a sender when it has work again."""
        try:
            while self._flights or self._buffer.await_work(idle_s):
                self._step_or_recover()
                if self._abandoned.is_set() or self._deadline.is_over():
                    self._give_up()
        except BaseException:
            # What is under way stays with this object; the next event, or `flush`, starts another thread.
            self._buffer.resign()
            raise

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
        taken = self._buffer.take(room, WINDOW_BYTES - self._window_bytes)
        for record in taken:
            flight = Flight(record)
            self._flights.append(flight)
            self._unsent.append(flight)
            self._window_bytes += len(record.value)
        return bool(taken)

    def _send(self) -> None:
        unsent, send = self._unsent, self._transport.send
        while unsent:
            flight = unsent[0]
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
        trouble: DeliveryFailed | None = None
        flights = self._flights
        while flights and (receipt := flights[0].receipt) is not None and receipt.is_done:
            if (error := receipt.exception) is not None:
                told = error if isinstance(error, DeliveryFailed) else self._transport.explain(error)
                if told.retriable:
                    trouble = told
                    break
                failures[len(done)] = told
            done.append(flights.popleft().record)
        if done:
            self._settle(done, failures)
            self._progress()
        if trouble is not None:
            self._recover(trouble)

    def _settle(self, records: list[Record], failures: dict[int, DeliveryFailed]) -> None:
        for index, error in failures.items():
            log.error("event %s was not delivered: %s", records[index].event_id, error)
        if self._on_delivery is not None:
            for index, record in enumerate(records):
                try:
                    self._on_delivery(record.event_id, failures.get(index))
                except Exception:
                    log.exception("on_delivery failed for event %s", record.event_id)
        self._window_bytes -= sum(len(record.value) for record in records)
        self._buffer.settle(records, failed=len(failures))

    def _progress(self) -> None:
        self._deadline.postpone()
        self._backoff_s = BACKOFF_MIN_S
        if self._buffer.trouble:
            self._buffer.trouble = ""
            log.info("Kafka takes events again")

    def _recover(self, error: DeliveryFailed) -> None:
        """Drop the connection, whatever state it is in, and begin again with all that is not confirmed."""
        if not self._buffer.trouble:
            log.warning("Kafka takes no events, they are kept and sent again: %s", error)
        self._buffer.trouble = str(error)
        self._transport.close(0)
        self._unsent.clear()
        for flight in self._flights:
            receipt = flight.receipt
            if receipt is None or not receipt.is_done or receipt.exception is not None:
                flight.receipt = None
                self._unsent.append(flight)
        self._abandoned.wait(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)

    def _give_up(self) -> None:
        """Report everything left as undelivered."""
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
        for record in self._buffer.take(2**62, 2**62):
            self._flights.append(Flight(record))
            self._window_bytes += len(record.value)
