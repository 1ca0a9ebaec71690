"""Create and check the three topics, so that exactness can hold; every role refuses topics set up otherwise.

Why each setting: `LogAppendTime` makes "now" the broker's clock, the same for every reader; `delete` (not `compact`)
keeps one record per event; as many enriched partitions as raw ones, because an enriched record keeps its raw
partition's number; a dead-letter record must be able to hold the largest raw record and its headers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from trailhouse.producers.kafka_socket import KafkaRefused, connecting
from trailhouse.producers.settings import KafkaSettings

RAW_BYTES_MAX: Final = 1 << 20
REJECTED_BYTES_MAX: Final = RAW_BYTES_MAX + (64 << 10)
#: The broker looks for old segments every five minutes, and deletes their files a minute later.
SWEEP: Final = timedelta(minutes=6)
GROWN_S: Final = 30.0


class TopicError(Exception):
    """A topic is missing, or set up so that exactness could not hold; `hint` says what to run."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class MissingTopic(TopicError):
    """A topic does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"topic {name} does not exist", "run `trailhouse topics`")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as the broker has it; `id` is its UUID (KIP-516): a topic deleted and made again has another."""

    name: str
    id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long a topic keeps a record: `retention` after the newest record of its segment, which takes up to `segment`
    to fill; then the broker looks every few minutes. `retention` None = for ever.
    """

    retention: timedelta | None
    segment: timedelta

    def gone_by(self, written: datetime) -> datetime | None:
        """When a record written then is gone at the latest; None = never by itself."""
        return None if self.retention is None else written + self.segment + self.retention + SWEEP


def wanted_configs(settings: KafkaSettings) -> dict[str, dict[str, str]]:
    """The settings each topic is created with and checked against."""
    append_time = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}
    return {
        settings.enriched_topic: append_time | {"max.message.bytes": str(RAW_BYTES_MAX + 12)},
        settings.rejected_topic: append_time | {"max.message.bytes": str(REJECTED_BYTES_MAX)},
        settings.raw_topic: append_time | {"max.message.bytes": str(RAW_BYTES_MAX + 12)},
    }


@contextmanager
def admin(settings: KafkaSettings, timeout_ms: int = 10_000) -> Iterator[KafkaAdminClient]:
    """An admin client that is closed afterwards; raises `TopicError` when no broker answers or takes us in that time."""
    client = open_admin(settings, timeout_ms)
    try:
        yield client
    finally:
        client.close()


def open_admin(settings: KafkaSettings, timeout_ms: int = 10_000) -> KafkaAdminClient:
    """An admin client; raises `TopicError` when no broker answers or takes us in that time."""
    try:
        return KafkaAdminClient(
            client_id="trailhouse-topics",
            request_timeout_ms=10_000,
            bootstrap_timeout_ms=timeout_ms,
            **connecting(settings),
        )
    except KafkaRefused as error:
        raise TopicError(str(error.args[0]), error.hint) from None
    except KafkaError as error:
        raise TopicError(
            f"no Kafka broker answers at {settings.bootstrap}: {type(error).__name__}",
            "check TRAILHOUSE_KAFKA_BOOTSTRAP and that the broker runs",
        ) from None


def create_topics(
    settings: KafkaSettings, partitions: int, *, replication: int = -1, retention_ms: int | None = None
) -> list[str]:
    """Create what is missing and grow what has fewer partitions, enriched before raw; returns what was done.

    Grown in that order, each seen to have grown before the next, because a raw partition without its enriched twin would
    have nowhere to go. Raises `TopicError` when a topic does not grow.
    """
    extra = {} if retention_ms is None else {"retention.ms": str(retention_ms)}
    done = []
    with admin(settings) as client:
        existing = _describe(client, wanted_configs(settings))
        for name, configs in wanted_configs(settings).items():
            topic = existing.get(name)
            if topic is None:
                try:
                    client.create_topics(
                        {
                            name: {
                                "num_partitions": partitions,
                                "replication_factor": replication,
                                "configs": configs | extra,
                            }
                        }
                    )
                except TopicAlreadyExistsError:
                    continue
                done.append(f"created {name} with {partitions} partitions")
            elif topic.partitions < partitions:
                client.create_partitions({name: partitions})
                _wait_grown(client, name, partitions)
                done.append(f"grew {name} from {topic.partitions} to {partitions} partitions")
        # The broker answers before every reader can see a new topic; what starts next checks it at once.
        client.wait_for_topics(list(wanted_configs(settings)))
    return done


def _wait_grown(client: KafkaAdminClient, name: str, partitions: int) -> None:
    """Return when the broker tells of so many partitions: it answers before its own metadata does."""
    deadline = time.monotonic() + GROWN_S
    while (topic := _describe(client, [name]).get(name)) is None or topic.partitions < partitions:
        if time.monotonic() > deadline:
            raise TopicError(
                f"topic {name} was to grow to {partitions} partitions and the broker tells of {topic and topic.partitions} after {GROWN_S:.0f} s",
                "run `trailhouse topics` again once the broker is well",
            )
        time.sleep(0.05)


def check_topics(settings: KafkaSettings) -> dict[str, Topic]:
    """The three topics by name; raises `TopicError` for the first that is missing or set up otherwise than wanted, and
    when the broker goes away while it is asked.
    """
    try:
        with admin(settings) as client:
            topics = _describe(client, wanted_configs(settings))
            for name in wanted_configs(settings):
                if name not in topics:
                    raise MissingTopic(name)
            configs = read_configs(client, list(topics))
    except KafkaError as error:
        raise TopicError(
            f"Kafka at {settings.bootstrap} broke off: {type(error).__name__}",
            "try again once the broker runs",
        ) from error
    for problem in problems(settings, topics, configs):
        raise TopicError(
            problem, "mend the topic with your Kafka tools, or let `trailhouse topics` create it"
        )
    return topics


def problems(
    settings: KafkaSettings, topics: Mapping[str, Topic], configs: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Every way in which the topics differ from what exactness needs."""
    for name, wanted in wanted_configs(settings).items():
        for key in ("message.timestamp.type", "cleanup.policy"):
            if configs[name].get(key) != wanted[key]:
                yield f"topic {name} has {key}={configs[name].get(key)}; wanted {wanted[key]}"
        if name != settings.raw_topic and int(configs[name].get("max.message.bytes", "0")) < int(
            wanted["max.message.bytes"]
        ):
            yield f"topic {name} has max.message.bytes={configs[name].get('max.message.bytes')}; wanted at least {wanted['max.message.bytes']}"
    raw, enriched = topics[settings.raw_topic], topics[settings.enriched_topic]
    if enriched.partitions < raw.partitions:
        yield f"topic {enriched.name} has {enriched.partitions} partitions and {raw.name} {raw.partitions}; wanted at least as many"


