"""The breaker on a real broker: one partition waits, the others and the group go on, and nothing is lost either way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.harness import Stage, event, stage_of, wait_until

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings

SETTINGS = {"TRAILHOUSE_BREAKER_RECORDS": "100", "TRAILHOUSE_STREAM_FETCH_RECORDS": "200"}


@pytest.fixture
def stage(kafka_settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    with stage_of(kafka_settings, tmp_path) as made:
        for name, value in {
            "KAFKA_BOOTSTRAP": kafka_settings.bootstrap,
            "TOPIC_RAW": kafka_settings.raw_topic,
            "TOPIC_ENRICHED": kafka_settings.enriched_topic,
            "TOPIC_REJECTED": kafka_settings.rejected_topic,
            "STREAM_GROUP": made.group,
        }.items():
            monkeypatch.setenv(f"TRAILHOUSE_{name}", value)
        yield made


def held(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    status = run(["breaker", "list", "--format", "json"], {})
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    assert status == bool(rows)
    return rows


def test_a_held_partition_waits_and_goes_on(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """For longer than its session lasts, while the others are written; closed, it ends in order, each record once."""
    worker = stage.start(**SETTINGS)
    stage.send([event() for _ in range(50)], partition=0)
    stage.wait_until_done()
    stage.send([b"not JSON"] * 1000, partition=0)
    wait_until(lambda: "BREAKER open on partition 0" in stage.log_of(worker), stage.state)
    until = time.monotonic() + 7
    while time.monotonic() < until:
        stage.send([event() for _ in range(40)], partition=1)
    good = stage.wanted()
    wait_until(lambda: stage.committed().get(1) == good[1], stage.state)
    assert stage.committed()[0] < 200
    assert worker.poll() is None
    (row,) = held(capsys)
    assert (row["partition"], row["from_offset"]) == (0, stage.committed()[0])
    assert row["waiting"] == 1050 - stage.committed()[0]
    assert run(["breaker", "close", "3"], {}) == 1
    assert run(["breaker", "close", "0"], {}) == 0
    stage.wait_until_done()
    assert held(capsys) == []
    stage.send([event() for _ in range(300)], partition=0)
    stage.wait_until_done()
    assert stage.check().repeats == 0
    assert worker.poll() is None
    assert (
        len([each for records in stage.records(stage.settings.rejected_topic).values() for each in records])
        == 1000
    )


@pytest.mark.faults
def test_a_mended_worker_takes_what_waited(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """It was the worker's fault: nearly nothing of it was rejected, and nobody has to replay anything."""
    wrong = stage.start(**SETTINGS, TRAILHOUSE_TOPIC_ORGS="globex")
    stage.send([event() for _ in range(1000)], partition=2)
    wait_until(lambda: "BREAKER open on partition 2" in stage.log_of(wrong), stage.state)
    assert "org_denied" in stage.log_of(wrong)
    again = stage.start(**SETTINGS, TRAILHOUSE_TOPIC_ORGS="globex")
    wrong.kill()
    wait_until(lambda: "BREAKER open on partition 2" in stage.log_of(again), stage.state)
    again.kill()
    stage.start(**SETTINGS)
    stage.wait_until_done()
    rejected = [line for line in stage.check().lines if "reason" in line]
    assert len(rejected) <= 100, "no more than it takes to open the breaker, for each of two workers"
    assert held(capsys) == []
