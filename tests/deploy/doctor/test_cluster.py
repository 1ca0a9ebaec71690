"""Kafka, for real: topics set up otherwise, a clock that is wrong, a broker that is away."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from trailhouse.deploy.doctor.cluster import Survey, judge, look, version
from trailhouse.deploy.doctor.finding import Finding
from trailhouse.producers.settings import KafkaSecurity, KafkaSettings
from trailhouse.stream.topics import Topic, TopicError, admin, create_topics, wanted_configs

DAY_MS = 86_400_000


def levels(found: list[Finding]) -> dict[tuple[str, str], str]:
    return {(each.area, each.name): each.level for each in found}


def test_topics_as_we_make_them_are_well(kafka_settings: KafkaSettings) -> None:
    """Version, clock and the three of them; one broker may have one copy."""
    create_topics(kafka_settings, 2)
    found = list(look(kafka_settings))
    assert {each.level for each in found} == {"ok"}, found
    assert ("Kafka", "version") in levels(found)
    assert ("clocks", "Kafka") in levels(found)
    assert sum(each.area == "topics" for each in found) == 3


def test_topics_that_are_not_there_are_named(kafka_settings: KafkaSettings) -> None:
    """With the command that makes them."""
    found = [each for each in look(kafka_settings) if each.area == "topics"]
    assert [(each.found, each.advice) for each in found] == [("does not exist", "trailhouse topics")] * 3


def test_topics_set_up_otherwise_are_found(kafka_settings: KafkaSettings) -> None:
    """Compacted, too few partitions, small records, kept for too short."""
    wrong = {
        kafka_settings.raw_topic: ({"cleanup.policy": "compact", "retention.ms": "600000"}, 3),
        kafka_settings.enriched_topic: ({"retention.bytes": "1000000"}, 2),
        kafka_settings.rejected_topic: ({"max.message.bytes": "1000", "retention.ms": str(DAY_MS)}, 3),
    }
    with admin(kafka_settings) as client:
        for name, (configs, partitions) in wrong.items():
            given = wanted_configs(kafka_settings)[name] | configs
            client.create_topics(
                {name: {"num_partitions": partitions, "replication_factor": 1, "configs": given}}
            )
        client.wait_for_topics(list(wrong))
    found = [each for each in look(kafka_settings) if each.level != "ok"]
    text = "\n".join(f"{each.level} {each.found}" for each in found)
    assert "fail topic" in text
    assert "cleanup.policy=compact; wanted delete" in text
    assert "max.message.bytes=1000" in text
    assert "has 2 partitions and" in text
    assert "fail kept for 0.2 hours, and a breaker may hold it for 3600 s" in text
    assert "warn partitions 3, copies 1, in sync at least 1, kept 1.0 days" in text
    assert "warn at most 1000000 bytes" in text
    assert all(each.advice for each in found)


@pytest.mark.parametrize(("off_s", "level"), [(3600.0, "fail"), (-10.0, "warn")])
def test_a_host_whose_clock_is_wrong_sees_kafkas_differ(
    kafka_settings: KafkaSettings, off_s: float, level: str
) -> None:
    """The controller says its time, ours is set wrong."""
    found = list(look(kafka_settings, now=lambda: time.time() + off_s))
    assert levels(found)["clocks", "Kafka"] == level


def test_a_broker_that_is_away_is_told_by_its_address() -> None:
    """`examined` makes a finding of it."""
    with pytest.raises(TopicError, match="no Kafka broker answers at"):
        list(look(KafkaSettings(bootstrap="127.0.0.1:9"), wait_ms=200))


def test_certificates_are_looked_at_before_anybody_is_let_in() -> None:
    """So also where that fails; without TLS there are none."""
    secure = KafkaSettings(bootstrap="127.0.0.1:9", security=KafkaSecurity(protocol="SSL"))
    first = next(look(secure, now=lambda: 0.0, expiry=lambda *_: 10 * 86400.0))
    assert (first.area, first.name, first.level) == ("certificates", "Kafka", "warn")


def test_an_old_broker_is_too_old() -> None:
    """Topics have no ids there."""
    assert [version(each, 1).level for each in ((2, 7), (2, 8), (4, 1))] == ["fail", "ok", "ok"]


def test_copies_and_in_sync_must_fit() -> None:
    """What one broker alone cannot show."""
    settings = KafkaSettings()
    names = list(wanted_configs(settings))
    configs = {
        name: wanted | {"min.insync.replicas": "2", "retention.ms": str(7 * DAY_MS)}
        for name, wanted in wanted_configs(settings).items()
    }
    survey = Survey({name: Topic(name, "id", 3) for name in names}, configs, dict.fromkeys(names, 3), 3, 0)

    def found(survey: Survey, insync: str) -> set[str]:
        changed = {name: dict(each) | {"min.insync.replicas": insync} for name, each in configs.items()}
        return {
            f"{each.level} {each.advice}" for each in judge(settings, replace(survey, configs=changed), 60)
        }

    assert found(survey, "2") == {"ok "}
    assert {each.partition(":")[2].strip() or each for each in found(survey, "3")} == {
        "lower min.insync.replicas"
    }
    assert all(each.startswith("fail one broker away") for each in found(survey, "4"))
    assert all("min.insync.replicas=2" in each for each in found(survey, "1"))
    alone = replace(survey, copies=dict.fromkeys(names, 1))
    assert all("only copy" in each for each in found(alone, "1"))
    assert "warn is a broker down?" in found(replace(survey, offline=2), "2")
