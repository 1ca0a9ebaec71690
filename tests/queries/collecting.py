"""A collector on real Kafka, and what it wrote there."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from kafka import KafkaConsumer, TopicPartition
from tests.queries.keyring import give
from tests.queries.recording import Recorded
from tests.queries.serving import serving

from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import create_topics

PATH = "/api/v1/events"
AT = "2026-01-31T12:34:56.789Z"


@dataclass
class Topic:
    """Topics of a test's own; `read` gives what is new on the raw one."""

    bootstrap: str
    kafka: KafkaSettings = field(init=False)
    _read: int = 0

    def __post_init__(self) -> None:
        mark = uuid.uuid4().hex[:8]
        self.kafka = KafkaSettings(
            bootstrap=self.bootstrap,
            raw_topic=f"raw-{mark}",
            enriched_topic=f"enriched-{mark}",
            rejected_topic=f"rejected-{mark}",
        )
        create_topics(self.kafka, 1)

    def read(self) -> list[dict[str, Any]]:
        """The events written since the last call."""
        found = [json.loads(value) for value in read_values(self.kafka, self._read)]
        self._read += len(found)
        return found


def read_values(kafka: KafkaSettings, start: int = 0) -> list[bytes]:
    """The values on partition 0 of the raw topic from an offset on."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    try:
        partition = TopicPartition(kafka.raw_topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, start)
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        while consumer.position(partition) < end:
            for records in consumer.poll(500).values():
                values += [record.value for record in records]
        return values
    finally:
        consumer.close()


@contextmanager
def collecting(
    topic: Topic,
    clickhouse: ClickHouseSettings,
    database: Client,
    *,
    recorded: Recorded | None = None,
    **settings: Any,
) -> Iterator[httpx.Client]:
    """The API on that topic; the client has a key of `acme` that may send events."""
    _, text = give(database, ["acme"])
    api = ApiSettings(kafka=topic.kafka, clickhouse=clickhouse, **settings)
    with serving(api, recorded=recorded) as client:
        client.headers["Authorization"] = f"Bearer {text}"
        yield client
