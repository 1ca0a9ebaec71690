"""Send rejected records to the raw topic again, and note where they went.

A record is noted only after Kafka has confirmed it. Whoever is killed between the two sends it once more: it keeps its
event id, so it counts once however often it is sent, and the note is one row for each rejected record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kafka import KafkaProducer

from trailhouse.producers.kafka_socket import connecting
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.letterbox import Original
from trailhouse.stream.letter import Place
from trailhouse.stream.topics import TopicIds

#: On a replayed record: the place of the rejected one.
REPLAY_OF: Final = "audit.replay.of"
TOGETHER: Final = 500
CONFIRM_TIMEOUT_S: Final = 60.0
REQUEST_BYTES_MAX: Final = 1_200_000
_COLUMNS: Final = (
    "epoch",
    "partition",
    "offset",
    "replayed_at",
    "to_epoch",
    "to_partition",
    "to_offset",
    "is_edited",
)


@dataclass(frozen=True, slots=True)
class Replay:
    """One record to send again; `is_edited` when its value is not the one that was rejected."""

    original: Original
    is_edited: bool = False


def replay(
    kafka: KafkaSettings,
    client: Client,
    records: Mapping[Place, Replay],
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[Place, Place]:
    """Send `records` (by the place of the rejected one) to the raw topic; returns where each lies now.

    To the partition it lay in, with its key and headers and one more that names its old place. Some hundred at a time
    are confirmed by Kafka and then noted in table `replays`, so what was sent before an error is noted. Raises what
    Kafka and ClickHouse raise.
    """
    went: dict[Place, Place] = {}
    with closing(TopicIds(kafka)) as ids:
        epoch = ids.read(kafka.raw_topic)
    producer = KafkaProducer(
        client_id="trailhouse-replay",
        acks="all",
        max_request_size=REQUEST_BYTES_MAX,
        **connecting(kafka),
    )
    try:
        partitions = producer.partitions_for(kafka.raw_topic)
        places = list(records)
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            sent = [
                (place, _send(producer, kafka.raw_topic, place, records[place].original, partitions))
                for place in some
            ]
            new: dict[Place, Place] = {}
            try:
                for place, future in sent:
                    metadata = future.get(CONFIRM_TIMEOUT_S)
                    new[place] = Place(epoch, metadata.partition, metadata.offset)
            finally:
                _note(client, records, new)
            went |= new
            on_progress(len(went))
    finally:
        producer.close(timeout=CONFIRM_TIMEOUT_S)
    return went


def _send(producer: Any, topic: str, place: Place, original: Original, partitions: set[int]) -> Any:
    # The driver takes no header without a value; such a one comes back with an empty value.
    headers = [(name, content or b"") for name, content in original.headers if name != REPLAY_OF]
    return producer.send(
        topic,
        value=original.value,
        # A tombstone needs a key to be sent at all.
        key=b"" if original.key is None and original.value is None else original.key,
        headers=[*headers, (REPLAY_OF, str(place).encode())],
        partition=place.partition if place.partition in partitions else None,
    )


def _note(client: Client, records: Mapping[Place, Replay], new: Mapping[Place, Place]) -> None:
    if not new:
        return
    now = datetime.now(UTC)
    rows = [[*place, now, *to, records[place].is_edited] for place, to in new.items()]
    insert_rows(client, "replays", _COLUMNS, rows)
