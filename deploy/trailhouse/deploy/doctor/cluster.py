"""Kafka: its certificates, its version, its clock, and how the three topics are set up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from trailhouse.deploy.doctor import certificates, clocks
from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.certificate import expires_at
from trailhouse.sinks.peer import Expiry, kafka_peer
from trailhouse.stream.topics import Topic, admin, problems, read_configs

AREA: Final = "Kafka"
TOPICS: Final = "topics"
OLDEST: Final = (2, 8)  # topic ids (KIP-516)
RETENTION_WARN: Final = timedelta(days=3)
WAIT_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Survey:
    """What a cluster says: topics with their settings and copies (the fewest of any partition), by name."""

    topics: Mapping[str, Topic]
    configs: Mapping[str, Mapping[str, str]]
    copies: Mapping[str, int]
    brokers: int
    offline: int


def look(
    settings: KafkaSettings,
    hold_s: float = 3600.0,
    now: Callable[[], float] = time.time,
    *,
    wait_ms: int = WAIT_MS,
    expiry: Expiry = expires_at,
) -> Iterator[Finding]:
    """Ask the cluster; `hold_s` = how long a breaker may hold a partition, `wait_ms` = how long one waits for a broker.

    Raises what Kafka's client raises.
    """
    yield from certificates.look(AREA, kafka_peer(settings), now(), expiry)
    names = [settings.raw_topic, settings.enriched_topic, settings.rejected_topic]
    with admin(settings, wait_ms) as client:
        nodes = [each["broker_id"] for each in client.describe_cluster()["brokers"]]
        oldest = min(tuple(client.get_broker_version_data(node).broker_version) for node in nodes)
        yield version(oldest, len(nodes))
        yield from _clock(client, now)
        described = [each for each in client.describe_topics(names) if not each.get("error_code")]
        present = [str(each["name"]) for each in described]
        survey = Survey(
            {
                str(each["name"]): Topic(str(each["name"]), str(each["topic_id"]), len(each["partitions"]))
                for each in described
            },
            read_configs(client, present) if present else {},
            {
                str(each["name"]): min(len(part["replica_nodes"]) for part in each["partitions"])
                for each in described
            },
            len(nodes),
            sum(len(part["offline_replicas"]) > 0 for each in described for part in each["partitions"]),
        )
    yield from judge(settings, survey, hold_s)


def version(oldest: tuple[int, ...], brokers: int) -> Finding:
    """Of the oldest broker."""
    found = f"{'.'.join(map(str, oldest))}, brokers: {brokers}"
    if oldest < OLDEST:
        return fail(AREA, "version", found, "Kafka 2.8 or newer: topics need their ids")
    return ok(AREA, "version", found)


def judge(settings: KafkaSettings, survey: Survey, hold_s: float) -> Iterator[Finding]:
    """What is wrong with the topics, and what could be better."""
    missing = [name for name in _names(settings) if name not in survey.topics]
    for name in missing:
        yield fail(TOPICS, name, "does not exist", "trailhouse topics")
    if missing:
        return
    wrong = list(problems(settings, survey.topics, survey.configs))
    for problem in wrong:
        yield fail(TOPICS, "setup", problem, "mend it with your Kafka tools; roles refuse to start")
    if survey.offline:
        yield warn(TOPICS, "copies", f"{survey.offline} partitions lack one", "is a broker down?")
    for name in _names(settings):
        yield from _one(name, survey)
    raw_ms = int(survey.configs[settings.raw_topic]["retention.ms"])
    if 0 <= raw_ms <= hold_s * 2000:
        yield fail(
            TOPICS,
            settings.raw_topic,
            f"kept for {_span(raw_ms)}, and a breaker may hold it for {hold_s:g} s",
            "lengthen retention.ms, or shorten TRAILHOUSE_BREAKER_HOLD_S",
        )


def _one(name: str, survey: Survey) -> Iterator[Finding]:
    configs, copies = survey.configs[name], survey.copies[name]
    insync, keep_ms = int(configs["min.insync.replicas"]), int(configs["retention.ms"])
    found = (
        f"partitions {survey.topics[name].partitions}, copies {copies}, in sync at least {insync}, "
        f"kept {_span(keep_ms)}"
    )
    if int(configs.get("retention.bytes", "-1")) >= 0:
        yield warn(
            TOPICS,
            name,
            f"at most {configs['retention.bytes']} bytes of a partition are kept",
            "retention.bytes=-1: a burst would push out what nobody has read yet",
        )
    if 0 <= keep_ms < RETENTION_WARN / timedelta(milliseconds=1):
        yield warn(TOPICS, name, found, "a weekend's outage is longer than it is kept: raise retention.ms")
    elif insync > copies or (insync == copies and copies > 1):
        level = fail if insync > copies else warn
        yield level(
            TOPICS, name, found, "one broker away, and nothing can be written: lower min.insync.replicas"
        )
    elif survey.brokers > 1 and copies == 1:
        yield warn(TOPICS, name, found, "one broker's disk holds the only copy: three copies")
    elif copies > 2 and insync == 1:
        yield warn(TOPICS, name, found, "a confirmed event may be on one broker alone: min.insync.replicas=2")
    else:
        yield ok(TOPICS, name, found)


def _clock(client: Any, now: Callable[[], float]) -> Iterator[Finding]:
    """By what the controller says of itself: its own time."""
    before = now()
    try:
        partition = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
    except Exception as error:  # no KRaft, or not allowed: everything else can be looked at
        yield warn(
            clocks.AREA, "Kafka", f"not known: {type(error).__name__}", "allow DESCRIBE on the cluster"
        )
        return
    leader = partition["leader_id"]
    said = [
        each["last_caught_up_timestamp"]
        for each in partition["current_voters"]
        if each["replica_id"] == leader
    ]
    if said and said[0] > 0:
        yield clocks.compare("Kafka", said[0] / 1000, before, now())


def _names(settings: KafkaSettings) -> tuple[str, ...]:
    return settings.raw_topic, settings.enriched_topic, settings.rejected_topic


def _span(ms: int) -> str:
    if ms < 0:
        return "for ever"
    return f"{ms / 86_400_000:.1f} days" if ms >= 86_400_000 else f"{ms / 3_600_000:.1f} hours"
