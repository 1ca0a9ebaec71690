"""Sentry's arroyo doing the same enrichment: `RunTask`, `Produce`, `CommitOffsets`, as its getting started chains them.

One process: its pool of processes is for machines with more cores than these runs have for one contender.
"""

from __future__ import annotations

from collections.abc import Mapping

from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import (
    build_kafka_configuration,
    build_kafka_consumer_configuration,
)
from arroyo.commit import ONCE_PER_SECOND
from arroyo.processing.processor import StreamProcessor
from arroyo.processing.strategies import (
    CommitOffsets,
    ProcessingStrategy,
    ProcessingStrategyFactory,
    Produce,
    RunTask,
)
from arroyo.types import BrokerValue, Commit, Message, Partition, Topic
from bench.enrich_one import enrich_one
from bench.wiring import Wiring, read_wiring

IN_FLIGHT_MAX = 50_000


class Factory(ProcessingStrategyFactory[KafkaPayload]):  # type: ignore[misc]  # not installed here
    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        settings = {"acks": "all", "compression.type": "lz4", "linger.ms": 50}
        self._producer = KafkaProducer(
            build_kafka_configuration(default_config=settings, bootstrap_servers=[wiring.bootstrap])
        )

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        produce = Produce(
            self._producer, Topic(self._wiring.enriched), CommitOffsets(commit), max_buffer_size=IN_FLIGHT_MAX
        )
        return RunTask(self._enrich, produce)

    def _enrich(self, message: Message[KafkaPayload]) -> KafkaPayload:
        value = message.value
        assert isinstance(value, BrokerValue)
        line = enrich_one(
            self._wiring.epoch,
            value.partition.index,
            value.offset,
            int(value.timestamp.timestamp() * 1000),
            message.payload.value,
        )
        return KafkaPayload(None, line, [])


if __name__ == "__main__":
    wiring = read_wiring()
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            default_config={},
            bootstrap_servers=[wiring.bootstrap],
            auto_offset_reset="earliest",
            group_id=wiring.group,
        )
    )
    StreamProcessor(consumer, Topic(wiring.raw), Factory(wiring), ONCE_PER_SECOND).run()
