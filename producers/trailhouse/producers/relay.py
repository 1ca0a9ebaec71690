"""The relay of an outbox: committed rows go to Kafka in order, and are deleted once Kafka has them.

Killed anywhere, a row is published again with the same id, which the pipeline counts once. Several relays may run: where
the database can lock rows and skip locked ones (PostgreSQL, MySQL 8, MariaDB 10.6, Oracle) they share the work, elsewhere
they take turns by a lease in a row.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from trailhouse.producers.client import AuditProducer
from trailhouse.producers.errors import AuditError, DeliveryFailed
from trailhouse.producers.outbox import Outbox
from trailhouse.producers.settings import KafkaSettings
from trailhouse.producers.transport import Transport

log = logging.getLogger("trailhouse.producers")

BATCH: Final = 500
POLL_S: Final = 0.5
DELIVER_S: Final = 20.0
LEASE_MS: Final = 60_000
BACKOFF_MAX_S: Final = 10.0
SKIPS_LOCKED: Final = frozenset({"postgresql", "mysql", "mariadb", "oracle"})
TURN: Final = "relay"


class OutboxRelay:
    """Publishes what an application commits to its `Outbox`; one thread runs it.

    Kafka is `kafka` (its settings) or a `transport`. It needs no spool: the outbox is one.
    """

    def __init__(  # noqa: PLR0913 - each is optional and given by name
        self,
        engine: Engine,
        kafka: KafkaSettings | None = None,
        *,
        transport: Transport | None = None,
        outbox: Outbox | None = None,
        batch: int = BATCH,
        poll_s: float = POLL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._kafka, self._transport = engine, kafka, transport
        self._outbox = outbox or Outbox()
        self._batch, self._poll_s, self._clock = batch, poll_s, clock
        self._holder = f"{os.getpid()}-{os.urandom(6).hex()}"
        self._producer: AuditProducer | None = None
        self._outcomes: dict[str, DeliveryFailed | None] = {}

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop` is set; goes on when the database or Kafka is away, and says so in the log."""
        pause_s = self._poll_s
        while not stop.is_set():
            try:
                is_more = self.relay_once() == self._batch
                pause_s = 0 if is_more else self._poll_s
            except (DBAPIError, AuditError) as error:
                pause_s = min(max(2 * pause_s, self._poll_s), BACKOFF_MAX_S)
                log.warning("outbox: %s; again in %.1f s", error, pause_s)
            stop.wait(pause_s)
        self.close()

    def close(self) -> None:
        """Let go of Kafka, and of the turn."""
        self._drop()
        turns = self._outbox.turns
        if not self._skips_locked:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(turns).where(turns.c.holder == self._holder))

    def relay_once(self) -> int:
        """Publish and delete up to one batch; how many rows are done with (0 also when it is another relay's turn).

        Raises `DeliveryFailed` when Kafka took none of them, and what the database raises.
        """
        if self._skips_locked:
            with self._engine.begin() as connection:
                rows = self._read(connection, self._batch)
                return self._write(connection, rows, self._deliver(rows))
        with self._engine.connect() as connection:
            # Looking costs the application nothing; taking a turn is a write.
            if not self._read(connection, 1):
                return 0
        with self._engine.begin() as connection:
            if not self._take_turn(connection):
                return 0
            rows = self._read(connection, self._batch)
        # Not in a transaction: where rows cannot be locked, it would keep the application from writing.
        outcomes = self._deliver(rows)
        with self._engine.begin() as connection:
            return self._write(connection, rows, outcomes)

    @property
    def _skips_locked(self) -> bool:
        return self._engine.dialect.name in SKIPS_LOCKED

    def _read(self, connection: Connection, limit: int) -> Sequence[Any]:
        table = self._outbox.table
        query = sa.select(table.c.id, table.c.event_id, table.c.event)
        query = query.where(table.c.refused.is_(None)).order_by(table.c.id).limit(limit)
        return connection.execute(
            query.with_for_update(skip_locked=True) if self._skips_locked else query
        ).all()

    def _take_turn(self, connection: Connection) -> bool:
        """Whether the lease is ours now, for a minute."""
        turns, now_ms = self._outbox.turns, int(self._clock() * 1000)
        mine = {"holder": self._holder, "until_ms": now_ms + LEASE_MS}
        renewed = connection.execute(
            sa.update(turns)
            .where(turns.c.name == TURN, sa.or_(turns.c.holder == self._holder, turns.c.until_ms < now_ms))
            .values(mine)
        )
        if renewed.rowcount:
            return True
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(turns).values(name=TURN, **mine))
        except IntegrityError:
            return False
        return True

    def _deliver(self, rows: Sequence[Any]) -> dict[str, DeliveryFailed | None]:
        """The outcome by event id of those that have one; the others are tried again with a new connection."""
        if not rows:
            return {}
        self._outcomes = {}
        if self._producer is None:
            self._producer = AuditProducer(
                self._kafka, transport=self._transport, spool="off", on_delivery=self._note
            )
        for row in rows:
            self._producer.emit_bytes(row.event_id, row.event)
        if self._producer.flush(DELIVER_S).spooled:
            self._drop()
        return dict(self._outcomes)

    def _note(self, event_id: str, error: DeliveryFailed | None) -> None:
        if error is None or not error.retriable:
            self._outcomes[event_id] = error

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(0)
            except DeliveryFailed as error:
                log.info("outbox: %s; they stay in the outbox", error)

    def _write(
        self,
        connection: Connection,
        rows: Sequence[Any],
        outcomes: dict[str, DeliveryFailed | None],
    ) -> int:
        table = self._outbox.table
        sent = [row.id for row in rows if outcomes.get(row.event_id, self) is None]
        refused = [row for row in rows if outcomes.get(row.event_id) is not None]
        if sent:
            connection.execute(sa.delete(table).where(table.c.id.in_(sent)))
        for row in refused:
            log.error(
                "outbox: event %s stays there, marked as refused: %s", row.event_id, outcomes[row.event_id]
            )
            reason = str(outcomes[row.event_id])[:1000]
            connection.execute(sa.update(table).where(table.c.id == row.id).values(refused=reason))
        if rows and not sent and not refused:
            raise DeliveryFailed(f"Kafka took none of {len(rows)} events")
        return len(sent) + len(refused)
