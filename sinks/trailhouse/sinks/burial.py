"""The dead letters of poison rows: rows ClickHouse refuses for good, whose bytes people may look at."""

from __future__ import annotations

import threading
from typing import Final

from kafka import KafkaProducer

from trailhouse.producers.kafka_socket import connecting
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.head import Head
from trailhouse.stream.letter import Letter, Place
from trailhouse.stream.rejected import Reason

TIMEOUT_S: Final = 30.0
#: A row may be as long as a record of the enriched topic, and the letter's headers come to it.
LETTER_BYTES_MAX: Final = 1_200_000


class Burial:
    """Writes dead letters to the rejected topic, over one connection that opens with the first; any thread may."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: KafkaProducer | None = None
        self._opening = threading.Lock()

    def bury(self, head: Head, line: bytes, why: str) -> None:
        """Return when Kafka has the row's dead letter; raises `KafkaError` otherwise."""
        letter = Letter(
            Place(head.epoch, head.partition, head.offset),
            Reason.UNSTORABLE.value,
            why,
            None,
            line,
            stage="sink",
        )
        key, value, headers = letter.to_record()
        sending = self._open().send(self._settings.rejected_topic, value=value, key=key, headers=headers)
        sending.get(TIMEOUT_S)

    def _open(self) -> KafkaProducer:
        with self._opening:
            if self._producer is None:
                self._producer = KafkaProducer(
                    acks="all", max_request_size=LETTER_BYTES_MAX, **connecting(self._settings)
                )
            return self._producer
