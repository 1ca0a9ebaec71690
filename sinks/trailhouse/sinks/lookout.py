"""What a sink must know beyond its own log: how far the stream says it has written, and which losses were accepted.

It looks in a thread of its own, because Kafka and ClickHouse may take their time and the sink must go on polling. What
it saw stays true however old it is: every record below `written` was in the enriched log before `ends` were read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.settings import SinkSettings
from trailhouse.stream.gaps import GapRequests, GroupOffsets, Range
from trailhouse.stream.topics import MissingTopic, TopicIds

LOOK_EVERY_S: Final = 1.0
ASK_AGAIN_AFTER_S: Final = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look, by partition number: where the raw log with id `epoch` starts, up to where the stream has committed it
    (`written`, excluded), and where the enriched log ended after that was read. `lost` = accepted losses.

    `epoch` is '' when there is no raw topic, None before the first look.
    """

    epoch: str | None = None
    starts: Mapping[int, int] = field(default_factory=dict)
    written: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    lost: tuple[Range, ...] = ()


def log_starts(kafka: KafkaSettings) -> Sight:
    """A look at nothing but the raw log: its id, and where each partition starts."""
    with closing(GroupOffsets(kafka)) as groups, closing(TopicIds(kafka)) as ids:
        try:
            raw = ids.find(kafka.raw_topic)
        except MissingTopic:
            return Sight("")
        return Sight(raw.id, _positions(groups, kafka.raw_topic, range(raw.partitions), OffsetSpec.EARLIEST))


def look(groups: GroupOffsets, ids: TopicIds, kafka: KafkaSettings, stream_group: str) -> Sight | None:
    """One look at Kafka, in the order a `Sight` needs; None when the raw topic was made anew meanwhile."""
    try:
        raw = ids.find(kafka.raw_topic)
    except MissingTopic:
        return Sight("")
    committed = groups.read(stream_group, kafka.raw_topic)
    written = {partition: each.offset for partition, each in committed.items()}
    starts = _positions(groups, kafka.raw_topic, range(raw.partitions), OffsetSpec.EARLIEST)
    ends = _positions(groups, kafka.enriched_topic, range(raw.partitions), OffsetSpec.LATEST)
    # Of another topic under this name, whose offsets these are cannot be told.
    return Sight(raw.id, starts, written, ends) if ids.read(kafka.raw_topic) == raw.id else None


def _positions(
    groups: GroupOffsets, topic: str, partitions: Iterable[int], spec: OffsetSpec
) -> dict[int, int]:
    found = groups.client.list_partition_offsets(
        {TopicPartition(topic, partition): spec for partition in partitions}
    )
    return {tp.partition: at.offset for tp, at in found.items()}


class Lookout:
    """Looks every second and carries requests for refills to Kafka; `sight` is the last look, `ask` never blocks."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._groups, self._ids = GroupOffsets(settings.kafka), TopicIds(settings.kafka)
        self._requests = GapRequests(settings.kafka, settings.group)
        self._client: Client | None = None
        self._asking: dict[int, Range | None] = {}
        self._asked: dict[int, tuple[Range | None, float]] = {}
        self._lock, self._wake, self._is_stopped = threading.Lock(), threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self.sight = Sight()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; a look under way ends by itself or with the process."""
        self._is_stopped = True
        self._wake.set()

    def ask(self, partition: int, missing: Range | None) -> None:
        """Have a range refilled; asked again until it is taken back with None."""
        with self._lock:
            self._asking[partition] = missing
        self._wake.set()

    def forget(self) -> None:
        """Ask for nothing any more, and take nothing back: the partitions may be another sink's now."""
        with self._lock:
            self._asking.clear()
            self._asked.clear()

    def look(self) -> None:
        """Carry requests, then look once; what fails leaves the last sight as it was."""
        try:
            self._carry_requests()
            self.sight = self._look()
        except Exception as error:  # whatever the drivers raise; the next look may succeed
            log.info("cannot look: %s: %s", type(error).__name__, error)
            self._close()

    def _carry_requests(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = {
                partition: missing
                for partition, missing in self._asking.items()
                if partition not in self._asked
                or self._asked[partition][0] != missing
                or (missing is not None and now - self._asked[partition][1] > ASK_AGAIN_AFTER_S)
            }
        if due:
            self._requests.write(due)
            with self._lock:
                self._asked |= {partition: (missing, now) for partition, missing in due.items()}

    def _look(self) -> Sight:
        lost = self._lost()
        seen = look(self._groups, self._ids, self._settings.kafka, self._settings.stream_group)
        return self.sight if seen is None else replace(seen, lost=lost)

    def _lost(self) -> tuple[Range, ...]:
        """Accepted losses; asked for only while something is missing."""
        with self._lock:
            if not any(self._asking.values()):
                return ()
        if self._client is None:
            self._client = connect(self._settings.clickhouse, timeout_s=10)
        rows = self._client.query("SELECT epoch, partition, first, last FROM lost FINAL").result_rows
        return tuple(Range(str(epoch), int(p), int(first), int(last)) for epoch, p, first, last in rows)

    def _close(self) -> None:
        for each in (self._groups, self._ids, self._requests):
            with suppress(KafkaError, OSError):
                each.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self) -> None:
        while not self._is_stopped:
            self._wake.clear()
            self.look()
            self._wake.wait(LOOK_EVERY_S)
        self._close()
