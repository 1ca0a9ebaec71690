"""The Faust app: one agent that turns fetches of raw records into enriched records, exactly one for each.

Delivery: the outputs of a fetch are confirmed by Kafka before it is acknowledged, and any infrastructure error ends
the process before an acknowledgement. So a crash repeats outputs and never loses one; the sink drops the repeats.
While writes wait for Kafka, the next fetches are enriched; each partition's writes finish in the order of its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import faust
from aiokafka.producer import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from trailhouse.stream import correlation, tracing
from trailhouse.stream.batches import BATCH_BYTES_MAX, batches
from trailhouse.stream.broker_credentials import credentials
from trailhouse.stream.bundle import Bundle, DeadLetter, enrich_bundle
from trailhouse.stream.holds import Holds
from trailhouse.stream.letter import Letter
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.steps import Rules
from trailhouse.stream.topics import MissingTopic, TopicIds
from trailhouse.stream.transport import Consumer, Fetch, Transport

EXIT_INFRASTRUCTURE: Final = 70
EXIT_LOST_FETCH: Final = 71
WATCH_EVERY_S: Final = 2.0
LOST_AFTER_S: Final = 10.0
WRITES_IN_FLIGHT_MAX: Final = 8
REQUEST_BYTES_MAX: Final = 1_200_000
EPOCH_AGE_MAX_S: Final = 1.0

log = logging.getLogger(__name__)


def stop_now(status: int, why: str) -> NoReturn:
    """End the process at once, before anything can be acknowledged; the supervisor starts it again."""
    log.critical("stopping with status %d: %s", status, why)
    logging.shutdown()
    os._exit(status)


class Epoch:
    """The raw topic's id, read again when it is older than a second; another id means another topic under its name."""

    def __init__(self, settings: StreamSettings) -> None:
        self._topic = settings.kafka.raw_topic
        self._ids = TopicIds(settings.kafka)
        self._read_at = 0.0
        self._reading = (
            asyncio.Lock()
        )  # the agent, commits and the watch ask; the client serves one at a time
        self.value = ""

    async def confirm(self) -> str:
        """The id; ends the process when it changed or cannot be read (nothing was acknowledged under the new topic)."""
        async with self._reading:
            if time.monotonic() - self._read_at > EPOCH_AGE_MAX_S:
                try:
                    await self._read()
                except Exception as error:
                    stop_now(EXIT_INFRASTRUCTURE, f"cannot read the id of {self._topic}: {error}")
        return self.value

    async def watch(self) -> None:
        """End the process when the topic is gone or another while nothing flows: the group would wait for it in vain.

        A broker that does not answer is none of this method's business, for nothing depends on the id now.
        """
        if not self.value:
            return
        async with self._reading:
            try:
                await self._read()
            except MissingTopic as error:
                stop_now(EXIT_INFRASTRUCTURE, f"{error}, but it did")
            except Exception as error:
                log.warning("cannot read the id of %s: %s", self._topic, error)

    async def _read(self) -> None:
        started = time.monotonic()
        found = await asyncio.get_running_loop().run_in_executor(None, self._ids.read, self._topic)
        if self.value and found != self.value:
            stop_now(
                EXIT_INFRASTRUCTURE,
                f"{self._topic} was deleted and created again: id {found}, was {self.value}",
            )
        self.value, self._read_at = found, started


