"""Events of now, at a steady rate: what a working installation does while something else is measured."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Final

from confluent_kafka import Producer

from bench.events import events
from bench.topics import PARTITIONS

ORG: Final = "org-01"
TICK_S: Final = 0.02
PEOPLE: Final = 5_000
#: Where an event of `bench.events` has its id and its time.
_HEAD: Final = '{"event_id":"'
_MIDDLE: Final = '","occurred_at":"'
_TAIL_AT: Final = len(_HEAD) + 36 + len(_MIDDLE) + 24


def short_tails() -> list[str]:
    """Ends of small events of one organisation."""
    luck = random.Random(1)
    actions = ("page:view", "run:update", "report:read", "user:login")
    return [
        f'","org_id":"{ORG}","action":"{luck.choice(actions)}","actor_user_id":"u-{number}"}}'
        for number in range(PEOPLE)
    ]


def whole_tails(count: int = 20_000) -> list[str]:
    """Ends of events as the backlogs of the other benchmarks hold them: as long, as mixed, hardly one to be rejected."""
    values = (value.decode() for value in events(count))
    return [value[_TAIL_AT:] for value in values if value[len(_HEAD) + 36 :].startswith(_MIDDLE)]


@contextmanager
def coming_in(
    bootstrap: str, topic: str, rate: float, tails: Sequence[str] | None = None
) -> Iterator[list[int]]:
    """Events of now, `rate` a second, until it is left; how many were sent."""
    sent, done = [0], threading.Event()
    # librdkafka: at ten thousand a second a client in Python would take a core of the two.
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 10, "compression.type": "lz4", "log_level": 3}
    )
    ends = cycle(tails or short_tails())
    mark = str(uuid.uuid4())[:24]

    def send() -> None:
        started = time.monotonic()
        while not done.wait(TICK_S):
            wanted = int((time.monotonic() - started) * rate)
            moment = datetime.now(UTC)
            stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
            for number in range(sent[0], wanted):
                value = f"{_HEAD}{mark}{number:012x}{_MIDDLE}{stamp}{next(ends)}"
                producer.produce(topic, value.encode(), partition=number % PARTITIONS)
            sent[0] = max(sent[0], wanted)
            producer.poll(0)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join(10)
        producer.flush(10)
