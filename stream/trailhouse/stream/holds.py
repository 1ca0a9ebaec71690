"""Partitions that the breaker holds: not fetched, not committed, until somebody lets them go on.

Nothing is lost meanwhile: the records that tripped it are not written but left on the raw topic, and the partition's
position is put back to the first of them. The worker stays in its group and goes on with its other partitions.

What is open is noted where operators and the next worker find it: as a committed offset of the group `GROUP-breaker`.
`trailhouse breaker close` writes there, and the worker that holds the partition looks every two seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from kafka.structs import OffsetAndMetadata

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.breaker import Breaker, Note
from trailhouse.stream.bundle import Bundle
from trailhouse.stream.gaps import GroupOffsets
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.transport import Fetch

GROUP_SUFFIX: Final = "-breaker"

log = logging.getLogger(__name__)


class Tap(Protocol):
    """The consumer, as far as holding goes."""

    async def hold(self, partition: int, offset: int) -> None:
        """Fetch no more of the partition, and put its position back to `offset`."""

    async def release(self, partition: int) -> None:
        """Fetch again, from that position on."""


class Notes:
    """The notes of one stream group; used from one thread at a time. Raises `TopicError` and `KafkaError`."""

    def __init__(self, kafka: KafkaSettings, stream_group: str) -> None:
        self._offsets = GroupOffsets(kafka)
        self._group, self._topic = stream_group + GROUP_SUFFIX, kafka.raw_topic

    def read(self) -> dict[int, Note]:
        """By partition."""
        found = self._offsets.read(self._group, self._topic)
        notes = {number: Note.from_metadata(each.offset, each.metadata) for number, each in found.items()}
        return {number: note for number, note in notes.items() if note is not None}

    def write(self, notes: dict[int, Note]) -> None:
        """Put these in the place of what was noted."""
        offsets = {
            number: OffsetAndMetadata(note.offset, note.to_metadata(), -1) for number, note in notes.items()
        }
        self._offsets.write(self._group, self._topic, offsets)

    def close(self) -> None:
        self._offsets.close()


@dataclass(frozen=True, slots=True)
class Hold:
    """One held partition, from `offset` on; `last` = the last record of the fetch that tripped the breaker."""

    offset: int
    last: int
    assignment: Any
    since: float


class Holds:
    """The worker's held partitions. Everything runs on its event loop; the notes are read and written in a thread."""

    def __init__(self, settings: StreamSettings, metrics: StreamMetrics, tap: Callable[[], Tap]) -> None:
        self._breaker = Breaker(settings.breaker_records, settings.breaker_share)
        self._settings, self._metrics, self._tap = settings, metrics, tap
        self._notes = Notes(settings.kafka, settings.group)
        self._reading = asyncio.Lock()
        self._held: dict[int, Hold] = {}
        self._released: dict[int, float] = {}

    def refuses(self, partition: int, fetched: Fetch) -> bool:
        """Whether a fetch is to be dropped unwritten: it left the fetcher before its partition was let go on."""
        hold = self._held.get(partition)
        if hold is not None:
            if hold.assignment is fetched.assignment:
                return True
            self._forget(
                partition
            )  # the partition came back under another assignment, from its committed offset
        return fetched.fetched_at <= self._released.get(partition, 0.0)

    def is_held(self, partition: int) -> bool:
        return partition in self._held

    async def take(self, partition: int, fetched: Fetch, bundle: Bundle, epoch: str) -> bool:
        """Whether this bundle trips the breaker: then it must not be written, and its partition is held."""
        bad = {letter.offset for letter in bundle.dead_letters}
        indices = [index for index, each in enumerate(fetched.records) if each.offset in bad] if bad else []
        counted = partition, fetched.assignment, len(fetched.records), indices
        if not self._breaker.take(*counted):
            return False
        if await self._was_let_pass(partition, epoch, fetched.next_offset - 1):
            self._breaker.mute(partition)
            self._breaker.take(*counted)
            return False
        await self._open(partition, fetched, bundle, epoch)
        return True

    async def watch(self, epoch: str) -> None:
        """Let go on what somebody closed, and what nobody looked at for long enough."""
        for partition, hold in list(self._held.items()):
            if not hold.assignment.active:
                self._forget(partition)
        if not self._held:
            return
        notes = await self._read()
        for partition, hold in list(self._held.items()):
            note = notes.get(partition)
            if note is not None and note.lets_pass(epoch, hold.offset):
                await self._release(partition, "somebody closed the breaker")
            elif 0 < self._settings.breaker_hold_s < time.monotonic() - hold.since:
                await self._release(partition, f"nobody did within {self._settings.breaker_hold_s:g} s")
                await self._write(partition, Note(epoch, hold.last + 1))

    async def _open(self, partition: int, fetched: Fetch, bundle: Bundle, epoch: str) -> None:
        offset = fetched.from_offset
        self._held[partition] = Hold(offset, fetched.next_offset - 1, fetched.assignment, time.monotonic())
        self._metrics.breaker.labels(partition).set(1)
        reasons = Counter(letter.reason.value for letter in bundle.dead_letters)
        details = Counter(f"{letter.reason.value}: {letter.detail}" for letter in bundle.dead_letters)
        of, hold_s = len(fetched.records), self._settings.breaker_hold_s
        log.critical(
            "BREAKER open on partition %d: %d of the %d records from offset %d on would be rejected, most for (%s). "
            "They wait, nothing of them is rejected or committed; other partitions go on. A mended worker takes them "
            "when it starts; `trailhouse breaker close %d` lets them be rejected%s",
            partition,
            len(bundle.dead_letters),
            of,
            offset,
            "; ".join(f"{each} × {count}" for each, count in details.most_common(3)),  # noqa: RUF001  # a count of times
            partition,
            f"; so does this worker after {hold_s:g} s" if hold_s else "",
        )
        await self._tap().hold(partition, offset)
        since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        await self._write(partition, Note(epoch, offset, since, len(bundle.dead_letters), of, reasons))

    async def _release(self, partition: int, why: str) -> None:
        log.warning("breaker of partition %d: %s; its records are taken again, and rejected", partition, why)
        self._breaker.mute(partition)
        self._released[partition] = time.monotonic()
        self._forget(partition)  # before it is fetched again: what comes from now on is to be taken
        await self._tap().release(partition)

    def _forget(self, partition: int) -> None:
        self._held.pop(partition, None)
        self._metrics.breaker.labels(partition).set(0)

    async def _was_let_pass(self, partition: int, epoch: str, last_offset: int) -> bool:
        note = (await self._read()).get(partition)
        return note is not None and note.lets_pass(epoch, last_offset)

    async def _read(self) -> dict[int, Note]:
        """The notes; none while Kafka does not say."""
        async with self._reading:
            try:
                return await asyncio.get_running_loop().run_in_executor(None, self._notes.read)
            except Exception as error:
                self._notes.close()
                log.warning("cannot read the notes of the breaker: %s: %s", type(error).__name__, error)
                return {}

    async def _write(self, partition: int, note: Note) -> None:
        async with self._reading:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._notes.write, {partition: note})
            except Exception as error:  # it is held all the same; only `trailhouse breaker` cannot see it
                self._notes.close()
                log.warning("cannot note the state of the breaker: %s: %s", type(error).__name__, error)
