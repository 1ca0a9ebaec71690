"""The emitter: `AuditProducer`.

What it promises. `emit` returns an event's id once the event is checked and in the producer's buffer; from then on it
is delivered to Kafka at least once, or reported: to `on_delivery`, by `close` and in the log. Repeats are harmless:
the pipeline counts each (org_id, event_id) once. While Kafka is away the buffer fills, then `emit` waits up to
`max_block_ms`, then it raises `AuditBufferFull`: the event was not accepted and the caller decides.

What it does not promise yet. The buffer is in memory: what Kafka has not confirmed goes with a process that is killed
or calls `os._exit`.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from types import TracebackType
from typing import Self, Unpack

from trailhouse.producers.buffer import Buffer, Flushed
from trailhouse.producers.errors import AuditBufferFull, DeliveryFailed
from trailhouse.producers.event import AuditEvent, EventFields, encode, new_fields
from trailhouse.producers.lifetime import ExitDeadline, call_in_forked_child, weakly
from trailhouse.producers.sender import Sender
from trailhouse.producers.settings import BufferSettings, KafkaSettings
from trailhouse.producers.transport import OnDelivery, Record, Transport

log = logging.getLogger("trailhouse.producers")


class AuditProducer:
    """Sends audit events to Kafka from any thread; one per process is enough.

    Give the brokers as `KafkaSettings` or `bootstrap="host:port"`, or a `transport` of your own. Nothing connects
    before the first event. `on_delivery(event_id, error)` is called once per accepted event, on the sender's thread,
    with None when Kafka has it; it must not block. A forked child has its own empty buffer and its own connection.
    """

    def __init__(
        self,
        kafka: KafkaSettings | None = None,
        *,
        bootstrap: str | None = None,
        transport: Transport | None = None,
        buffer: BufferSettings | None = None,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        if sum(each is not None for each in (kafka, bootstrap, transport)) > 1:
            raise TypeError("give one of kafka, bootstrap and transport")
        self._settings = buffer or BufferSettings()
        self._transport = transport or _kafka_transport(
            kafka or (KafkaSettings(bootstrap=bootstrap) if bootstrap else KafkaSettings())
        )
        self._on_delivery = on_delivery
        self._is_closed = False
        self._is_exiting = False
        self._begin()
        self._exit_hook = weakly(self._finish)
        atexit.register(self._exit_hook)
        call_in_forked_child(self._begin)

    def _begin(self) -> None:
        """Begin with nothing held; also in a forked child, whose parent delivers its own events."""
        self._thread: threading.Thread | None = None
        self._buffer = Buffer(self._settings)
        deadline = ExitDeadline(self._settings.close_timeout_ms / 1000)
        self._sender = Sender(self._buffer, self._transport, deadline, self._on_delivery)
        if self._is_closed:
            self._buffer.close()

    def _finish(self) -> None:
        """At exit: deliver what other exit hooks emitted after the interpreter had waited for the sender."""
        self._is_exiting = True
        self.flush(self._settings.close_timeout_ms / 1000)

    def emit(self, action: str, *, org_id: str, **fields: Unpack[EventFields]) -> str:
        """Accept one event and return its id; the time is frozen and the id minted here when they are not given.

        Does not wait for Kafka, except for room in a full buffer, up to `max_block_ms`. Raises `InvalidEvent` (with
        field, value and rule), `AuditBufferFull`, `ProducerClosed`; then the event was not accepted.
        """
        made = new_fields(action, org_id, fields)
        return self._accept(Record(made["event_id"], encode(made)))

    def emit_event(self, event: AuditEvent) -> str:
        """Accept an event that exists already (importers, relays) and return its id; raises as `emit` does."""
        return self._accept(Record(event.event_id, event.to_bytes()))

    def _accept(self, record: Record) -> str:
        try:
            needs_sender = self._buffer.put(record)
        except AuditBufferFull:
            # Full because no thread could be started earlier: this is the moment to try again.
            if self._buffer.claim():
                self._start_sender()
            raise
        if needs_sender:
            self._start_sender()
        if self._is_exiting:
            # Nobody waits for the sender's thread any more: this was emitted by an exit hook that runs after ours.
            self.flush(self._settings.close_timeout_ms / 1000)
        return record.event_id

    def _start_sender(self) -> None:
        if self._is_exiting:
            # No thread may start any more (CPython 3.12+).
            self._sender.run(idle_s=0)
            return
        # Not a daemon: see Sender.
        self._thread = threading.Thread(target=self._sender.run, name="trailhouse-sender", daemon=False)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            self._buffer.resign()
            log.warning(
                "no thread to send audit events could be started, the next event tries again: %s", error
            )

    def flush(self, timeout: float | None = None) -> Flushed:
        """Wait until all events accepted before this call have their outcome, at most `timeout` seconds.

        Returns counts since this producer was made (in this process); raises nothing. On the sender's own thread (in
        `on_delivery`) it only counts.
        """
        if self._buffer.claim():
            self._start_sender()
        return self._buffer.wait(timeout)

    def close(self, timeout: float | None = None) -> Flushed:
        """Accept nothing more, deliver what was accepted within `timeout` seconds (default `close_timeout_ms`).

        Raises `DeliveryFailed` when any event this producer ever accepted did not reach Kafka. A second call does
        nothing.
        """
        if self._is_closed:
            return self._buffer.counts()
        deadline = time.monotonic() + (self._settings.close_timeout_ms / 1000 if timeout is None else timeout)
        self._is_closed = True
        self._buffer.close()
        self.flush(max(0, deadline - time.monotonic()))
        self._sender.abandon()
        if (thread := self._thread) is not None and thread is not threading.current_thread():
            # A sender that is in the middle of connecting sees it was abandoned some seconds later.
            thread.join(max(1, deadline - time.monotonic()))
        if thread is None or not thread.is_alive():
            self._transport.close(1)
        atexit.unregister(self._exit_hook)
        counts = self._buffer.counts()
        if counts.pending or counts.failed:
            raise DeliveryFailed(
                f"{counts.pending + counts.failed} of {sum(counts)} accepted audit events were not delivered"
                f"{': ' + self._buffer.trouble if self._buffer.trouble else ''}"
            )
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except DeliveryFailed as failed:
            if error is None:
                raise
            # The exception under way is the caller's news; ours joins it.
            error.add_note(str(failed))


def _kafka_transport(settings: KafkaSettings) -> Transport:
    from trailhouse.producers.kafka import KafkaTransport  # noqa: PLC0415 - importing the SDK does not load the driver

    return KafkaTransport(settings)
