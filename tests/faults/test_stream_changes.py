"""The group changes under load: members come, leave and restart, partitions are added. Nothing lost, no gap."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.faults.harness import PARTITIONS, Stage, event, stage_of, wait_until
from tests.faults.load import RUN, load, wait_for_outputs

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import create_topics

NOTICED_WITHIN_S = 330.0  # clients look for new partitions every five minutes


@pytest.fixture
def stage(kafka_settings: KafkaSettings, tmp_path: Path) -> Any:
    with stage_of(kafka_settings, tmp_path) as made:
        yield made


def stop(stage: Stage, worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGTERM)
    assert stage.status_of(worker) == 0, stage.log_of(worker)


def progress(stage: Stage) -> None:
    """Until every partition's committed offset has moved behind what is sent now, load or no load."""
    before = stage.committed()
    stage.send([event() for _ in range(RUN)])
    wait_until(lambda: all(at > before.get(each, 0) for each, at in stage.committed().items()), stage.state)


def test_one_worker_becomes_three_becomes_two(stage: Stage) -> None:
    """Without static names, so that each coming and going is a rebalance of all."""
    first = stage.start()
    with load(stage, runs=60, pause_s=0.1):
        wait_for_outputs(stage, PARTITIONS)
        second, _ = stage.start(), stage.start()
        wait_until(lambda: stage.members() == 3, stage.state)
        progress(stage)
        stop(stage, second)
        wait_until(lambda: stage.members() == 2, stage.state)
        progress(stage)
    stage.wait_until_done()
    assert first.poll() is None
    assert len(stage.check().lines) == 62 * RUN


def rolling_restarts(stage: Stage, times: int) -> None:
    """Two workers under names of their own, each told to stop and started again, in turn."""
    workers = [stage.start(TRAILHOUSE_STREAM_INSTANCE=f"w{number}") for number in range(2)]
    with load(stage, runs=20 * times, pause_s=0.1):
        wait_for_outputs(stage, PARTITIONS)
        for number in range(times):
            stop(stage, workers[number % 2])
            workers[number % 2] = stage.start(TRAILHOUSE_STREAM_INSTANCE=f"w{number % 2}")
            progress(stage)
    stage.wait_until_done()
    assert len(stage.check().lines) == 21 * times * RUN


@pytest.mark.faults
def test_rolling_restarts(stage: Stage) -> None:
    """Each stop ends with status 0, and the other one's partitions keep flowing."""
    rolling_restarts(stage, 2)


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_ten_rolling_restarts(stage: Stage) -> None:
    """The same ten times."""
    rolling_restarts(stage, 10)


def grow(stage: Stage) -> None:
    """Four partitions become eight while events arrive; returns when events are on the new ones."""
    with load(stage, runs=20, pause_s=0.1):
        wait_for_outputs(stage)
        create_topics(stage.settings, 2 * PARTITIONS)
    with stage.another_producer():
        for partition in range(2 * PARTITIONS):
            stage.send([event() for _ in range(50)], partition=partition)


@pytest.mark.faults
def test_partitions_added_and_workers_restarted(stage: Stage) -> None:
    """Four become eight under load, enriched first: a restarted worker takes the new ones up at once."""
    worker = stage.start()
    grow(stage)
    stop(stage, worker)
    stage.start()
    stage.wait_until_done()
    assert len(stage.check().lines) == 20 * RUN + 2 * PARTITIONS * 50


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_partitions_added_and_nobody_restarted(stage: Stage) -> None:
    """Running workers find the new ones by themselves, at the latest when they look for new metadata."""
    stage.start()
    grow(stage)
    stage.wait_until_done(NOTICED_WITHIN_S)
    assert len(stage.check().lines) == 20 * RUN + 2 * PARTITIONS * 50
