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
    """One worker and one sink on the rig's topics and database."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        environ = rig.environ(batch_rows=20_000, batch_age_ms=200, instance="sink-1")
        self.stream = Role(
            STREAM,
            environ
            | {
                "TRAILHOUSE_PEPPER": "a pepper for tests only",
                "TRAILHOUSE_STREAM_GROUP": f"stream-{uuid.uuid4().hex[:8]}",
                "TRAILHOUSE_STREAM_INSTANCE": "stream-1",
                "TRAILHOUSE_STREAM_DATADIR": str(folder / "stream"),
                "TRAILHOUSE_STREAM_SESSION_TIMEOUT_S": "6",
            },
            folder / "stream.log",
        )
        self.sink = Role(SINK, environ, folder / "sink.log")

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
