"""A storm: a pipeline under load whose processes are killed in an order drawn from a seed, and tended as by a supervisor."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from tests.e2e.pipeline import Pipeline, count
from tests.e2e.stream import RawStream
from tests.roles import Role, running

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka
from trailhouse.sinks.clickhouse import ClickHouseError
from trailhouse.stream.topics import TopicError

# Longer than any storm: the driver gives a record up after two minutes, which a busy machine's broker may be away for.
GIVEN_UP_AFTER_MS = 1_200_000
# What a role may end with by itself when what it needs is killed: a supervisor starts it again.
ENDS = {70, 75}
SETTLED_WITHIN_S = 240.0


class Feed:
    """Publishes a stream to random partitions in runs; never beyond the share it is allowed. Knows what was confirmed."""

    def __init__(self, pipeline: Pipeline, stream: RawStream, seed: int) -> None:
        self.allowed = 0.0
        self.confirmed: set[int] = set()
        self.sent = 0
        self._pipeline, self._stream, self._random = pipeline, stream, Random(seed)
        self._is_stopped = False
        self._thread = threading.Thread(target=self._publish, name="feed")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopped = True
        self._thread.join()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _publish(self) -> None:
        rig, records = self._pipeline.rig, self._stream.records
        producer = KafkaProducer(
            bootstrap_servers=rig.kafka.bootstrap,
            acks="all",
            linger_ms=10,
            reconnect_backoff_max_ms=500,
            delivery_timeout_ms=GIVEN_UP_AFTER_MS,
        )
        while self.sent < len(records) and not self._is_stopped:
            if self.sent >= self.allowed * len(records):
                time.sleep(0.02)
                continue
            partition = self._random.randrange(rig.partitions)
            run = range(self.sent, min(len(records), self.sent + self._random.randint(5, 80)))
            for index in run:
                value = records[index]
                key = b"tombstone" if value is None else None
                sent = producer.send(rig.kafka.raw_topic, value, key=key, partition=partition)
                sent.add_callback(lambda _, index=index: self.confirmed.add(index))
            self.sent = run.stop
            time.sleep(0.01)
        producer.flush()
        producer.close()


class Storm:
    """`kills` says how often each of stream, sink, clickhouse and broker dies; the order and the moments are the seed's."""

    def __init__(
        self,
        pipeline: Pipeline,
        stream: RawStream,
        stores: tuple[LocalClickHouse, LocalKafka],
        seed: int,
        kills: Mapping[str, int],
        *,
        pause_s: float = 0.8,
    ) -> None:
        self._pipeline, self._stream, self._pause_s = pipeline, stream, pause_s
        self._stores: dict[str, LocalClickHouse | LocalKafka] = dict(
            zip(("clickhouse", "broker"), stores, strict=True)
        )
        self._coming = set[str]()
        self._random = Random(seed)
        self._victims = [role for role, times in kills.items() for _ in range(times)]
        self._random.shuffle(self._victims)
        self.feed = Feed(pipeline, stream, seed)
        self.kills: Counter[str] = Counter()
        self.exits: Counter[int] = Counter()

    def run(self) -> None:
        """Kill all victims while records arrive, then let everything settle. Raises when it does not."""
        roles = (*self._pipeline.streams, *self._pipeline.sinks)
        with running(*roles):
            self.feed.start()
            try:
                for number, victim in enumerate(self._victims, start=1):
                    self.feed.allowed = number / (len(self._victims) + 1)
                    self._pause(self._random.random() * self._pause_s)
                    self._strike(victim)
                self.feed.allowed = 1.0
                self._come_back()
                self._wait_until_settled()
            finally:
                self.feed.stop()

    def _strike(self, victim: str) -> None:
        self.kills[victim] += 1
        away_s = self._random.random() * 0.4
        if victim in self._stores:
            self._come_back(victim)
            store = self._stores[victim]
            store.kill()
            self._pause(away_s)
            # Others die while it starts, too. Not in a thread: the process would end with the thread it was started in.
            store._child.start()
            self._coming.add(victim)
            return
        role = self._random.choice(self._pipeline.streams if victim == "stream" else self._pipeline.sinks)
        if role.status is None:
            role.kill()
        time.sleep(away_s)
        if role.status is not None:
            role.start()

    def _come_back(self, *victims: str) -> None:
        """Wait for stores that are starting; raises when one cannot."""
        for victim in victims or tuple(self._coming):
            if victim in self._coming:
                self._stores[victim].start()
                self._coming.discard(victim)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._tend()
            time.sleep(min(left, 0.05))

    def _tend(self) -> None:
        """Start again what ended by itself, as a supervisor does; only statuses that ask for it are in order."""
        for role in (*self._pipeline.streams, *self._pipeline.sinks):
            status = role.status
            if status is None:
                continue
            if status != -9:
                self.exits[status] += 1
                assert status in ENDS, f"ended with {status}\n{role.log.read_text()[-3000:]}"
            role.start()

    def _wait_until_settled(self) -> None:
        deadline, found = time.monotonic() + SETTLED_WITHIN_S, None
        while True:
            self._pause(0.5)
            if self.feed.is_done:
                with suppress(KafkaError, ClickHouseError, TopicError, OSError):
                    found = self._pipeline.rig.balance()
                    if found.in_flight == 0 and count(found) >= len(self.feed.confirmed):
                        return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not settled in {SETTLED_WITHIN_S:g} s: {found}\n{self._ends_of_logs()}"
                )

    def _ends_of_logs(self) -> str:
        roles: tuple[Role, ...] = (*self._pipeline.streams, *self._pipeline.sinks)
        return "\n".join(f"{role.log.name}:\n{role.log.read_text()[-1500:]}" for role in roles)

    def told(self) -> dict[str, Any]:
        """What happened, for a report."""
        return {"kills": dict(self.kills), "ended by themselves": dict(self.exits)}
