"""A Faust transport that hands an agent one partition's fetched records as one message, and loses none of them.

Faust moves records one by one between its threads, which costs more than enriching them, and acknowledges records it
skipped. Here a *fetch* of a partition travels as one message whose value is a `Fetch`: the records, the position they
were fetched from, and the assignment they belong to. What must hold, and where:

1. `from_offset` is taken where records leave the fetcher (`drain`), in the consumer's thread: taken later, records
   that Faust dropped on the way would go unnoticed. Control records (transactions) lie between it and the first
   record, and they are no loss.
2. Fetches of a partition form a chain: each begins where the one before ended. Faust drops messages silently while
   its flow is suspended; the agent sees the broken chain (`is_first` is False and no predecessor) and ends the process.
3. Only a fetch whose output was written counts as acknowledged (`is_written`), and only while its assignment is the
   active one: Faust also acknowledges what it skipped, and reads its generation number after the fetch.
4. The committed offset is that of the last written fetch: written fetches of a partition are contiguous by 2.
5. Memory is bounded in records, not in messages: fetching waits while `queued_records` is at its limit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchError, FetchResult
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from faust.types.transports import ConsumerT
from mode.utils.futures import notify

from trailhouse.stream.bundle import Record
from trailhouse.stream.lenient import KeptPartitionRecords, keep_what_is_fetched

FLOW_POLL_S: Final = 0.005
# The broker gathers so much, or for so long, before it answers a fetch. Each fetch becomes one batch for Kafka and for the
# sink, and what a batch costs the three of them together is a millisecond: events that trickle in would make hundreds a second.
FETCH_MIN_BYTES: Final = 64 << 10
FETCH_WAIT_MS: Final = 50

log = logging.getLogger(__name__)


class Fetch:
    """Records of one partition that left the fetcher together; `is_written` is set by the agent, once."""

    __slots__ = (
        "__weakref__",
        "assignment",
        "fetched_at",
        "from_offset",
        "is_first",
        "is_written",
        "records",
    )

    def __init__(self, records: list[Record], from_offset: int, assignment: Any, *, is_first: bool) -> None:
        self.records = records
        self.from_offset = from_offset
        self.assignment = assignment
        self.is_first = is_first
        self.is_written = False
        self.fetched_at = time.monotonic()

    @property
    def next_offset(self) -> int:
        return int(self.records[-1].offset) + 1

    @property
    def is_current(self) -> bool:
        """Whether the partition still belongs to us by the assignment the records were fetched under."""
        return bool(self.assignment.active)


class Chain:
    """Where the last fetch of a partition ended; kept on aiokafka's partition state, so a new assignment starts anew."""

    __slots__ = ("end", "is_first", "position")

    def __init__(self, position: int, end: int, *, is_first: bool) -> None:
        self.position = position
        self.end = end
        self.is_first = is_first


def drain(result: FetchResult, max_records: int | None) -> Fetch | None:
    """Take the records out of one fetch result and link them to the chain; None when there were none to take.

    A fetch that held only control or aborted records moves the position and leaves `end` where it was, so the next
    one covers them.
    """
    assignment = result._assignment  # noqa: SLF001  # aiokafka shows neither assignment nor state; version pinned
    state = assignment.state_value(result._topic_partition) if assignment.active else None  # noqa: SLF001
    before = state._position if state is not None else None  # noqa: SLF001  # `position` raises while unset
    if (unpacked := result._partition_records) is not None:  # noqa: SLF001
        # The batch's own records have all we read; wrapping each in a `ConsumerRecord` costs half the fetch.
        unpacked._consumer_record = _as_unpacked  # noqa: SLF001
    try:
        records = result.getall(max_records)
    except UnicodeDecodeError as error:
        log.warning(
            "%s holds a record with a header name that is no UTF-8, read with escapes: %s",
            result._topic_partition,  # noqa: SLF001
            error.reason,
        )
        again: Any = cast("KeptPartitionRecords", unpacked).leniently(cast("int", before))
        result._partition_records = again  # noqa: SLF001
        again._consumer_record = _as_unpacked  # noqa: SLF001
        records = result.getall(max_records)
    if state is None or before is None or (state._position == before and not records):  # noqa: SLF001
        return None
    chain: Chain | None = getattr(state, "trailhouse_chain", None)
    continues = chain is not None and chain.position == before
    from_offset = chain.end if chain is not None and continues else before
    is_first = chain.is_first if chain is not None and continues else True
    end = records[-1].offset + 1 if records else from_offset
    state.trailhouse_chain = Chain(state._position, end, is_first=is_first and not records)  # noqa: SLF001
    return Fetch(records, from_offset, assignment, is_first=is_first) if records else None


