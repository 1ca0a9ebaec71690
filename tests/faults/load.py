"""What happens around workers: events arrive, a topic is made again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from kafka.errors import KafkaError
from tests.faults.harness import Stage, event, wait_until

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import TopicError, check_topics, create_topics

RUN: Final = 200


@contextmanager
def load(stage: Stage, runs: int, pause_s: float) -> Iterator[None]:
    """Events arriving all the while: `runs` times `RUN` records over all partitions; the block ends when all are sent."""
    failed: list[Exception] = []

    def publish() -> None:
        try:
            for _ in range(runs):
                stage.send([event() for _ in range(RUN)])
                time.sleep(pause_s)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert failed == []


def wait_for_outputs(stage: Stage, partitions: int = 1) -> None:
    """Until so many partitions have a committed offset: work is under way."""
    wait_until(lambda: len(stage.committed()) >= partitions, stage.state)


def made_again(settings: KafkaSettings, partitions: int) -> bool:
    """Create what is missing; a name is free only a while after its deletion, and a topic visible a while after its creation."""
    with suppress(KafkaError, TopicError):
        create_topics(settings, partitions)
        return bool(check_topics(settings))
    return False
