"""Gaps: ranges of raw offsets that a sink misses, and how it asks the stream to write them again.

A sink does not refill a gap by itself: that would need the pepper, and whoever can write to the database must not also
hold the key of its pseudonyms. So it leaves a request where the stream looks. A request is a committed offset of the
group `GROUP-gaps` (offset = first missing, metadata = topic id and last missing): one per partition, written over by
the next, readable with any Kafka tool, without a topic of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Self, TypeVar

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NoError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import open_admin

LOADING_TIMEOUT_S: Final = 10.0
LOADING_PAUSE_S: Final = 0.1
Answer = TypeVar("Answer")
_STARTING: Final = (CoordinatorLoadInProgressError, NotCoordinatorError)


class Range(NamedTuple):
    """Raw offsets `first` to `last` (both included) of a partition of the raw topic with id `epoch`.

    Written `EPOCH/PARTITION/FIRST-LAST`.
    """

    epoch: str
    partition: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.first}-{self.last}"

    @property
    def records(self) -> int:
        """How many offsets."""
        return self.last - self.first + 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; raises `ValueError`."""
        epoch, partition, offsets = text.rsplit("/", 2)
        first, _, last = offsets.partition("-")
        found = cls(epoch, int(partition), int(first), int(last))
        if not epoch or not 0 <= found.first <= found.last or found.partition < 0:
            raise ValueError(text)
        return found


class GroupOffsets:
    """Reads and writes what groups committed, over one connection that stays open; used from one thread at a time.

    Raises `TopicError` when no broker answers, `KafkaError` for what it refuses; the next call connects again. A broker
    that just started does not know yet what was committed: both wait for it, up to `LOADING_TIMEOUT_S`.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: KafkaAdminClient | None = None

    @property
    def client(self) -> KafkaAdminClient:
        self._client = self._client or open_admin(self._settings)
        return self._client

    def read(self, group: str, topic: str) -> dict[int, OffsetAndMetadata]:
        """The committed offset and metadata of each partition of `topic` that has one."""
        try:
            found = _patiently(
                lambda: self.client.list_group_offsets({group: None}).get(group, {}), _STARTING
            )
        except CoordinatorNotAvailableError:
            return {}  # a fresh broker, on which nobody has committed anything yet
        return {tp.partition: at for tp, at in found.items() if tp.topic == topic and at.offset >= 0}

    def write(self, group: str, topic: str, offsets: Mapping[int, OffsetAndMetadata]) -> None:
        """Commit for a group that has no members."""
        places = {TopicPartition(topic, partition): each for partition, each in offsets.items()}

        def commit() -> None:
            for error in self.client.alter_group_offsets(group, places).values():
                if error is not NoError:
                    raise error

        _patiently(commit, (*_STARTING, CoordinatorNotAvailableError))

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _patiently(ask: Callable[[], Answer], starting: tuple[type[Exception], ...]) -> Answer:
    """What `ask` gives; while a broker says it is `starting` it is asked again, up to `LOADING_TIMEOUT_S`."""
    deadline = time.monotonic() + LOADING_TIMEOUT_S
    while True:
        try:
            return ask()
        except starting:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOADING_PAUSE_S)


class GapRequests:
    """The requests of the sinks of one group; used from one thread at a time."""

    def __init__(self, settings: KafkaSettings, sink_group: str) -> None:
        self._offsets = GroupOffsets(settings)
        self._topic, self._sinks = settings.enriched_topic, sink_group

    def read(self) -> list[Range]:
        """What the sinks still miss: requests whose range their committed mark has not passed, by partition."""
        asked = self._offsets.read(f"{self._sinks}-gaps", self._topic)
        if not any(each.metadata for each in asked.values()):
            return []
        stored = self._offsets.read(self._sinks, self._topic)
        marks = {partition: each.metadata for partition, each in stored.items()}
        return sorted(_open(asked, marks), key=lambda each: each.partition)

    def write(self, requests: Mapping[int, Range | None]) -> None:
        """Ask for ranges by partition; None takes a request back."""
        self._offsets.write(
            f"{self._sinks}-gaps",
            self._topic,
            {
                partition: OffsetAndMetadata(0, "", -1)
                if each is None
                else OffsetAndMetadata(
                    each.first,
                    json.dumps({"epoch": each.epoch, "last": each.last}, separators=(",", ":")),
                    -1,
                )
                for partition, each in requests.items()
            },
        )

    def close(self) -> None:
        self._offsets.close()


def _open(asked: Mapping[int, OffsetAndMetadata], marks: Mapping[int, str | None]) -> Iterable[Range]:
    for partition, each in asked.items():
        try:
            said = json.loads(each.metadata or "")
            wanted = Range(str(said["epoch"]), partition, each.offset, int(said["last"]))
            hwm = int(json.loads(marks.get(partition) or "{}").get(wanted.epoch, -1))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # taken back, or not ours
        if wanted.last > hwm:
            yield wanted._replace(first=max(wanted.first, hwm + 1))