def create_app(settings: StreamSettings, metrics: StreamMetrics | None = None) -> faust.App:
    """The app with its one agent; opens nothing until it is started."""
    metrics = metrics or StreamMetrics()
    Path(settings.datadir).mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.group,
        broker=[f"kafka://{address}" for address in settings.kafka.bootstrap.split(",")],
        broker_credentials=credentials(settings.kafka.security),
        datadir=settings.datadir,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance or None,
        consumer_max_fetch_size=4 << 20,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_wait_empty=True,
        stream_buffer_maxsize=1024,
        broker_commit_interval=0.5,
        broker_max_poll_records=settings.fetch_records,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_rebalance_timeout=settings.session_timeout_s + 2,
        broker_request_timeout=settings.session_timeout_s + 10,
        producer_compression_type="zstd",
        producer_max_batch_size=BATCH_BYTES_MAX,
        producer_max_request_size=REQUEST_BYTES_MAX,
        producer_linger=0,
        producer_request_timeout=30.0,
        producer_acks=-1,
    )
    raw = app.topic(settings.kafka.raw_topic, value_serializer="raw", key_serializer="raw")
    rules = Rules(Pseudonyms(settings.pepper.reveal().encode()), settings.orgs)
    epoch = Epoch(settings)
    agent = AgentState()
    holds = Holds(
        settings, metrics, lambda: _Tap(cast("BoundConsumer", app.consumer), settings.kafka.raw_topic)
    )

    ends: dict[
        int, tuple[Any, int]
    ] = {}  # where the last fetch taken of each partition ended, and whose it was

    class BoundConsumer(Consumer):
        queued_records_max = settings.queued_records

        def queued_records(self) -> int:
            return agent.queued_records()

        async def before_commit(self) -> None:
            await epoch.confirm()

    class BoundTransport(Transport):
        Consumer = BoundConsumer

    app.transport = BoundTransport(app.conf.broker_consumer, app)

    @app.agent(raw, concurrency=1)
    async def enrich(stream: Any) -> None:
        agent.channel = stream.channel
        await app.producer.maybe_start()
        producer = cast("Any", app.producer)._ensure_producer()  # noqa: SLF001  # its aiokafka producer, for whole batches
        # Enriching makes thousands of objects that all live until the end; a collection amid them only costs time.
        # `watch` collects instead.
        gc.collect()
        gc.freeze()
        gc.disable()
        ends.clear()
        writes: dict[int, asyncio.Task[None]] = {}  # the last of each partition; it waits for the one before
        room = asyncio.Semaphore(WRITES_IN_FLIGHT_MAX)

        async def write(
            event: Any, fetched: Fetch, bundle: Bundle, previous: asyncio.Task[None] | None
        ) -> None:
            partition = event.message.partition
            try:
                if previous is not None:
                    # Before sending: two batches of a partition that wait for room may overtake each other.
                    await previous
                await _write(producer, settings, partition, bundle)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and app.should_stop:
                    raise
                place = f"partition {partition} from offset {fetched.from_offset}"
                stop_now(EXIT_INFRASTRUCTURE, f"could not write {place}: {type(error).__name__}: {error}")
            fetched.is_written = True
            event.ack()
            _count(metrics, fetched, bundle, partition)
            bundle.lines.clear()
            agent.writing -= 1
            room.release()

        async def write_in_span(
            event: Any, fetched: Fetch, bundle: Bundle, previous: asyncio.Task[None] | None
        ) -> None:
            age_s = time.monotonic() - fetched.fetched_at
            with tracing.span(f"process {settings.kafka.raw_topic}", "consumer", age_s=age_s) as span:
                span.set(_told(settings, event.message.partition, fetched, bundle))
                await write(event, fetched, bundle, previous)

        write_one = write_in_span if tracing.is_on() else write
        async for event in stream.noack().events():
            fetched: Fetch = event.message.value
            partition = event.message.partition
            if not fetched.is_current or holds.refuses(partition, fetched):
                event.ack()  # not ours any more, or held: acknowledged without being written, so never committed
                continue
            if not fetched.is_first and ends.get(partition) != (fetched.assignment, fetched.from_offset):
                stop_now(
                    EXIT_LOST_FETCH,
                    f"records of partition {partition} before offset {fetched.from_offset} never reached the agent",
                )
            agent.writing += 1
            await room.acquire()
            topic_id = await epoch.confirm()
            # For all that is said of this fetch, by its write, too: a task begins with the context it is made in.
            correlation.begin(
                correlation.name_of([(topic_id, partition, fetched.from_offset, fetched.next_offset - 1)])
            )
            try:
                bundle = enrich_bundle(
                    fetched.records,
                    epoch=topic_id,
                    partition=partition,
                    from_offset=fetched.from_offset,
                    rules=rules,
                )
            except Exception as error:  # no record can cause this, only the process's own state (memory)
                stop_now(
                    EXIT_INFRASTRUCTURE,
                    f"cannot enrich partition {partition}: {type(error).__name__}: {error}",
                )
            if await holds.take(partition, fetched, bundle, epoch.value):
                event.ack()
                agent.writing -= 1
                room.release()
                continue
            del fetched.records[
                :-1
            ]  # the last one tells where the next fetch begins; the others are lines by now
            ends[partition] = (fetched.assignment, fetched.next_offset)
            writes[partition] = asyncio.create_task(write_one(event, fetched, bundle, writes.get(partition)))
            await asyncio.sleep(0)  # the queue may never be empty: let the writes go on meanwhile

    @app.timer(interval=WATCH_EVERY_S)  # type: ignore[untyped-decorator]  # Faust's
    async def watch() -> None:
        """A fetch dropped on a partition that then falls quiet breaks no chain, because nothing follows it: look for it."""
        gc.collect(
            1
        )  # young objects: what outlives two looks at it is kept by a cache, and those are bounded
        await epoch.watch()
        await holds.watch(epoch.value)
        for partition, (assignment, _) in ends.items():
            if not assignment.active:  # another worker may show it now, and ours would be added to that
                with contextlib.suppress(KeyError):
                    metrics.lag.remove(partition)
        consumer = cast("BoundConsumer", app.consumer)
        await consumer.join_again_once()
        if agent.writing or agent.queued_records() or not consumer.flow_active:
            return
        for tp, fetched in list(consumer.drained.items()):
            if holds.is_held(tp.partition):
                continue
            age = time.monotonic() - fetched.fetched_at
            if fetched.is_current and not fetched.is_written and age > LOST_AFTER_S:
                stop_now(
                    EXIT_LOST_FETCH,
                    f"records of partition {tp.partition} from offset {fetched.from_offset} never reached the agent",
                )

    return app


