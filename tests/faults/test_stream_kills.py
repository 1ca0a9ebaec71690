"""Workers, the broker and a transactional producer killed under load on a real broker: nothing lost, no gap."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaProducer
from tests.faults.harness import PARTITIONS, Stage, event, frozen, stage_of, wait_until
from tests.faults.load import RUN, load, wait_for_outputs

from trailhouse.producers.settings import KafkaSettings


@pytest.fixture
def stage(kafka_settings: KafkaSettings, tmp_path: Path) -> Any:
    with stage_of(kafka_settings, tmp_path) as made:
        yield made


def test_workers_killed_under_load(stage: Stage) -> None:
    """Two workers, three killed without a word, two joining, one leaving: repeats at most."""
    random = Random(3)
    workers = [stage.start(TRAILHOUSE_STREAM_INSTANCE=f"w{number}") for number in range(2)]
    with load(stage, runs=60, pause_s=0.15):
        wait_for_outputs(stage)
        for number in (0, 1, 0):
            time.sleep(random.uniform(0.5, 2))
            workers[number].kill()
            workers[number].wait()
            workers[number] = stage.start(TRAILHOUSE_STREAM_INSTANCE=f"w{number}")
        time.sleep(1)
        extra = stage.start()
        time.sleep(2)
        extra.terminate()
        stage.status_of(extra)
    stage.wait_until_done()
    verdict = stage.check()
    assert len(verdict.lines) == 60 * RUN


def test_a_zombie_repeats_and_no_more(stage: Stage) -> None:
    """A worker paused beyond its session, while another took over its partitions, cannot move the group's offsets."""
    zombie = stage.start()
    with load(stage, runs=80, pause_s=0.1):
        wait_for_outputs(stage, PARTITIONS)
        stage.start()
        with frozen(zombie):
            before = stage.committed()
            wait_until(lambda: all(at > before[each] for each, at in stage.committed().items()), stage.state)
    stage.wait_until_done()
    verdict = stage.check()
    assert len(verdict.lines) == 80 * RUN


def test_the_broker_killed_under_load(stage: Stage, kafka_broker: Any) -> None:
    """Workers wait or end with 70 and are started again, as a supervisor does; what the broker took is not lost."""
    worker = stage.start()
    stage.send([event() for _ in range(4000)])
    wait_for_outputs(stage)
    kafka_broker.kill()
    kafka_broker.restart()
    stage.send([event() for _ in range(4000)])
    for _ in range(5):
        if worker.poll() is not None:
            assert worker.returncode in {70, 75}, stage.log_of(worker)
            worker = stage.start()
        wait_until(lambda: not stage.is_anyone_alive or stage.committed() == stage.wanted(), stage.state)
        if worker.poll() is None:
            break
    stage.wait_until_done()
    assert len(stage.check().lines) == 8000


def test_a_transactional_producer(stage: Stage) -> None:
    """Aborted records are never seen; the control records between leave no gap, also through a kill."""
    producer = KafkaProducer(
        bootstrap_servers=stage.settings.bootstrap,
        acks="all",
        transactional_id=stage.group,
        compression_type="gzip",
    )
    producer.init_transactions()
    worker = stage.start(TRAILHOUSE_STREAM_INSTANCE="w")
    committed = 0
    for number in range(60):
        producer.begin_transaction()
        kept = number % 4 != 3
        sent = [
            producer.send(
                stage.settings.raw_topic,
                event(correlation_id="kept" if kept else "aborted"),
                partition=each % PARTITIONS,
            )
            for each in range(50)
        ]
        for each in sent:
            each.get(timeout=30)
        if kept:
            producer.commit_transaction()
            committed += 50
        else:
            producer.abort_transaction()
        if number == 30:
            wait_for_outputs(stage)
            worker.kill()
            worker.wait()
            worker = stage.start(TRAILHOUSE_STREAM_INSTANCE="w")
    producer.close()
    stage.wait_until_done()
    verdict = stage.check()
    assert len(verdict.lines) == committed
    assert {line["correlation_id"] for line in verdict.lines} == {"kept"}
    wider = [line for line in verdict.lines if line["from"] < line["offset"]]
    assert len(wider) >= 60, "no line accounts for a control record"
