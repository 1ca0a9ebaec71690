"""The emitter: `AuditProducer`.

What it promises. `emit` returns an event's id once the event is checked and kept; from then on it is delivered to Kafka
at least once, or reported. Kept means, with a spool (the default for Kafka): in a file. It outlives this process, however
that ends, and the next process that sends to the same topic delivers it. Without a spool it is kept in memory, and what
Kafka has not confirmed goes with a process that is killed. Repeats are harmless: the pipeline counts each
(org_id, event_id) once. While Kafka is away the spool fills, then `emit` waits up to `max_block_ms`, then it raises
`AuditSpoolFull` (`AuditBufferFull` without a spool): the event was not accepted and the caller decides.
"""

from __future__ import annotations

import atexit
import dataclasses
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from trailhouse.producers import folder
from trailhouse.producers.audited import audited_by
from trailhouse.producers.buffer import Buffer, Flushed
from trailhouse.producers.context import Scope, bind, bound_fields
from trailhouse.producers.errors import AuditBufferFull, DeliveryFailed, SpoolFailed
from trailhouse.producers.event import AuditEvent, EventFields, encode, encode_to_pass_on, new_fields
from trailhouse.producers.lifetime import ExitDeadline, call_in_forked_child, weakly
from trailhouse.producers.sender import Sender
from trailhouse.producers.settings import BufferSettings, KafkaSettings, SpoolSettings
from trailhouse.producers.silence import KEPT, is_silent
from trailhouse.producers.store import MemoryStore, Store
from trailhouse.producers.transport import OnDelivery, Transport, kafka_transport

log = logging.getLogger("trailhouse.producers")
P = ParamSpec("P")
R = TypeVar("R")


