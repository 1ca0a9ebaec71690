"""The trace: every copy of an event by its steps, on a real broker and the real engine."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer, TopicPartition
from tests.sinks.lines import RULES, event
from tests.sinks.rig import Rig, drive, sinking

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.sinks.trace import CONFLICT, EXPIRED, IN_FLIGHT, REJECTED, REPEAT, STORED, Way, trace
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.letter import Letter, Place
from trailhouse.stream.topics import admin


class Flow:
    """Raw records, enriched and stored as the roles do it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.done = 0

    def send(self, *values: Any) -> None:
        self.rig.produce(
            [each if isinstance(each, bytes) else orjson.dumps(each) for each in values],
            topic=self.rig.kafka.raw_topic,
        )

    def run(self) -> None:
        """Everything that lies on the raw topic, enriched, stored, its dead letters written."""
        rig = self.rig
        raw = rig.read_all(rig.kafka.raw_topic)[self.done :]
        bundle = enrich_bundle(raw, epoch=rig.epoch, partition=0, from_offset=self.done, rules=RULES)
        producer = KafkaProducer(bootstrap_servers=rig.kafka.bootstrap)
        for dead in bundle.dead_letters:
            key, value, headers = Letter.of(dead).to_record()
            producer.send(rig.kafka.rejected_topic, value, key=key, headers=headers)
        producer.close()
        rig.produce(bundle.lines)
        self.done += len(raw)
        with sinking(rig) as (sink, _):
            drive(sink, lambda: rig.landed() == self.done, "stored")

    def trace(self, number: int, org: str = "") -> list[Way]:
        return trace(self.rig.kafka, self.rig.client, self.rig.group, id_of(number), org)


def id_of(number: int) -> str:
    return str(event(number)["event_id"])


@pytest.fixture
def flow(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Flow:
    return Flow(Rig(kafka_settings, clickhouse_settings, database))


def steps(way: Way) -> dict[str, tuple[datetime | None, str, str]]:
    return {step.name: (step.at, step.where, step.note) for step in way.steps}


def test_a_stored_event(flow: Flow) -> None:
    """When it happened, reached Kafka, was enriched, was stored; where each of it lies."""
    before = datetime.now(UTC) - timedelta(seconds=5)
    flow.send(*(event(n) for n in range(30)))
    flow.run()
    (way,) = flow.trace(7)
    assert (way.org_id, way.became, way.place) == ("acme", STORED, Place(flow.rig.epoch, 0, 7))
    assert way.occurred_at == datetime.fromisoformat(event(7)["occurred_at"])
    told = steps(way)
    assert list(told) == ["occurred", "received", "enriched", "stored", "became"]
    assert told["occurred"][0] == datetime.fromisoformat(event(7)["occurred_at"])
    times = [told[name][0] for name in ("received", "enriched", "stored")]
    known = [each.replace(tzinfo=UTC) if each and not each.tzinfo else each for each in times]
    assert known == sorted(known, key=lambda each: each or before)
    assert all(each and before < each < datetime.now(UTC) + timedelta(seconds=5) for each in known)
    assert told["received"][1:] == (f"{flow.rig.kafka.raw_topic} 0/7", f"{len(orjson.dumps(event(7)))} bytes")
    assert told["enriched"][1] == f"{flow.rig.kafka.enriched_topic} 0/7"
    assert told["stored"][1].endswith(", with 0/0-29")


def test_copies(flow: Flow) -> None:
    """A repeat and a conflict name the copy that came first; another organisation's event is its own."""
    flow.send(event(1), event(2), event(1), event(1, action="page:open"), event(1, org_id="beta"))
    flow.run()
    ways = flow.trace(1)
    assert [(way.org_id, way.became) for way in ways] == [
        ("acme", STORED),
        ("acme", REPEAT),
        ("acme", CONFLICT),
        ("beta", STORED),
    ]
    assert steps(ways[1])["became"][2] == f"came first at {flow.rig.epoch}/0/0"
    assert "another content came first" in steps(ways[2])["became"][2]
    assert [way.place and way.place.offset for way in ways] == [0, 2, 3, 4]
    assert [way.occurred_at is not None for way in ways] == [True, False, False, True]
    assert flow.trace(1, org="beta") == ways[3:]


def test_what_kafka_does_not_keep_any_more(flow: Flow) -> None:
    """The ledger still knows the way; the records themselves are said to be gone."""
    flow.send(event(1), event(2))
    flow.run()
    with admin(flow.rig.kafka) as client:
        for topic in (flow.rig.kafka.raw_topic, flow.rig.kafka.enriched_topic):
            client.delete_records({TopicPartition(topic, 0): 2})
    (way,) = flow.trace(1)
    told = steps(way)
    assert told["occurred"][0] is not None
    assert told["received"][2] == "not on the raw topic any more"
    assert told["enriched"] == (None, "", "not on the enriched topic any more")
    assert told["stored"][0] is not None


def test_what_has_not_landed(flow: Flow) -> None:
    """In flight above the mark, rejected with its reason, or known to nobody."""
    flow.send(event(1))
    flow.run()
    flow.send(event(2), event(3, action="x" * 500))
    (way,) = flow.trace(2)
    assert (way.org_id, way.became) == ("acme", IN_FLIGHT)
    assert steps(way)["received"][1] == f"{flow.rig.kafka.raw_topic} 0/1"
    assert flow.trace(2, org="beta") == []
    flow.run()
    assert [way.became for way in flow.trace(2)] == [STORED]
    (way,) = flow.trace(3)
    assert (way.org_id, way.became, way.reason) == ("acme", REJECTED, "invalid_field")
    assert steps(way)["became"][2].startswith("invalid_field: action")
    assert steps(way)["received"][1] == f"{flow.rig.kafka.raw_topic} 0/2"
    assert trace(flow.rig.kafka, flow.rig.client, flow.rig.group, str(uuid.uuid4())) == []


def test_an_event_whose_row_is_gone(flow: Flow) -> None:
    """It landed, and `events` does not hold it: said so, as the balance does."""
    flow.send(event(1))
    flow.run()
    flow.rig.client.command("TRUNCATE TABLE events")
    (way,) = flow.trace(1)
    assert way.became == "missing"
    assert way.occurred_at is None
    flow.rig.client.command(
        "INSERT INTO expired (class, org_id, slot, id) SELECT 'events', org_id, slot, sipHash64(org_id, event_id) FROM landed"
    )
    (way,) = flow.trace(1)
    assert (way.became, steps(way)["became"][2]) == (EXPIRED, "retention let it go")
