"""The lookout: what it sees of Kafka and the database, and that its requests arrive."""

from __future__ import annotations

import time

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from tests.sinks.lines import enriched, event
from tests.sinks.rig import Rig

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.lookout import Lookout, Sight, log_starts
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.gaps import GapRequests, GroupOffsets, Range
from trailhouse.stream.topics import admin


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Rig:
    return Rig(kafka_settings, clickhouse_settings, database, partitions=2)


def test_a_look(rig: Rig) -> None:
    """Where the raw log starts, how far the stream says it wrote, where the enriched log ends, what was given up."""
    settings = rig.settings(stream_group=f"stream-{rig.group}")
    rig.produce([b"x"] * 9, topic=rig.kafka.raw_topic, partition=1)
    rig.produce(enriched([event(n) for n in range(4)], epoch=rig.epoch), partition=1)
    with admin(rig.kafka) as client:
        client.delete_records({TopicPartition(rig.kafka.raw_topic, 1): 2})
    groups = GroupOffsets(rig.kafka)
    groups.write(settings.stream_group, rig.kafka.raw_topic, {1: OffsetAndMetadata(7, "", -1)})
    groups.close()
    lookout = Lookout(settings)
    lookout.look()
    assert lookout.sight == Sight(rig.epoch, {0: 0, 1: 2}, {1: 7}, {0: 0, 1: 4}, ())
    assert log_starts(rig.kafka) == Sight(rig.epoch, {0: 0, 1: 2})
    lost = Range(rig.epoch, 1, 4, 5)
    rig.client.insert(
        "lost", [[*lost, "why"]], column_names=["epoch", "partition", "first", "last", "reason"]
    )
    lookout.look()
    assert lookout.sight.lost == ()  # nothing is missing: nobody asks
    lookout.ask(1, lost)
    lookout.look()
    assert list(lookout.sight.lost) == [lost]
    with admin(rig.kafka) as client:
        client.delete_topics([rig.kafka.raw_topic])
    deadline = time.monotonic() + 30
    while lookout.sight.epoch and time.monotonic() < deadline:
        lookout.look()
    assert lookout.sight == Sight("", lost=(lost,))
    assert log_starts(rig.kafka) == Sight("")
    lookout._close()


def test_requests_are_carried_once_and_again_after_a_while(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed at once; what still holds again later, should another sink have taken it back; none for strangers."""
    lookout, requests = Lookout(rig.settings()), GapRequests(rig.kafka, rig.group)
    missing = Range(rig.epoch, 0, 3, 5)

    def carried() -> list[Range]:
        lookout.look()
        return requests.read()

    lookout.ask(0, missing)
    lookout.ask(1, None)
    assert carried() == [missing]
    requests.write({0: None})
    assert carried() == []
    monkeypatch.setattr("trailhouse.sinks.lookout.ASK_AGAIN_AFTER_S", 0)
    assert carried() == [missing]
    lookout.forget()
    requests.write({0: None})
    assert carried() == []
    lookout.ask(0, missing)
    assert carried() == [missing]
    lookout.ask(0, None)
    assert carried() == []
    lookout._close()
    requests.close()


def test_a_look_that_fails_keeps_the_last(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it saw stays true; the thread lives, and sees again when it can."""
    lookout = Lookout(rig.settings())
    monkeypatch.setattr("trailhouse.sinks.lookout.LOOK_EVERY_S", 0.05)
    lookout.look()
    seen = lookout.sight
    monkeypatch.setattr(lookout, "_look", lambda: 1 / 0)
    lookout.start()
    time.sleep(0.2)
    assert lookout.sight is seen
    monkeypatch.undo()
    deadline = time.monotonic() + 30
    while lookout.sight is seen and time.monotonic() < deadline:
        time.sleep(0.05)
    assert lookout.sight == seen
    assert lookout.sight is not seen
    lookout.stop()
