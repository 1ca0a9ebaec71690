"""Workers as Faust's tutorials would have them, each with one of its classic mistakes: `python mutant_worker.py MUTANT`.

They read, number and write records as ours does, so that what they lose is lost by the mistake alone. The second bundle
of a partition fails once: Kafka refuses its lines.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, cast

import faust

from trailhouse.stream import app as ours
from trailhouse.stream.batches import BATCH_BYTES_MAX
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.steps import Rules
from trailhouse.stream.topics import TopicIds
from trailhouse.stream.transport import Consumer, Transport

MUTANTS = ("send_not_awaited", "take", "three_at_once", "exception_swallowed")


def create(settings: StreamSettings, mutant: str) -> faust.App:
    """The app with the mutant's agent."""
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.kafka.bootstrap}",
        datadir=settings.datadir,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_wait_empty=True,
        broker_commit_interval=0.5,
        broker_max_poll_records=settings.fetch_records,
        producer_max_batch_size=BATCH_BYTES_MAX,
        producer_max_request_size=ours.REQUEST_BYTES_MAX,
        producer_acks=-1,
    )
    raw = app.topic(settings.kafka.raw_topic, value_serializer="raw", key_serializer="raw")
    rules = Rules(Pseudonyms(settings.pepper.reveal().encode()), settings.orgs)
    ids = TopicIds(settings.kafka)
    epoch = ids.read(settings.kafka.raw_topic)
    ids.close()
    bundles = 0

    class Careless(Consumer):
        queued_records_max = settings.queued_records

        def queued_records(self) -> int:
            return 0

        async def before_commit(self) -> None: ...

        def ack(self, message: Any) -> bool:
            message.value.is_written = True  # "the framework acknowledges what I have taken"
            return super().ack(message)

        def _new_offset(self, tp: Any) -> int | None:
            """Behind the last acknowledged: numbers are what Faust's own streams acknowledge."""
            acked: list[Any] = self._acked.pop(tp, [])
            return (
                max((each if isinstance(each, int) else each.next_offset - 1 for each in acked), default=-1)
                + 1
                or None
            )

    class CarelessTransport(Transport):
        Consumer = Careless

    app.transport = CarelessTransport(app.conf.broker_consumer, app)

    async def write(fetched: Any, partition: int) -> None:
        nonlocal bundles
        bundles += 1
        number = bundles
        await app.producer.maybe_start()
        producer = cast("Any", app.producer)._ensure_producer()
        bundle = enrich_bundle(
            fetched.records, epoch=epoch, partition=partition, from_offset=fetched.from_offset, rules=rules
        )
        if number == 2 and mutant == "three_at_once":
            await asyncio.sleep(3600)  # Kafka takes its time; the next bundles go on, and are acknowledged
        if number == 2:
            raise ConnectionError("Kafka refused a bundle")
        await ours._write(producer, settings, partition, bundle)

    async def enrich(stream: Any) -> None:
        if mutant == "take":
            async for taken in stream.take(1, within=0.1):
                for fetched in taken:
                    await write(fetched, 0)
        async for event in stream.events():
            fetched = event.message.value
            if mutant == "send_not_awaited":
                asyncio.ensure_future(write(fetched, 0))  # noqa: RUF006  # the mistake
            elif mutant == "exception_swallowed":
                try:
                    await write(fetched, 0)
                except Exception as error:
                    print("cannot write:", error)
            else:
                await write(fetched, 0)

    app.agent(raw, concurrency=3 if mutant == "three_at_once" else 1)(enrich)
    return app


if __name__ == "__main__":
    made = create(StreamSettings.from_env(os.environ), sys.argv[1])
    made.finalize()
    faust.Worker(made, loglevel="WARN", quiet=True).execute_from_commandline()
