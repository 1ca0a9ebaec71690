"""The pipeline as it runs: a broker, a stream worker and a sink as processes, ClickHouse; and its books."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from kafka import KafkaProducer
from tests.roles import SINK, STREAM, Role
from tests.sinks.rig import Rig

from trailhouse.sinks.balance import Balance


class Pipeline:
    """Workers and sinks on the rig's topics and database; `stream` and `sink` are the first of each."""

    def __init__(self, rig: Rig, folder: Path, *, workers: int = 1, sinks: int = 1) -> None:
        self.rig, self._folder = rig, folder
        self.group = f"stream-{uuid.uuid4().hex[:8]}"
        self.streams = [self.worker(f"stream-{number}") for number in range(1, workers + 1)]
        self.sinks = [self.another_sink(f"sink-{number}") for number in range(1, sinks + 1)]
        self.stream, self.sink = self.streams[0], self.sinks[0]

    def worker(self, name: str, **environ: str) -> Role:
        """A worker of the group that keeps its partitions under its name; not started."""
        settings = {
            "TRAILHOUSE_PEPPER": "a pepper for tests only",
            "TRAILHOUSE_STREAM_GROUP": self.group,
            "TRAILHOUSE_STREAM_INSTANCE": name,
            "TRAILHOUSE_STREAM_DATADIR": str(self._folder / name),
            "TRAILHOUSE_STREAM_SESSION_TIMEOUT_S": "6",
        }
        return Role(STREAM, self.rig.environ() | settings | environ, self._folder / f"{name}.log")

    def another_sink(self, name: str, **environ: str) -> Role:
        """The same for a sink."""
        settings = self.rig.environ(
            batch_rows=20_000, batch_age_ms=200, instance=name, stream_group=self.group
        )
        return Role(SINK, settings | environ, self._folder / f"{name}.log")

    def is_settled(self, records: int) -> bool:
        """All of `records` raw records are in the books, none in flight."""
        found = self.rig.balance()
        return count(found) == records and found.in_flight == 0

    @contextmanager
    def fed(self, records: Sequence[bytes | None], seconds: float, seed: int) -> Iterator[threading.Event]:
        """Publish the records to random partitions, in runs, spread over `seconds`; the event says all are sent."""
        done, stopped = threading.Event(), threading.Event()
        random, partitions = Random(seed), self.rig.partitions

        def publish() -> None:
            producer = KafkaProducer(
                bootstrap_servers=self.rig.kafka.bootstrap, acks="all", linger_ms=10, compression_type="lz4"
            )
            size = max(1, len(records) // 40)
            for start in range(0, len(records), size):
                partition = random.randrange(partitions)
                for value in records[start : start + size]:
                    if random.random() < 0.02:
                        partition = random.randrange(partitions)
                    key = b"tombstone" if value is None else None
                    producer.send(self.rig.kafka.raw_topic, value, key=key, partition=partition)
                producer.flush()
                if stopped.wait(seconds / 40):
                    break
            producer.close()
            done.set()

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield done
        finally:
            stopped.set()
            thread.join()


def count(found: Balance) -> int:
    """Raw records the books know the fate of."""
    return found.stored + found.repeats + found.rejected
