"""Refill gaps: read raw records again, enrich them with the same pure functions, write their lines once more.

The stream does it, not the sink that misses them, so the pepper stays away from the database. The lines go to the
enriched topic like any others: every reader of that log gets them, and a log read again from its start has no hole.
What was there already is a repeat, which sinks recognise.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from trailhouse.producers.kafka_socket import connecting
from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.gaps import GapRequests, Range
from trailhouse.stream.header_name import read_any_header_name
from trailhouse.stream.letter import Letter
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.steps import Rules
from trailhouse.stream.topics import TopicError, TopicIds

LOOK_EVERY_S: Final = 1.0
#: A range still asked for this long after it was written is written again.
AGAIN_AFTER_S: Final = 30.0
CHUNK_RECORDS: Final = 2000
POLL_MS: Final = 500
SILENT_POLLS_MAX: Final = 20
CONFIRM_TIMEOUT_S: Final = 30.0

log = logging.getLogger(__name__)


class RawDataGone(Exception):
    """The raw topic does not hold the range any more; the message says from where on it does."""


def refill(settings: StreamSettings, missing: Range) -> tuple[int, int]:
    """Write the lines of all raw records of `missing` again; returns (lines, dead letters among them), all confirmed.

    Where the range ends in control records of transactions, the next record's line, which stands for them, is written
    too. Raises `RawDataGone` before anything is written when the first offset is no longer there, and what Kafka
    raises; then some may have been written, which is harmless.
    """
    rules = Rules(Pseudonyms(settings.pepper.reveal().encode()), settings.orgs)
    written = letters = 0
    with closing(TopicIds(settings.kafka)) as ids, closing(_producer(settings)) as producer:
        from_offset = missing.first
        for records in _read(settings, missing):
            bundle = enrich_bundle(
                records,
                epoch=missing.epoch,
                partition=missing.partition,
                from_offset=from_offset,
                rules=rules,
            )
            # After reading: another topic under this name may have other records at these offsets.
            if ids.read(settings.kafka.raw_topic) != missing.epoch:
                raise RawDataGone(f"{settings.kafka.raw_topic} is another topic now")
            _write(producer, settings, missing.partition, bundle)
            from_offset = records[-1].offset + 1
            written, letters = written + len(bundle.lines), letters + len(bundle.dead_letters)
    return written, letters


def _producer(settings: StreamSettings) -> KafkaProducer:
    return KafkaProducer(
        client_id="trailhouse-refill",
        acks="all",
        compression_type="lz4",
        max_request_size=1_200_000,
        **connecting(settings.kafka),
    )


def _read(settings: StreamSettings, missing: Range) -> Iterator[Sequence[Any]]:
    """The committed records of the range in chunks; up to the first one at or beyond its end, or the end of the log."""
    read_any_header_name()
    tp = TopicPartition(settings.kafka.raw_topic, missing.partition)
    consumer = KafkaConsumer(
        client_id="trailhouse-refill",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_poll_records=CHUNK_RECORDS,
        **connecting(settings.kafka),
    )
    with closing(consumer):
        consumer.assign([tp])
        start, end = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
        if start > missing.first:
            raise RawDataGone(f"the raw log begins at offset {start}")
        consumer.seek(tp, missing.first)
        silent = 0
        while consumer.position(tp) < end:
            try:
                records = consumer.poll(POLL_MS).get(tp, [])
            except OffsetOutOfRangeError:
                raise RawDataGone("it expired while it was read") from None
            silent = 0 if records else silent + 1
            if silent > SILENT_POLLS_MAX:
                raise TimeoutError(f"no records of {missing} within {POLL_MS * silent / 1000:g} s")
            if records:
                inside = sum(record.offset < missing.last for record in records)
                yield records[: inside + 1]
                if inside < len(records):
                    return


def _write(producer: KafkaProducer, settings: StreamSettings, partition: int, bundle: Bundle) -> None:
    sent = [producer.send(settings.kafka.enriched_topic, line, partition=partition) for line in bundle.lines]
    for dead in bundle.dead_letters:
        key, value, headers = Letter.of(dead).to_record()
        sent.append(producer.send(settings.kafka.rejected_topic, value, key=key, headers=headers))
    for each in sent:
        each.get(CONFIRM_TIMEOUT_S)


class Refiller:
    """Looks every second what the sinks miss and refills it, in a thread of its own beside the agent.

    `is_ours` says of a partition whether this worker owns it, so that one worker refills it and not all.
    """

    def __init__(
        self, settings: StreamSettings, metrics: StreamMetrics, is_ours: Callable[[int], bool]
    ) -> None:
        self._settings, self._metrics, self._is_ours = settings, metrics, is_ours
        self._requests = [GapRequests(settings.kafka, group) for group in settings.sinks]
        self._tried: dict[Range, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refill", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after what it is at."""
        self._stopped.set()

    def look(self) -> None:
        """Once: refill what is asked for and ours."""
        for requests in self._requests:
            try:
                asked = requests.read()
            except (KafkaError, TopicError) as error:
                requests.close()
                log.debug("cannot read what the sinks miss: %s", error)
                continue
            for missing in asked:
                if self._is_ours(missing.partition) and self._is_due(missing):
                    self._refill(missing)

    def _is_due(self, missing: Range) -> bool:
        now = time.monotonic()
        self._tried = {each: at for each, at in self._tried.items() if now - at < AGAIN_AFTER_S}
        return missing not in self._tried and _whatever_is_left(missing) not in self._tried

    def _refill(self, missing: Range) -> None:
        self._tried[missing] = began = time.monotonic()
        try:
            written, letters = refill(self._settings, missing)
        except RawDataGone as error:
            log.critical(
                "raw offsets %s cannot be refilled: %s; `trailhouse gap list` shows what is lost",
                missing,
                error,
            )
        except Exception as error:
            log.error("refilling raw offsets %s failed: %s: %s", missing, type(error).__name__, error)
        else:
            self._metrics.refilled.inc(written)
            self._tried[_whatever_is_left(missing)] = time.monotonic()
            log.warning(
                "refilled raw offsets %s: %d lines, %d of them rejected, in %.1f s",
                missing,
                written,
                letters,
                time.monotonic() - began,
            )

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            self.look()


def _whatever_is_left(missing: Range) -> Range:
    """The key of a range that was written: while a sink takes it in, its request shrinks from the front."""
    return missing._replace(first=0)
