"""Everything around a sink in a test: topics, enriched records, its settings, what it committed."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from tests.sinks.lines import Readings, differences, expected, readings

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.balance import Balance, balance
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.consumer import Sink
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.metrics import SinkMetrics
from trailhouse.sinks.settings import ClickHouseSettings, SinkSettings
from trailhouse.sinks.writer import ClickHouseWriter
from trailhouse.stream.topics import TopicError, TopicIds, create_topics


@dataclass
class Rig:
    """Topics of `partitions` partitions, a database, and a consumer group of this test's own."""

    kafka: KafkaSettings
    clickhouse: ClickHouseSettings
    client: Client
    partitions: int = 1
    group: str = field(default_factory=lambda: f"sink-{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        create_topics(self.kafka, self.partitions)
        self.epoch = self._topic_id()
        self.written: list[bytes] = []

    def _topic_id(self) -> str:
        """The raw topic's id; a broker under load shows a new topic a moment after it confirmed it."""
        with closing(TopicIds(self.kafka)) as ids:
            for _ in range(50):
                with suppress(TopicError):
                    return ids.read(self.kafka.raw_topic)
                time.sleep(0.1)
            return ids.read(self.kafka.raw_topic)

    def settings(self, **changes: Any) -> SinkSettings:
        """Small, quick batches unless told otherwise."""
        defaults = SinkSettings(
            kafka=self.kafka,
            clickhouse=self.clickhouse,
            group=self.group,
            batch_rows=500,
            batch_age_ms=50,
            session_timeout_s=6,
        )
        return dataclasses.replace(defaults, **changes)

    def environ(self, **changes: Any) -> dict[str, str]:
        """The same settings as environment variables."""

        def read(settings: Any) -> Iterator[tuple[str, str]]:
            for each in dataclasses.fields(settings):
                value = getattr(settings, each.name)
                if dataclasses.is_dataclass(value):
                    yield from read(value)
                elif each.metadata["env"] != "TRAILHOUSE_METRICS_PORT":
                    yield each.metadata["env"], value.reveal() if hasattr(value, "reveal") else str(value)

        return dict(read(self.settings(**changes)))

    def produce(self, values: Iterable[bytes | None], partition: int = 0, topic: str = "") -> None:
        """Write records in order, and return when Kafka has them."""
        producer = KafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", linger_ms=5)
        for value in values:
            key = b"tombstone" if value is None else None
            producer.send(topic or self.kafka.enriched_topic, value, key=key, partition=partition)
            if value is not None:
                self.written.append(value)
        producer.flush()
        producer.close()

    def committed(self, partition: int = 0) -> tuple[int, Mark | None]:
        """The committed pair: position in the enriched log, and mark; (-1, None) when there is none."""
        with self._consumer() as consumer:
            found = consumer.committed(TopicPartition(self.kafka.enriched_topic, partition), metadata=True)
        return (-1, None) if found is None else (found.offset, Mark.from_metadata(found.metadata))

    def commit(self, offset: int, metadata: str, partition: int = 0) -> None:
        """Commit as another tool would."""
        with self._consumer() as consumer:
            tp = TopicPartition(self.kafka.enriched_topic, partition)
            consumer.assign([tp])
            consumer.commit({tp: OffsetAndMetadata(offset, metadata, -1)})

    def read_all(self, topic: str) -> list[Any]:
        """Every record of a topic."""
        with self._consumer() as consumer:
            tps = [TopicPartition(topic, p) for p in range(self.partitions)]
            consumer.assign(tps)
            consumer.seek_to_beginning(*tps)
            ends = consumer.end_offsets(tps)
            records: list[Any] = []
            while any(consumer.position(tp) < ends[tp] for tp in tps):
                for batch in consumer.poll(500).values():
                    records += batch
            return records

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap, group_id=self.group, enable_auto_commit=False
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def balance(self) -> Balance:
        return balance(self.kafka, self.client, self.group)

    def ledger(self) -> dict[int, list[tuple[int, int]]]:
        """What table `batches` covers of each raw partition without a hole: more than one stretch, and a row is missing."""
        found = defaultdict[int, list[tuple[int, int]]](list)
        rows = self.client.query(
            "SELECT partition, first, last FROM batches WHERE epoch = {epoch:String} ORDER BY partition, first",
            parameters={"epoch": self.epoch},
        ).result_rows
        for partition, first, last in rows:
            stretches = found[partition]
            if stretches and first <= stretches[-1][1] + 1:
                stretches[-1] = stretches[-1][0], max(last, stretches[-1][1])
            else:
                stretches.append((first, last))
        return dict(found)

    def landed(self) -> int:
        """Distinct raw offsets that landed. Tables fill one after the other: who reads the others waits for `committed`."""
        return int(
            self.client.query("SELECT uniqExact(epoch, partition, offset) FROM landed").result_rows[0][0]
        )

    def differing(self, lines: Iterable[bytes] | None = None) -> dict[str, Any]:
        """Where the tables differ from brute force over `lines` (default: all that was produced)."""
        wanted: Readings = expected(self.written if lines is None else lines)
        return differences(readings(self.client), wanted)


@contextmanager
def sinking(rig: Rig, **changes: Any) -> Iterator[tuple[Sink, SinkMetrics]]:
    """A sink in this process; it stores what it has in hand and leaves the group at the end."""
    metrics, settings = SinkMetrics(), rig.settings(**changes)
    sink = Sink(settings, ClickHouseWriter(settings.clickhouse), metrics)
    try:
        yield sink, metrics
    finally:
        sink.finish()


def drive(sink: Sink, until: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    """Let the sink do rounds until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s"
        sink.step()


def value(metrics: SinkMetrics, name: str) -> float:
    """The sum of a metric's samples."""
    return sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    )