def read_keeping(settings: KafkaSettings) -> dict[str, Keeping]:
    """How long each of the three topics keeps its records, by name; raises as `check_topics`."""
    names = list(check_topics(settings))
    with admin(settings) as client:
        configs = read_configs(client, names)
    return {name: _keeping(configs[name]) for name in names}


def _keeping(configs: Mapping[str, str]) -> Keeping:
    retention_ms, segment_ms = int(configs["retention.ms"]), int(configs["segment.ms"])
    try:
        return Keeping(
            None if retention_ms < 0 else timedelta(milliseconds=retention_ms),
            timedelta(milliseconds=segment_ms),
        )
    except OverflowError:  # some set the largest number there is, and mean for ever
        return Keeping(None, timedelta())


class TopicIds:
    """Reads topic ids over one connection that stays open; used from one thread at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: KafkaAdminClient | None = None

    def read(self, name: str) -> str:
        """The topic's id as Kafka prints it; raises `TopicError` when it does not exist or no broker answers."""
        return self.find(name).id

    def find(self, name: str) -> Topic:
        """The topic as it is now; raises as `read`."""
        client = self._client = self._client or open_admin(self._settings)
        try:
            topic = _describe(client, [name]).get(name)
        except KafkaError:
            client.close()
            client = self._client = open_admin(self._settings)
            topic = _describe(client, [name]).get(name)
        if topic is None:
            raise MissingTopic(name)
        return topic

    def close(self) -> None:
        """Close the connection; the next `read` opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _describe(client: KafkaAdminClient, names: Any) -> dict[str, Topic]:
    found = {}
    for topic in client.describe_topics(list(names)):
        if not topic.get("error_code"):
            name = str(topic["name"])
            found[name] = Topic(name, str(topic["topic_id"]), len(topic["partitions"]))
    return found


def read_configs(client: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """Every setting of these topics, as the broker has it, by the topic's name."""
    answer = client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names], config_filter="all"
    )
    return {
        name: {
            str(key): str(value.get("value") if isinstance(value, dict) else value)
            for key, value in answer["topic"][name].items()
        }
        for name in names
    }