def _as_unpacked(tp: TopicPartition, record: Any) -> Any:
    return record


async def fetch(
    consumer: aiokafka.AIOKafkaConsumer, partitions: set[TP] | None, timeout_s: float, max_records: int
) -> dict[TopicPartition, Fetch]:
    """What `Fetcher.fetched_records` does, with each partition's records as one `Fetch`.

    Written out because that method tests for exactly its own result class, and because the position must be read in
    the same step of the event loop in which the records are taken. `max_records` bounds each partition's fetch.
    """
    fetcher: Any = consumer._fetcher  # noqa: SLF001  # as Faust's own driver does; version pinned
    if consumer._closed or fetcher._closed:  # noqa: SLF001
        raise ConsumerStoppedError
    deadline = time.monotonic() + timeout_s
    with fetcher._subscriptions.fetch_context():  # noqa: SLF001
        while True:
            if fetcher._subscriptions.reassignment_in_progress:  # noqa: SLF001
                await fetcher._subscriptions.wait_for_assignment()  # noqa: SLF001
            drained = dict(_drain_all(fetcher, partitions, max_records))
            remaining = deadline - time.monotonic()
            if drained or remaining <= 0:
                return drained
            waiter = fetcher._create_fetch_waiter()  # noqa: SLF001
            done, pending = await asyncio.wait([waiter], timeout=remaining)
            for each in pending:
                each.cancel()
            if not done or fetcher._closed:  # noqa: SLF001
                return {}
            waiter.result()  # raises authorisation errors


def _drain_all(
    fetcher: Any, partitions: set[TP] | None, max_records: int
) -> Iterator[tuple[TopicPartition, Fetch]]:
    for tp in list(fetcher._records):  # noqa: SLF001
        if partitions and tp not in partitions:
            if not fetcher._subscriptions.is_assigned(tp):  # noqa: SLF001
                del fetcher._records[tp]  # noqa: SLF001
            continue
        result = fetcher._records[tp]  # noqa: SLF001
        if isinstance(result, FetchError):
            del fetcher._records[tp]  # noqa: SLF001
            fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001
            result.check_raise()
            continue
        fetched = drain(result, max_records)
        if not result.has_more():
            del fetcher._records[tp]  # noqa: SLF001
            fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001
        if fetched is not None:
            yield tp, fetched


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to Kafka: reads committed records only, and drains them as fetches."""

    _has_joined_again = False

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        keep_what_is_fetched()
        consumer = super()._create_worker_consumer(transport)
        # Faust offers no setting for these (isolation: outside its transactions); the fetcher reads them when it starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = FETCH_MIN_BYTES, FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP] | None,
        timeout: float | None = None,  # the overridden method's argument
        max_records: int | None = None,
    ) -> Any:
        if not self.consumer.flow_active:
            return {}
        fetched = await fetch(consumer, active_partitions, timeout or 0.0, max_records or 1)
        cast("Consumer", self.consumer).drained.update(fetched)
        return fetched

    async def join_again_once(self) -> None:
        """Once in a process that has joined and got no partition: ask the group to share them out anew.

        A worker that comes back under its static name gets what it had before, and nobody looks whether that is right. It
        is nothing when its predecessor joined while the topic was being made again. Where all partitions are taken,
        asking changes nothing.
        """
        if not self._has_joined_again:
            await self.call_thread(self._join_again)

    async def _join_again(self) -> None:
        consumer = self._ensure_consumer()
        subscription = consumer._subscription.subscription  # noqa: SLF001
        if subscription is None or subscription.assignment is None:
            return
        self._has_joined_again = True
        if not subscription.assignment.tps:
            coordinator: Any = consumer._coordinator  # noqa: SLF001  # there is one: we are in a group
            coordinator.request_rejoin()

    async def hold(self, tp: TopicPartition, offset: int) -> None:
        """Fetch no more of a partition, and put its position back to `offset`; the rest of the group's life goes on."""
        await self.call_thread(self._hold, tp, offset)

    async def _hold(self, tp: TopicPartition, offset: int) -> None:
        consumer = self._ensure_consumer()
        if tp in consumer.assignment():
            consumer.pause(tp)
            consumer.seek(tp, offset)

    async def release(self, tp: TopicPartition) -> None:
        """Fetch a held partition again."""
        await self.call_thread(self._release, tp)

    async def _release(self, tp: TopicPartition) -> None:
        consumer = self._ensure_consumer()
        if tp in consumer.assignment():
            consumer.resume(tp)


