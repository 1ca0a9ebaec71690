"""Write a batch's lines into `landing` until every one is stored or known to be poison.

A refusal that is not a row's fault is retried with the same rows for as long as it takes. A row's fault is found by
halving: the row's dead letter is confirmed by Kafka and its envelope stored in its place, so the books balance. More
than `POISON_MAX` such rows in one batch are no rows' fault: the schema and the stream disagree, and the sink stops.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from trailhouse.sinks.clickhouse import (
    ClickHouseError,
    Client,
    connect,
    error_code,
    insert_lines,
    remedy,
)
from trailhouse.sinks.errors import StorageRefused
from trailhouse.sinks.head import Head
from trailhouse.sinks.ledger import Entry
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.sinks.sweep import read_swept, without_swept
from trailhouse.stream.enriched import RULES_VERSION
from trailhouse.stream.letter import Place
from trailhouse.stream.rejected import Reason

BACKOFF_FIRST_S: Final = 0.05
BACKOFF_MAX_S: Final = 5.0
POISON_MAX: Final = 100
LANDING: Final = "landing"

log = logging.getLogger(__name__)


class Writer(Protocol):
    """Where lines go."""

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        """Store all lines or none. Blocks; raises `StorageRefused` for a row's fault, `ClickHouseError`, `OSError` else."""

    def look_again(self) -> None:
        """From here on, lines may come that came before: what was taken out of the tables since must not come back."""


class ClickHouseWriter:
    """Lines into tables over a connection for each thread, opened when first needed and again after it broke."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._settings = settings
        self._own = threading.local()
        self._looks = 0
        #: Which look it was, and what it found.
        self._swept: tuple[int, frozenset[Place]] = -1, frozenset()

    def look_again(self) -> None:
        self._looks += 1

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        try:
            client = self._client
            if table == LANDING:
                lines = without_swept(lines, self._swept_by_now(client))
            insert_lines(client, table, lines)
        except ClickHouseError as error:
            if error_code(error) is None:
                self.close()
            raise

    @property
    def _client(self) -> Client:
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = connect(self._settings)
        return client

    def _swept_by_now(self, client: Client) -> frozenset[Place]:
        """What was found when last asked to look; another thread may ask for the next look meanwhile."""
        looks, (look, swept) = self._looks, self._swept
        if look != looks:
            swept = read_swept(client)
            self._swept = looks, swept
        return swept

    def close(self) -> None:
        """Close this thread's connection."""
        client: Client | None = getattr(self._own, "client", None)
        self._own.client = None
        if client is not None:
            client.close()


class Store:
    """Stores batches through a writer; `bury` gets each poison row (head, line, why) and returns once its dead letter
    is safe. `is_stale` ends the waiting: a batch of partitions that are not ours any more comes again elsewhere.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        is_stale: Callable[[], bool],
        bury: Callable[[Head, bytes, str], None],
        on_retry: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._writer, self._is_stale, self._bury, self._on_retry, self._sleep = (
            writer,
            is_stale,
            bury,
            on_retry,
            sleep,
        )
        self._poison = 0

    def store(self, lines: Sequence[bytes]) -> bool:
        """True when all lines are stored, False when they went stale. Raises `StorageRefused` when too many are poison,
        and what `bury` raises.
        """
        try:
            return self._write(lines, "landing")
        except StorageRefused as refused:
            return self._halve(lines, refused)

    def record(self, rows: Sequence[Entry]) -> bool:
        """Put a stored batch into the ledger; as `store`, but a refusal is raised: no row of ours is anybody's fault."""
        return self._write([row.encode() for row in rows], "batches")

    def _write(self, lines: Sequence[bytes], table: str) -> bool:
        wait = BACKOFF_FIRST_S
        while lines:
            if self._is_stale():
                return False
            try:
                self._writer.write(lines, table)
                return True
            except (ClickHouseError, OSError) as error:
                self._on_retry()
                log.warning(
                    "insert of %d rows into %s failed: %s, code %s%s; trying again",
                    len(lines),
                    table,
                    type(error).__name__,
                    error_code(error),
                    remedy(error),
                )
                self._sleep(wait * random.uniform(0.5, 1))
                wait = min(wait * 2, BACKOFF_MAX_S)
        return True

    def _halve(self, lines: Sequence[bytes], refused: StorageRefused) -> bool:
        if len(lines) > 1:
            middle = len(lines) // 2
            return self.store(lines[:middle]) and self.store(lines[middle:])
        head = msgspec.json.decode(lines[0], type=Head)
        self._poison += 1
        if head.reason or self._poison > POISON_MAX:
            raise refused
        log.error(
            "the row of partition %d offset %d is refused for good: code %d",
            head.partition,
            head.offset,
            refused.code,
        )
        self._bury(head, lines[0], f"ClickHouse code {refused.code}")
        return self.store([poison_envelope(head, lines[0], refused.code)])


def poison_envelope(head: Head, line: bytes, code: int) -> bytes:
    """What is stored in place of a row that ClickHouse refused for good."""
    return msgspec.json.encode(
        {
            "epoch": head.epoch,
            "partition": head.partition,
            "from": head.from_offset,
            "offset": head.offset,
            "received_at": head.received_at,
            "reason": Reason.UNSTORABLE.value,
            "detail": f"ClickHouse code {code}",
            "size": len(line),
            "digest": hashlib.sha256(line).hexdigest(),
            "rules": RULES_VERSION,
            "org_id": head.org_id,
        }
    )
