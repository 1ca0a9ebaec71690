"""Topics of a run: filled before, read after; neither is part of any measured time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import aiokafka
import msgspec
from kafka import KafkaConsumer, TopicPartition

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import TopicError, TopicIds, check_topics, create_topics

PARTITIONS = 4
RAW_BATCH_BYTES = 64 << 10


class _Line(msgspec.Struct, gc=False):
    user_ref: int = 0
    reason: str = ""
    org_id: str = ""


class _Raw(msgspec.Struct, gc=False):
    org_id: str = ""
    actor_user_id: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What lies on an output topic; times are the broker's, in Unix milliseconds.

    `at_first` = records that carry the first time: what a rate over `first_ms` to `last_ms` must leave out.
    """

    records: int
    rejected: int
    users: int
    first_ms: int
    last_ms: int
    at_first: int

    @property
    def rate(self) -> float:
        """Records a second, from the first written to the last."""
        return (self.records - self.at_first) / max(0.001, (self.last_ms - self.first_ms) / 1000)


def make_topics(settings: KafkaSettings, partitions: int = PARTITIONS) -> str:
    """Create the three topics as the product does; returns the raw topic's id."""
    create_topics(settings, partitions)
    for _ in range(100):  # a broker under load answers before it knows its new topic
        try:
            check_topics(settings)
            break
        except TopicError:
            time.sleep(0.1)
    return TopicIds(settings).read(settings.raw_topic)


def fill(bootstrap: str, topic: str, values: Iterable[bytes], partitions: int = PARTITIONS) -> int:
    """Write the values in lz4 batches of 64 KiB, one partition after the other; returns how many."""
    return asyncio.run(_fill(bootstrap, topic, values, partitions))


async def _fill(bootstrap: str, topic: str, values: Iterable[bytes], partitions: int) -> int:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="lz4", max_batch_size=RAW_BATCH_BYTES, acks="all"
    )
    await producer.start()
    count, sent, batch, pending = 0, 0, producer.create_batch(), []
    try:
        for value in values:
            count += 1
            if batch.append(key=None, value=value, timestamp=None) is None:
                batch.close()
                pending.append(await producer.send_batch(batch, topic, partition=sent % partitions))
                sent += 1
                batch = producer.create_batch()
                batch.append(key=None, value=value, timestamp=None)
                if len(pending) >= 256:
                    await asyncio.gather(*pending)
                    pending.clear()
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=sent % partitions))
        await asyncio.gather(*pending)
    finally:
        await producer.stop()
    return count


class Watch:
    """How many records a topic holds, asked cheaply and often."""

    def __init__(self, bootstrap: str, topic: str, partitions: int = PARTITIONS) -> None:
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)

    def count(self) -> int:
        """The sum of the log ends, control records included."""
        return int(sum(self._consumer.end_offsets(self._partitions).values()))

    def read(self, count: int) -> Iterator[bytes]:
        """The values of all records, which should be `count`; ends early when no more come."""
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning()
        left = max(count, self.count())
        while left > 0 and (fetched := self._consumer.poll(2000, max_records=20_000)):
            for records in fetched.values():
                left -= len(records)
                yield from (record.value for record in records)

    def close(self) -> None:
        self._consumer.close()


def emitted(bootstrap: str, topic: str, count: int) -> tuple[int, int]:
    """Read a raw topic of `count` events from its start: (events, people of organisations)."""
    persons: set[tuple[str, str]] = set()
    read = 0
    decoder = msgspec.json.Decoder(_Raw)
    watch = Watch(bootstrap, topic)
    for record in watch.read(count):
        event = decoder.decode(record)
        persons.add((event.org_id, event.actor_user_id))
        read += 1
    watch.close()
    return read, len(persons)


def scan(bootstrap: str, topic: str, count: int, partitions: int = PARTITIONS) -> Output:
    """Read an output topic of `count` records from its start."""
    return asyncio.run(_scan(bootstrap, topic, count, partitions))


async def _scan(bootstrap: str, topic: str, count: int, number_of: int) -> Output:
    partitions = [aiokafka.TopicPartition(topic, number) for number in range(number_of)]
    consumer: Any = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=8 << 20
    )
    consumer.assign(partitions)
    await consumer.start()
    decoder = msgspec.json.Decoder(_Line)
    users: set[tuple[str, int]] = set()
    times: dict[int, int] = {}
    records = rejected = 0
    try:
        while records < count:
            fetched = await consumer.getmany(timeout_ms=2000, max_records=20_000)
            if not fetched:
                break
            for batch in fetched.values():
                for record in batch:
                    line = decoder.decode(record.value)
                    rejected += bool(line.reason)
                    users.add((line.org_id, line.user_ref))
                    times[record.timestamp] = times.get(record.timestamp, 0) + 1
                records += len(batch)
    finally:
        await consumer.stop()
    first, last = min(times, default=0), max(times, default=0)
    distinct = len({each for each in users if each[1]})
    return Output(records, rejected, distinct, first, last, times.get(first, 0))
