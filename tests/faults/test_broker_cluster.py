"""Three brokers, each record on two of them before it is confirmed: whichever leads may die under load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from tests.conftest import FAILED
from tests.e2e.pipeline import Pipeline, count
from tests.e2e.stream import imagine
from tests.faults.checker import check
from tests.faults.cluster import NODES, Cluster, described
from tests.faults.evidence import Evidence
from tests.faults.storm import ENDS, Feed
from tests.roles import PATIENCE, running
from tests.sinks.rig import Rig

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import ClickHouseError, Client
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import TopicError

KILLS = 6
COMMITS = "__consumer_offsets"
WITHIN_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path).running() as made:
        yield made


@pytest.fixture
def rig(
    request: pytest.FixtureRequest,
    evidence: Evidence,
    cluster: Cluster,
    clickhouse_settings: ClickHouseSettings,
    database: Client,
) -> Iterator[Rig]:
    """Topics on the cluster, as the product's command makes them."""
    made = Rig(KafkaSettings(bootstrap=cluster.bootstrap), clickhouse_settings, database, partitions=3)
    yield made
    if FAILED in request.node.stash:
        evidence.keep_books(made)


class Tended:
    """A pipeline whose processes are started again when they end for want of Kafka, as by a supervisor."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.exits = 0

    def wait_for(self, is_so: Callable[[], Any], what: str, timeout_s: float = WITHIN_S) -> None:
        deadline = time.monotonic() + timeout_s * PATIENCE
        while True:
            with suppress(KafkaError, TopicError, ClickHouseError, OSError):
                if is_so():
                    return
            for role in (*self.pipeline.streams, *self.pipeline.sinks):
                if role.status is not None:
                    assert role.status in ENDS, role.log.read_text()[-3000:]
                    self.exits += 1
                    role.start()
            logs = (*self.pipeline.streams, *self.pipeline.sinks)
            assert time.monotonic() < deadline, (
                what + "\n" + "\n".join(each.log.read_text()[-1500:] for each in logs)
            )
            time.sleep(0.2)

    def stored(self) -> int:
        query = "SELECT uniqExact(epoch, partition, offset) FROM landed"
        return int(self.pipeline.rig.client.query(query).result_rows[0][0])


def is_whole(kafka: KafkaSettings) -> bool:
    """Whether every replica of every partition is in sync."""
    topics = (kafka.raw_topic, kafka.enriched_topic, kafka.rejected_topic, COMMITS)
    return all(len(each["isr_nodes"]) == NODES for each in described(kafka, *topics).values())


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_leaders_killed_under_load(rig: Rig, cluster: Cluster, tmp_path: Path, evidence: Evidence) -> None:
    """Of the raw log, the enriched log and the groups' commits in turn: what was confirmed is stored once, reports are exact."""
    random = Random(evidence.seed)
    stream = imagine(evidence.seed, people=60, days=60, history=2000)
    pipeline = Pipeline(rig, tmp_path, workers=2, sinks=2)
    tended, feed = Tended(pipeline), Feed(pipeline, stream, evidence.seed)
    with running(*pipeline.streams, *pipeline.sinks):
        feed.start()
        try:
            for number in range(KILLS):
                topic = (rig.kafka.raw_topic, rig.kafka.enriched_topic, COMMITS)[number % 3]
                feed.allowed = (number + 1) / (KILLS + 1)
                before = tended.stored()
                tended.wait_for(lambda before=before: tended.stored() > before, "stored")  # type: ignore[misc]
                tended.wait_for(lambda: is_whole(rig.kafka), "every replica in sync")
                leaders = described(rig.kafka, topic)
                victim = cluster.nodes[leaders[random.choice(sorted(leaders))]["leader_id"]]
                victim.kill()
                evidence.count({"broker": 1})
                killed, confirmed, stored = time.monotonic(), len(feed.confirmed), tended.stored()
                feed.allowed += 0.5 / (KILLS + 1)
                tended.wait_for(lambda n=confirmed: len(feed.confirmed) > n + 200, "confirmed without it")  # type: ignore[misc]
                tended.wait_for(lambda n=stored: tended.stored() > n + 200, "stored without it")  # type: ignore[misc]
                print(f"leader of {topic} killed: flowing again after {time.monotonic() - killed:.1f} s")
                victim.start()
            feed.allowed = 1.0
            tended.wait_for(lambda: feed.is_done, "all sent")
            assert len(feed.confirmed) == len(stream.records)
            tended.wait_for(lambda: is_settled(rig, feed), "settled")
        finally:
            feed.stop()
    outcome = check(rig, stream, feed.confirmed)
    print(outcome, f"; roles ended by themselves {tended.exits}")
    assert outcome.faults == {}
    assert outcome.balance.rejected == stream.rejected


def is_settled(rig: Rig, feed: Feed) -> bool:
    found = rig.balance()
    return found.in_flight == 0 and count(found) >= len(feed.confirmed)


@pytest.mark.faults
def test_one_broker_alone_confirms_nothing(rig: Rig, cluster: Cluster) -> None:
    """Two of three gone: a record that would lie on one broker alone is not confirmed; once they are back, it is."""
    leader = described(rig.kafka, rig.kafka.raw_topic)[rig.kafka.raw_topic, 0]["leader_id"]
    others = [node for number, node in cluster.nodes.items() if number != leader]
    producer = KafkaProducer(bootstrap_servers=cluster.nodes[leader].bootstrap, acks="all")
    producer.send(rig.kafka.raw_topic, b"before", partition=0).get(30)
    for node in others:
        node.kill()
    lonely = producer.send(rig.kafka.raw_topic, b"lonely", partition=0)
    with pytest.raises(KafkaError):
        lonely.get(8)
    for node in others:
        node.begin()
    for node in others:
        node.start()
    lonely.get(90)
    producer.close()
    values = [record.value for record in rig.read_all(rig.kafka.raw_topic)]
    assert values == [b"before", b"lonely"]