class AuditProducer:
    """Sends audit events to Kafka from any thread; one per process is enough.

    Give the brokers as `KafkaSettings` or `bootstrap="host:port"`, or a `transport` of your own. Nothing connects
    before there is an event to send, one of a process that is gone included. `spool` is a folder, `SpoolSettings`, or
    "off"; by default it is read from the environment (`TRAILHOUSE_SPOOL_DIR`), and a transport that is not
    Kafka's has none. Where the default folder cannot be made, events are kept in memory and the log says so;
    `strict=True` raises `SpoolFailed` instead, whenever nothing durable would take them.

    `on_delivery(event_id, error)` is called once per event accepted here, on the sender's thread, with None when Kafka
    has it; it must not block. A forked child begins with nothing kept, its own file and its own connection.
    """

    def __init__(  # noqa: PLR0913 - each is optional and given by name
        self,
        kafka: KafkaSettings | None = None,
        *,
        bootstrap: str | None = None,
        transport: Transport | None = None,
        buffer: BufferSettings | None = None,
        spool: SpoolSettings | Path | str | None = None,
        strict: bool = False,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        if sum(each is not None for each in (kafka, bootstrap, transport)) > 1:
            raise TypeError("give one of kafka, bootstrap and transport")
        self._settings = buffer or BufferSettings()
        self._transport = transport or kafka_transport(
            kafka or (KafkaSettings(bootstrap=bootstrap) if bootstrap else KafkaSettings())
        )
        if is_silent(os.environ) and hasattr(self._transport, "destination"):
            self._transport = KEPT
            KEPT.add(self)
        self._spool_settings, self._folder = open_spool(spool, self._transport, strict=strict)
        self._encode = encode if self._folder is None else encode_to_pass_on
        self._must_sync = self._folder is not None and self._spool_settings.level == "safe"
        self._on_delivery = on_delivery
        self._is_closed = False
        self._is_exiting = False
        self._begin()
        self._exit_hook = weakly(self._finish)
        atexit.register(self._exit_hook)
        call_in_forked_child(self._begin)
        if self._folder is not None and self._buffer.claim(adopting=True):
            # Processes that are gone left something here, perhaps our own predecessor.
            self._start_sender()

    @property
    def spool_folder(self) -> Path | None:
        """Where events wait on disk for Kafka; None = in memory only."""
        return self._folder

    @property
    def spool_limit_bytes(self) -> int:
        """Bytes the spool may take, of all processes that share its folder."""
        return self._spool_settings.bytes

    def _begin(self) -> None:
        """Begin with nothing held; also in a forked child, whose parent delivers its own events."""
        self._thread: threading.Thread | None = None
        self._buffer = Buffer(self._open_store(), self._settings.max_block_ms)
        deadline = ExitDeadline(self._close_timeout_s)
        self._sender = Sender(self._buffer, self._transport, deadline, self._on_delivery)
        if self._is_closed:
            self._buffer.close()

    def _open_store(self) -> Store:
        if self._folder is None:
            return MemoryStore(self._settings)
        from trailhouse.producers.spool import Spool  # noqa: PLC0415 - needs a POSIX system

        return Spool(self._folder, self._spool_settings)

    @property
    def _close_timeout_s(self) -> float:
        owner = self._settings if self._folder is None else self._spool_settings
        return owner.close_timeout_ms / 1000

    def _finish(self) -> None:
        """At exit: deliver what other exit hooks emitted after the interpreter had waited for the sender, and what
        forked children left.
        """
        self._is_exiting = True
        if self._buffer.claim(adopting=True):
            self._start_sender()
        self._buffer.wait(self._close_timeout_s)
        self._buffer.store.close()

    def emit(self, action: str, *, org_id: str | None = None, **fields: Unpack[EventFields]) -> str:
        """Accept one event and return its id; the time is frozen and the id minted here when they are not given.

        Fields bound by `actor`, `bind` or a middleware are added, what is given here wins. Does not wait for Kafka,
        except for room in a full spool or buffer, up to `max_block_ms`. Raises `InvalidEvent` (with field, value and
        rule), `AuditSpoolFull` or `AuditBufferFull`, `SpoolFailed`, `ProducerClosed`; then the event was not accepted.
        """
        given: Mapping[str, Any] = fields
        if bound := bound_fields():
            given = {**bound, **fields}
            bound_org = given.pop("org_id", None)
            org_id = bound_org if org_id is None else org_id
        made = new_fields(action, org_id, given)
        return self._accept(made["event_id"], self._encode(made))

    def emit_event(self, event: AuditEvent) -> str:
        """Accept an event that exists already (importers, relays) and return its id; raises as `emit` does."""
        return self._accept(event.event_id, event.to_bytes())

    def emit_bytes(self, event_id: str, value: bytes) -> str:
        """Accept an event that was checked and encoded before (`AuditEvent.to_bytes`), as relays hold it."""
        return self._accept(event_id, value)

    def actor(
        self,
        user: str | None = None,
        org: str | None = None,
        ip: str | None = None,
        **fields: Unpack[EventFields],
    ) -> Scope:
        """A `with` block in which events are by this user (`actor_user_id`), in this organisation, from this address.

        Holds for threads and tasks begun with this context, and adds to the blocks around it. Raises `InvalidEvent`.
        """
        return Scope({"actor_user_id": user, "org_id": org, "actor_ip": ip, **fields})

    def bind(self, *, org_id: str | None = None, **fields: Unpack[EventFields]) -> None:
        """Add fields to the request's scope (a middleware's) or the `with` block's, as when the user is known later."""
        bind({"org_id": org_id, **fields})

    def audited(
        self,
        action: str,
        *,
        describe: Callable[..., Mapping[str, Any]] | None = None,
        org_id: str | None = None,
        **fields: Unpack[EventFields],
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function, or coroutine function, so that each call emits one event: success or failure.

        `describe` is called with the call's arguments and returns further fields, `org_id` among them if need be.
        """
        return audited_by(self.emit, action, {"org_id": org_id, **fields}, describe)

    def _accept(self, event_id: str, value: bytes) -> str:
        try:
            needs_sender = self._buffer.put(event_id, value)
        except AuditBufferFull:
            # Full because no thread could be started earlier: this is the moment to try again.
            if self._buffer.claim():
                self._start_sender()
            raise
        if needs_sender:
            self._start_sender()
        if self._must_sync:
            self._buffer.store.sync()
        if self._is_exiting:
            # Nobody waits for the sender's thread any more: this was emitted by an exit hook that runs after ours.
            self.flush(self._close_timeout_s)
            self._buffer.store.close()
        return event_id

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
        """Accept nothing more, deliver what was accepted.

        Waits `timeout` seconds; by default while Kafka goes on confirming, at most the spool's or the buffer's
        `close_timeout_ms` for the next confirmation, and with a spool not for a Kafka that is known to be away. What is
        left then stays in the spool for the next process. Raises `DeliveryFailed` when an event this producer ever
        accepted was refused by Kafka or, without a spool, did not reach it. A second call does nothing.
        """
        if self._is_closed:
            return self._buffer.counts()
        deadline = time.monotonic() + (self._close_timeout_s if timeout is None else timeout)
        self._is_closed = True
        self._buffer.close()
        if self._buffer.claim():
            self._start_sender()
        self._buffer.wait_for_sender(timeout_s=timeout, idle_s=self._close_timeout_s)
        self._sender.abandon()
        if (thread := self._thread) is not None and thread is not threading.current_thread():
            # A sender that is in the middle of connecting sees it was abandoned some seconds later.
            thread.join(max(1, deadline - time.monotonic()))
        if thread is None or not thread.is_alive():
            self._transport.close(1)
            self._buffer.store.close()
        atexit.unregister(self._exit_hook)
        counts = self._buffer.counts()
        lost = counts.failed if self._folder is not None else counts.failed + counts.spooled
        if lost:
            raise DeliveryFailed(
                f"{lost} of {sum(counts)} accepted audit events were not delivered"
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


def open_spool(
    spool: SpoolSettings | Path | str | None, transport: Transport, *, strict: bool
) -> tuple[SpoolSettings, Path | None]:
    """The spool's settings, and its folder made ready; None = events are kept in memory. Raises `SpoolFailed`."""
    settings = spool if isinstance(spool, SpoolSettings) else SpoolSettings.from_env(os.environ)
    if isinstance(spool, str | Path):
        settings = dataclasses.replace(settings, dir=str(spool))
    destination = getattr(transport, "destination", None)
    if settings.dir == folder.OFF or (spool is None and destination is None):
        if strict:
            raise SpoolFailed(
                "strict wants every event on disk, and there is no spool: give one, or leave strict out"
            )
        return settings, None
    try:
        root = Path(settings.dir).expanduser() if settings.dir else folder.default_root(os.environ)
        return settings, folder.open_folder(root, destination or "events")
    except SpoolFailed as error:
        if strict or settings.dir:
            raise
        log.warning(
            "audit events are kept in memory only, and go with this process when it is killed: %s", error
        )
        return settings, None