class Consumer(driver.Consumer):
    """Faust's consumer with acknowledgement by written fetch (rules 3 to 5 of the module)."""

    #: Records handed to the agent and not yet taken; set by the app, read before each fetch.
    queued_records: Callable[[], int]
    queued_records_max: int
    #: Runs before offsets are committed; ends the process when the raw topic is no longer the one it was.
    before_commit: Callable[[], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: The last fetch of each partition as it left the fetcher, whether or not it reached the agent.
        self.drained: dict[TopicPartition, Fetch] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(
        self, active_partitions: Any, timeout: float
    ) -> Any:  # the overridden method's argument
        deadline = time.monotonic() + timeout
        while self.flow_active and self.queued_records() >= self.queued_records_max:
            if time.monotonic() > deadline:
                return {}
            await asyncio.sleep(FLOW_POLL_S)
        fetched = await super()._getmany(active_partitions, timeout)
        return {tp: [each] for tp, each in fetched.items()}

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        last = record.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Fetches have no gaps between them (rule 2); a message's offset is its last record's."""

    def ack(self, message: Message) -> bool:
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        fetched: Fetch = cast("Any", message.value)  # what `_to_message` put there
        if fetched.is_written and fetched.is_current:
            self._acked[message.tp] = [fetched]  # type: ignore[list-item]  # ours: the last written fetch, not a number
        notify(self._waiting_for_ack)
        return True

    def _new_offset(self, tp: TP) -> int | None:
        written: Any = self._acked.pop(tp, None)
        return written[0].next_offset if written and written[0].is_current else None

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Always: Faust compares with what it *tried* to commit, also when that failed; a repeat is harmless."""
        return True

    async def join_again_once(self) -> None:
        """Once, when we joined and got no partition: have the group share them out anew."""
        await cast("ConsumerThread", self._thread).join_again_once()

    async def hold(self, tp: TopicPartition, offset: int) -> None:
        """Fetch no more of a partition that stays ours, and begin at `offset` when it is released."""
        await cast("ConsumerThread", self._thread).hold(tp, offset)

    async def release(self, tp: TopicPartition) -> None:
        """Fetch a held partition again. Whoever drops what was fetched before must do so until then."""
        self._read_offset[TP(*tp)] = None  # Faust drops what lies before what it has read
        self.drained.pop(tp, None)
        await cast("ConsumerThread", self._thread).release(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002  # Faust's signature
        await self.before_commit()
        return await super()._commit_offsets(offsets, start_new_transaction)


class Transport(driver.Transport):
    """Set on the app through its public `transport` property."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
