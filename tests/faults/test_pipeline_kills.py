"""Stream, sink, ClickHouse and broker killed in the middle of a stream, again and again: the same numbers as without."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.e2e.pipeline import Pipeline
from tests.e2e.stream import imagine
from tests.faults.checker import check
from tests.faults.evidence import Evidence
from tests.faults.storm import Storm
from tests.sinks.rig import Rig

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka

VICTIMS = ("stream", "sink", "clickhouse", "broker")
# Together more than 200 sinks, 50 engines, 30 workers and 10 brokers.
LONG = {"stream": 12, "sink": 68, "clickhouse": 18, "broker": 5}
STORMS = 3


@pytest.fixture
def stores(
    clickhouse_server: LocalClickHouse, kafka_broker: LocalKafka
) -> tuple[LocalClickHouse, LocalKafka]:
    return clickhouse_server, kafka_broker


@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [5, pytest.param(10, marks=pytest.mark.faults)])
def test_kills_of_everything_change_no_number(
    rig: Rig, tmp_path: Path, stores: tuple[LocalClickHouse, LocalKafka], evidence: Evidence, times: int
) -> None:
    """SIGKILL of worker, sink, engine and broker, so many times each: reports equal brute force, the books close."""
    kills: dict[str, int] = dict.fromkeys(VICTIMS, times)
    stream = imagine(11, people=25, days=60, history=800)
    pipeline = Pipeline(rig, tmp_path)
    storm = Storm(pipeline, stream, stores, 41, kills, pause_s=0.5)
    storm.run()
    evidence.count(storm.kills)
    outcome = check(rig, stream, storm.feed.confirmed)
    print(outcome, storm.told())
    # What Kafka never confirmed is nobody's loss, but then it is not this test either.
    assert len(storm.feed.confirmed) == len(stream.records)
    assert storm.kills == Counter(kills)
    assert outcome.faults == {}
    assert outcome.balance.rejected == stream.rejected


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(STORMS))
def test_storms_over_pairs_of_processes(
    rig: Rig,
    tmp_path: Path,
    stores: tuple[LocalClickHouse, LocalKafka],
    evidence: Evidence,
    number: int,
) -> None:
    """Two workers, two sinks, a hundred kills of everything, three times over."""
    seed = evidence.seed + number
    stream = imagine(seed, people=60, days=90, history=3000)
    pipeline = Pipeline(rig, tmp_path, workers=2, sinks=2)
    storm = Storm(pipeline, stream, stores, seed, LONG)
    storm.run()
    evidence.count(storm.kills)
    outcome = check(rig, stream, storm.feed.confirmed)
    print(outcome, storm.told())
    # What Kafka never confirmed is nobody's loss, but then it is not this test either.
    assert len(storm.feed.confirmed) == len(stream.records)
    assert outcome.faults == {}
    assert outcome.balance.rejected == stream.rejected
