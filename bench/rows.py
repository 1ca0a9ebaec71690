"""The same enriched rows for the sink and for ClickHouse alone: on a topic as the worker writes them, and as files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiokafka

from bench.enrich_one import RULES, OneRecord
from bench.events import events
from bench.topics import PARTITIONS
from trailhouse.stream.batches import BATCH_BYTES_MAX
from trailhouse.stream.bundle import enrich_bundle

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of one partition with consecutive raw offsets."""

    partition: int
    lines: list[bytes]


def enriched_chunks(count: int, epoch: str) -> Iterator[Chunk]:
    """`count` events enriched as the worker does, partitions taking turns."""
    now, offsets = int(time.time() * 1000), [0] * PARTITIONS
    values = list(events(count))
    for turn, start in enumerate(range(0, count, CHUNK)):
        partition = turn % PARTITIONS
        first = offsets[partition]
        records = [
            OneRecord(first + index, now, None, value)
            for index, value in enumerate(values[start : start + CHUNK])
        ]
        bundle = enrich_bundle(records, epoch=epoch, partition=partition, from_offset=first, rules=RULES)
        offsets[partition] += len(records)
        yield Chunk(partition, bundle.lines)


def write_topic(bootstrap: str, topic: str, chunks: Sequence[Chunk]) -> None:
    """The lines on the enriched topic, in the worker's batches."""
    asyncio.run(_write_topic(bootstrap, topic, chunks))


async def _write_topic(bootstrap: str, topic: str, chunks: Sequence[Chunk]) -> None:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES_MAX,
        max_request_size=BATCH_BYTES_MAX + 300_000,
        acks="all",
    )
    await producer.start()
    try:
        for chunk in chunks:
            batch = producer.create_batch()
            for line in chunk.lines:
                if batch.append(key=None, value=line, timestamp=None) is None:
                    await (await producer.send_batch(batch, topic, partition=chunk.partition))
                    batch = producer.create_batch()
                    batch.append(key=None, value=line, timestamp=None)
            await (await producer.send_batch(batch, topic, partition=chunk.partition))
    finally:
        await producer.stop()


def write_files(folder: Path, chunks: Sequence[Chunk], rows: int) -> list[Path]:
    """The same lines in files of `rows` rows: what one insert of the sink holds."""
    lines = [line for chunk in chunks for line in chunk.lines]
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, start in enumerate(range(0, len(lines), rows)):
        files.append(folder / f"rows-{number:04d}.ndjson")
        files[-1].write_bytes(b"\n".join(lines[start : start + rows]) + b"\n")
    return files
