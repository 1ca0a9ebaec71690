"""Events of now, at a steady rate: what a working installation does while something else is measured."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from kafka import KafkaProducer

from bench.topics import PARTITIONS

ORG: Final = "org-01"


@contextmanager
def coming_in(bootstrap: str, topic: str, rate: int) -> Iterator[list[int]]:
    """Events of now, `rate` a second, until it is left; how many were sent."""
    sent, done = [0], threading.Event()
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, compression_type="lz4")

    def send() -> None:
        started = time.monotonic()
        # Ids of its own: in a database that is kept, those of an earlier run would be conflicts.
        luck = random.Random(time.time_ns())
        while not done.wait(0.05):
            wanted = int((time.monotonic() - started) * rate)
            while sent[0] < wanted:
                producer.send(topic, value=_event(luck), partition=sent[0] % PARTITIONS)
                sent[0] += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join(10)
        producer.close()


def _event(luck: random.Random) -> bytes:
    number = luck.getrandbits(128)
    text = f"{number:032x}"
    uuid = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"
    return (
        f'{{"event_id":"{uuid}","occurred_at":"{datetime.now(UTC).isoformat(timespec="milliseconds")}","org_id":"{ORG}",'
        f'"action":"{luck.choice(("page:view", "run:update", "report:read", "user:login"))}","actor_user_id":"u-{number % 5000}"}}'
    ).encode()
