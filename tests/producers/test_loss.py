"""The loss table of docs/sdk.md: 2 000 events (20 000), and every way a program can end. Every row reads full.

Others at the same rows: posthog 7.91 delivers 2 000, 400, 4 800, 2 000 / 300, 300, 0; segment 2.4 200, 100, 1 400,
0 / 0, 200, 0.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.producers.programs import NEXT, left, numbers, run
from tests.producers.test_transport import create_raw_topic

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers import KafkaSettings

EVENTS = 2000
OPEN = "trail = AuditProducer(kafka, spool=folder)\n"


@pytest.fixture
def raw_topic(kafka_settings: KafkaSettings) -> KafkaSettings:
    create_raw_topic(kafka_settings)
    return kafka_settings


@contextmanager
def slowed(broker: LocalKafka) -> Iterator[None]:
    """A broker that answers a few times a second: it is frozen most of the time."""
    pid, stop = broker.pid, threading.Event()
    assert pid is not None

    def hinder() -> None:
        while not stop.wait(0.05):
            os.kill(pid, signal.SIGSTOP)
            stop.wait(0.25)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=hinder)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


FORKED = """
child = os.fork()
if child == 0:
    work(trail, 2000)
    {end}
os.waitpid(child, 0)
"""
BY_ITSELF = {
    "exit": f"work(trail, {EVENTS})",
    "exit after 20 000": "work(trail, 20_000)",
    "exit by an exception": f"work(trail, {EVENTS})\nraise KeyError",
    "fork, child exits": FORKED.format(end="sys.exit(0)"),
    "fork, child calls os._exit": FORKED.format(end="os._exit(0)"),
}
BY_THE_NEXT = {
    "SIGTERM": f"work(trail, {EVENTS})\nos.kill(os.getpid(), signal.SIGTERM)",
    "kill -9": f"work(trail, {EVENTS})\nos.kill(os.getpid(), signal.SIGKILL)",
    "os._exit": f"work(trail, {EVENTS})\nos._exit(0)",
    "kill -9, level safe": (
        "trail = AuditProducer(kafka, spool=SpoolSettings(dir=folder, level='safe'))\n"
        f"work(trail, {EVENTS})\nos.kill(os.getpid(), signal.SIGKILL)"
    ),
}


@pytest.mark.parametrize("row", BY_ITSELF.values(), ids=BY_ITSELF.keys())
def test_a_program_that_ends_has_delivered_everything(
    row: str, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Once each, by itself, and nothing stays in the spool."""
    run(OPEN + row, raw_topic, tmp_path)
    assert numbers(raw_topic) == dict.fromkeys(range(20_000 if "20_000" in row else EVENTS), 1)
    assert left(tmp_path) == 0


def test_a_slow_broker_is_waited_for(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Four answers a second: the program ends when everything is confirmed."""
    with slowed(kafka_broker):
        status, _, trouble = run(OPEN + f"work(trail, {EVENTS})", raw_topic, tmp_path)
    assert (status, trouble) == (0, "")
    assert set(numbers(raw_topic)) == set(range(EVENTS))
    assert left(tmp_path) == 0


@pytest.mark.parametrize("row", BY_THE_NEXT.values(), ids=BY_THE_NEXT.keys())
def test_what_a_killed_program_emitted_the_next_one_delivers(
    row: str, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Not one of the accepted events is missing; what was under way may be there twice."""
    run(OPEN + row, raw_topic, tmp_path)
    run(NEXT, raw_topic, tmp_path)
    assert set(numbers(raw_topic)) == set(range(EVENTS))
    assert left(tmp_path) == 0


def test_with_kafka_away_a_program_ends_soon_and_the_next_one_delivers(
    kafka_broker: LocalKafka, raw_topic: KafkaSettings, tmp_path: Path
) -> None:
    """Nothing is sent, nothing is lost, nobody waits: with and without `close`, from a parent and a child."""
    kafka_broker.kill()
    try:
        begun = time.monotonic()
        script = f"work(trail, {EVENTS})\nif os.fork() == 0:\n    work(trail, 10, {EVENTS})\n    sys.exit()"
        status, _, trouble = run(OPEN + script + "\nprint(os.wait())", raw_topic, tmp_path)
        assert status == 0
        assert f"{EVENTS} audit events stay in the spool for the next process" in trouble
        status, out, _ = run(
            OPEN + f"work(trail, 10, {EVENTS + 10})\nprint(trail.close())", raw_topic, tmp_path
        )
        assert (status, out) == (0, "Flushed(sent=0, spooled=10, failed=0)\n")
        assert time.monotonic() - begun < 20
    finally:
        kafka_broker.restart()
    run(NEXT, raw_topic, tmp_path)
    assert numbers(raw_topic) == dict.fromkeys(range(EVENTS + 20), 1)
    assert left(tmp_path) == 0
