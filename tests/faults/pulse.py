"""How fresh the tables are while something happens: one event every tenth of a second, and when each can be queried."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError
from tests.sinks.lines import event
from tests.sinks.rig import Rig

from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect

EVERY_S = 0.1


class Pulse:
    """`sent` = when each event was handed to Kafka; `stalest_s` = the oldest the newest stored event ever was."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.sent: list[float] = []
        self.stored = 0
        self.stalest_s = 0.0
        self._confirmed: list[int] = []
        self._is_over = False

    @contextmanager
    def beating(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._send), threading.Thread(target=self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over = True
            for thread in threads:
                thread.join()

    @property
    def confirmed(self) -> int:
        return len(self._confirmed)

    def _send(self) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.rig.kafka.bootstrap, acks="all", linger_ms=5, reconnect_backoff_max_ms=500
        )
        while not self._is_over:
            number = len(self.sent)
            self.sent.append(time.monotonic())
            producer.send(
                self.rig.kafka.raw_topic,
                orjson.dumps(event(number)),
                partition=number % self.rig.partitions,
            ).add_callback(lambda _, number=number: self._confirmed.append(number))
            time.sleep(EVERY_S)
        with suppress(KafkaError):
            producer.flush(60)
        producer.close()

    def _look(self) -> None:
        client: Client | None = None
        while not self._is_over:
            time.sleep(EVERY_S / 2)
            try:
                client = client or connect(self.rig.clickhouse, timeout_s=5)
                self.stored = int(client.query("SELECT count() FROM events FINAL").result_rows[0][0])
            except (ClickHouseError, OSError):
                client = None
            # The first event that is not stored is at least as old as everything that waits.
            if self.stored and self.stored < len(self.sent):
                self.stalest_s = max(self.stalest_s, time.monotonic() - self.sent[self.stored])
        if client is not None:
            client.close()

    def is_fresh(self, after: float) -> bool:
        """Whether an event sent after that moment is stored, and all before it."""
        return self.stored > 0 and self.sent[self.stored - 1] > after

    def begin(self) -> float:
        """Measure staleness from now on; returns the moment."""
        self.stalest_s = 0.0
        return time.monotonic()