@dataclass(frozen=True, slots=True)
class _Tap:
    """The consumer of one topic, for the holds."""

    consumer: Consumer
    topic: str

    async def hold(self, partition: int, offset: int) -> None:
        await self.consumer.hold(TopicPartition(self.topic, partition), offset)

    async def release(self, partition: int) -> None:
        await self.consumer.release(TopicPartition(self.topic, partition))


@dataclass(slots=True)
class AgentState:
    """What the consumer and the watch need to know of the one agent."""

    channel: Any = None
    writing: int = 0

    def queued_records(self) -> int:
        """Records handed over and not yet taken."""
        if self.channel is None:
            return 0
        waiting = list(self.channel.queue._queue)  # noqa: SLF001  # asyncio.Queue does not show what it holds
        return sum(len(event.message.value.records) for event in waiting)


async def _write(
    producer: AIOKafkaProducer, settings: StreamSettings, partition: int, bundle: Bundle
) -> None:
    """Write lines in order to the same partition number, dead letters beside them; returns when Kafka has all."""
    loop = asyncio.get_running_loop()
    confirmations = []
    for batch in batches(bundle.lines):
        # Packs it; in a thread, because zstd lets the others work meanwhile.
        await loop.run_in_executor(None, batch._build)  # noqa: SLF001
        confirmations.append(
            await producer.send_batch(batch, settings.kafka.enriched_topic, partition=partition)
        )
    confirmations += [
        await _send_dead_letter(producer, settings.kafka.rejected_topic, letter)
        for letter in bundle.dead_letters
    ]
    await asyncio.gather(*confirmations)


async def _send_dead_letter(producer: AIOKafkaProducer, topic: str, dead: DeadLetter) -> Any:
    key, value, headers = Letter.of(dead).to_record()
    return await producer.send(topic, value=value, key=key, headers=headers)


def _told(
    settings: StreamSettings, partition: int, fetched: Fetch, bundle: Bundle
) -> dict[tracing.Name, tracing.Value]:
    """What the span of a fetch says."""
    rejected = len(bundle.dead_letters)
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": settings.kafka.raw_topic,
        "messaging.destination.partition.id": str(partition),
        "trailhouse.offset.first": fetched.from_offset,
        "trailhouse.offset.last": fetched.next_offset - 1,
        "trailhouse.events": len(bundle.lines) - rejected,
        "trailhouse.rejected": rejected,
    }


def _count(metrics: StreamMetrics, fetched: Fetch, bundle: Bundle, partition: int) -> None:
    rejected = len(bundle.dead_letters)
    metrics.records.labels("enriched").inc(len(bundle.lines) - rejected)
    metrics.records.labels("rejected").inc(rejected)
    for letter in bundle.dead_letters:
        metrics.rejected.labels(letter.reason.value).inc()
    metrics.bundle_seconds.observe(time.monotonic() - fetched.fetched_at)
    metrics.newest.set(fetched.records[-1].timestamp / 1000)
    state = (
        fetched.assignment.state_value(next(tp for tp in fetched.assignment.tps if tp.partition == partition))
        if fetched.is_current
        else None
    )
    if state is not None and state.highwater is not None:
        metrics.lag.labels(partition).set(max(0, state.highwater - fetched.next_offset))
