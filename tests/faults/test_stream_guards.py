"""The guards themselves: each fault that would lose records ends the process, or is seen by the checker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.faults.harness import PARTITIONS, Stage, event, stage_of, wait_until
from tests.faults.load import made_again

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import TopicIds, admin

EVENTS = 4000


@pytest.fixture
def stage(kafka_settings: KafkaSettings, tmp_path: Path) -> Any:
    with stage_of(kafka_settings, tmp_path) as made:
        yield made


def test_a_fetch_that_never_reaches_the_agent_ends_the_process(stage: Stage) -> None:
    """With 71, before anything behind the hole is written; a healthy worker goes on from there."""
    stage.send([event() for _ in range(EVENTS)])
    assert stage.status_of(stage.start("drop_a_fetch")) == 71
    assert stage.verdict().gaps == 0
    stage.start()
    stage.wait_until_done()
    stage.check()


def test_a_dropped_last_fetch_ends_the_process(stage: Stage) -> None:
    """Nothing comes behind it that could break the chain: the watch finds it."""
    stage.send([event() for _ in range(EVENTS)])
    assert stage.status_of(stage.start("drop_the_last_fetch")) == 71
    stage.start()
    stage.wait_until_done()
    stage.check()


def test_an_error_before_the_acknowledgement_commits_nothing(stage: Stage) -> None:
    """The process ends with 70; what was not written is not behind the group's offset."""
    stage.send([event() for _ in range(EVENTS)])
    worker = stage.start("fail_to_write")
    assert stage.status_of(worker) == 70
    assert "refused on purpose" in stage.log_of(worker)
    verdict = stage.verdict()
    assert verdict.gaps == 0
    for partition, committed in stage.committed().items():
        assert committed <= max(verdict.offsets(partition), default=-1) + 1
    stage.start()
    stage.wait_until_done()
    stage.check()


def test_the_checker_sees_a_lost_output(stage: Stage) -> None:
    """A worker that acknowledges what it never wrote is caught downstream: that is what `from` is for."""
    stage.send([event() for _ in range(EVENTS)])
    stage.start("drop_an_output")
    stage.wait_until_done()
    assert stage.verdict().gaps > 0


def test_a_topic_made_again_is_another_epoch(stage: Stage) -> None:
    """The worker ends with 70 and commits nothing of the old one; the new one's offsets begin anew under its own id."""
    worker = stage.start()
    stage.send([event() for _ in range(1000)])
    stage.wait_until_done()
    ids = TopicIds(stage.settings)
    old = ids.read(stage.settings.raw_topic)
    with admin(stage.settings) as client:
        client.delete_topics([stage.settings.raw_topic])
    wait_until(lambda: made_again(stage.settings, PARTITIONS))
    new = ids.read(stage.settings.raw_topic)
    ids.close()
    assert new != old
    stage.send(
        [event() for _ in range(1600)]
    )  # beyond the old one's offsets: going on from those would skip records
    assert stage.status_of(worker) == 70, stage.log_of(worker)
    stage.start()
    stage.wait_until_done()
    verdict = stage.verdict()
    assert verdict.gaps == 0
    offsets = {
        (epoch, partition): [line["offset"] for line in lines]
        for (epoch, partition), lines in verdict.accepted.items()
    }
    assert offsets == {(old, each): list(range(250)) for each in range(4)} | {
        (new, each): list(range(400)) for each in range(4)
    }
