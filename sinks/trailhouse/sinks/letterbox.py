"""Find dead letters, and raw records, by the place of the raw record.

A letter's own offset is known nowhere: the rejected topic is read from the moment the raw record was received, for its
letter can only be written later. Both topics are `LogAppendTime`, so times never run backwards in a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from trailhouse.producers.kafka_socket import connecting
from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.header_name import read_any_header_name
from trailhouse.stream.letter import Headers, Letter, Place
from trailhouse.stream.topics import MissingTopic, TopicIds

#: Brokers' clocks may differ by this much.
SKEW: Final = timedelta(minutes=5)
POLL_MS: Final = 1000
POLL_RECORDS: Final = 2000
FETCH_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Original:
    """A raw record as it came: what a replay sends again."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def find_letters(kafka: KafkaSettings, received: Mapping[Place, datetime]) -> dict[Place, Letter]:
    """The dead letters of the records at these places, by when the broker received the record.

    One pass over the rejected topic from the earliest moment on, over all its partitions until everything is found.
    What is missing from the answer is not on the topic any more, or not yet. Raises `MissingTopic`.
    """
    wanted = {str(place).encode(): place for place in received}
    found: dict[Place, Letter] = {}
    if not wanted:
        return found
    since = int((min(received.values()) - SKEW).timestamp() * 1000)
    with _consumer(kafka) as consumer:
        tps = _partitions(consumer, kafka.rejected_topic)
        starts = consumer.offsets_for_times(dict.fromkeys(tps, max(0, since)))
        ends = consumer.end_offsets(tps)
        tps = [tp for tp in tps if starts.get(tp) is not None and starts[tp].offset < ends[tp]]
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, starts[tp].offset)
        while len(found) < len(wanted) and any(consumer.position(tp) < ends[tp] for tp in tps):
            for records in consumer.poll(POLL_MS, max_records=POLL_RECORDS).values():
                for record in records:
                    place = wanted.get(record.key)
                    if place is None or place in found:
                        continue
                    letter = Letter.from_record(record.value, record.headers)
                    if letter is not None and letter.place == place:
                        found[place] = letter
    return found


def read_raw(kafka: KafkaSettings, places: list[Place]) -> dict[Place, Original]:
    """The raw records at these places, as far as the raw topic still is the one they lay on and keeps them."""
    with closing(TopicIds(kafka)) as ids:
        epoch = ids.read(kafka.raw_topic)
    found: dict[Place, Original] = {}
    wanted = sorted(place for place in places if place.epoch == epoch)
    if not wanted:
        return found
    with _consumer(kafka) as consumer:
        for place in wanted:
            tp = TopicPartition(kafka.raw_topic, place.partition)
            consumer.assign([tp])
            start, end = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
            if not start <= place.offset < end:
                continue
            consumer.seek(tp, place.offset)
            if (record := _next(consumer, tp, end)) is not None and record.offset == place.offset:
                found[place] = Original(record.key, record.value, tuple(record.headers))
    return found


def _next(consumer: Any, tp: TopicPartition, end: int) -> Any:
    """The record at the position or the first behind it; None when there is none before `end`."""
    while consumer.position(tp) < end:
        for record in consumer.poll(POLL_MS, max_records=1).get(tp, ()):
            return record
    return None


def _partitions(consumer: Any, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise MissingTopic(topic)
    return [TopicPartition(topic, number) for number in sorted(numbers)]


@contextmanager
def _consumer(kafka: KafkaSettings) -> Iterator[Any]:
    read_any_header_name()
    consumer = KafkaConsumer(
        client_id="trailhouse-rejected",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        **connecting(kafka),
    )
    try:
        yield consumer
    finally:
        consumer.close()
