"""The sink: enriched records from Kafka into ClickHouse, each raw offset accounted for once.

Guarantee: an offset is committed only after every row before it is stored, together with the mark that says up to
which raw offset that is (`marks.py`). What a crash repeats, the mark recognises or the tables absorb:

| dies                              | afterwards                                                          |
|-----------------------------------|---------------------------------------------------------------------|
| before the insert                 | the committed pair still holds; the rows are read again              |
| in the insert, or before its reply | the same rows are inserted again; the tables are idempotent         |
| after the insert, before the commit | as above                                                           |
| after the second of two inserts, in the first | as above, for both                                       |
| after the commit                  | nothing is repeated                                                  |
| loses its partitions meanwhile    | its batch is stale and dropped; the new owner reads from the last pair |

A record beyond missing ones (a gap, `gap.py`) is not stored and the position stays before it; reading goes on, because
the missing range comes further on in the log (a refill, a worker that resumes). Once it came, the log is read again
from the gap.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    FencedInstanceIdError,
    KafkaError,
    OffsetMetadataTooLargeError,
    TopicAuthorizationFailedError,
)
from kafka.structs import OffsetAndMetadata

from trailhouse.producers.kafka_socket import connecting
from trailhouse.sinks.batch import Batch, Limits, Run
from trailhouse.sinks.burial import Burial
from trailhouse.sinks.flights import AT_ONCE, Flights
from trailhouse.sinks.gap import Gaps, Partition, baseline
from trailhouse.sinks.head import Head, read_heads
from trailhouse.sinks.ledger import entries, name_of_this_sink
from trailhouse.sinks.lookout import Lookout, log_starts
from trailhouse.sinks.marks import NOTHING_STORED, Mark, Verdict
from trailhouse.sinks.metrics import SinkMetrics
from trailhouse.sinks.settings import SinkSettings
from trailhouse.sinks.writer import Store, Writer
from trailhouse.stream import tracing
from trailhouse.stream.correlation import about
from trailhouse.stream.header_name import read_any_header_name
from trailhouse.stream.topics import TopicError

POLL_RECORDS_MAX: Final = 10_000
POLL_MS: Final = 100
# While an insert is under way or a batch is full, what comes next waits for us.
POLL_BUSY_MS: Final = 20
# The broker gathers so much, or for so long, before it answers a fetch: each costs three processes half a millisecond,
# and events that trickle in would make hundreds of them a second.
FETCH_MIN_BYTES: Final = 256 << 10
FETCH_WAIT_MS: Final = 50
FINISH_GRACE_S: Final = 3.0

log = logging.getLogger(__name__)


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """One member of the sink group. `step` does one round; `finish` stores and commits what is in hand."""

    def __init__(self, settings: SinkSettings, writer: Writer, metrics: SinkMetrics) -> None:
        self._settings, self._writer, self._metrics = settings, writer, metrics
        self._limits = Limits(settings.batch_rows, settings.batch_bytes, settings.batch_age_ms / 1000)
        self._generation, self._restored = 0, -1
        self._partitions: dict[Any, Partition] = {}
        self._batch = Batch(0, time.monotonic())
        self._flights = Flights(self._store)
        self._summing = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sum")
        self._name = name_of_this_sink(settings.instance)
        self._letters = Burial(settings.kafka)
        self._lookout = Lookout(settings)
        self._gaps = Gaps(self._lookout, metrics)
        read_any_header_name()
        self._consumer = KafkaConsumer(
            client_id="trailhouse-sink",
            group_id=settings.group,
            group_instance_id=settings.instance or None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=POLL_RECORDS_MAX,
            max_partition_fetch_bytes=4 << 20,
            fetch_max_bytes=16 << 20,
            fetch_min_bytes=FETCH_MIN_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 250),
            **connecting(settings.kafka),
        )
        # First of all the topic's partitions: a member that leads the group before it knows them assigns none to anybody.
        # If it is killed then, whoever comes back under its static name is given that, and waits for ever.
        self._consumer.partitions_for_topic(settings.kafka.enriched_topic)
        self._consumer.subscribe([settings.kafka.enriched_topic], listener=self)
        # The driver compares what it knows now with what it knew when it joined, and joins again where they differ.
        coordinator = self._consumer._coordinator  # noqa: SLF001
        coordinator._handle_metadata_update(coordinator._cluster)  # noqa: SLF001
        self._lookout.start()

    # The listener runs on the consumer's I/O thread, where no consumer method may block: it only bumps a number.
    def on_partitions_revoked(self, revoked: Any) -> None:
        # When new metadata makes the driver rejoin, it leaves this flag unset (kafka-python 3.0.12). A join that outlasts
        # its `poll` then ends in the background and is never taken up: no partitions, no heartbeats, no error, for ever.
        self._consumer._coordinator.request_rejoin()  # noqa: SLF001
        self._generation += 1

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._generation += 1

    def on_partitions_lost(self, lost: Any) -> None:
        self._generation += 1

    def step(self) -> None:
        """Fetch, judge, hand over a due batch, commit a stored one. Returns within some 100 ms. Raises what ends us."""
        is_full = self._batch.is_full(self._limits)
        if is_full and self._flights.is_full:
            self._consumer.pause(
                *self._consumer.assignment()
            )  # ClickHouse is behind; polling keeps us in the group
        wait_ms = POLL_BUSY_MS if is_full or self._flights else POLL_MS
        fetched = self._consumer.poll(wait_ms, max_records=POLL_RECORDS_MAX)
        if self._generation != self._restored:
            self._restore()
            return
        for tp, records in fetched.items():
            self._take(tp, records)
        waiting = 0
        for tp, state in self._partitions.items():
            if (position := self._gaps.look(state, self._position(tp))) is not None:
                self._consumer.seek(tp, position)
                self._batch.marks[tp] = (state.position, state.mark)
            waiting += self._measure(tp, state)
        while self._flights.is_first_done:
            self._land(timeout_s=0)
        # Behind is who could fill the batch from what waits in the log.
        is_behind = waiting + len(self._batch.lines) >= self._limits.rows
        if self._flights:
            # Beside another only a full batch takes off: small ones would cost twice the work and come no sooner.
            may_take_off = self._batch.is_full(self._limits) and not self._flights.is_full
        else:
            may_take_off = self._batch.is_due(self._limits, time.monotonic(), is_behind=is_behind)
        if may_take_off:
            self._take_off()

    @property
    def is_first(self) -> bool:
        """Whether partition 0 is ours: of several sinks, one does what needs doing once."""
        return any(state.number == 0 for state in list(self._partitions.values()))

    def finish(self, grace_s: float = FINISH_GRACE_S) -> bool:
        """Store and commit what is in hand, as far as `grace_s` allows, then leave the group; the rest comes again.

        False = an insert is still under way in its thread, which may wait for its answer for minutes.
        """
        deadline, is_idle = time.monotonic() + grace_s, True
        try:
            if self._batch.marks and self._generation == self._restored:
                self._take_off()
            while self._flights:
                self._land(timeout_s=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            with about((self._flights.first or self._batch).name):
                log.warning("stopping with %d rows not stored; they will be read again", self._flights.rows)
            self._generation += 1  # the storing threads give up their retries
            is_idle = False
        self._flights.close()
        self._summing.shutdown(wait=False)
        self._lookout.stop()
        self._consumer.close()
        return is_idle

    def _restore(self) -> None:
        """After any change of assignment: drop what is not stored; position and mark come from one committed pair."""
        generation = self._generation
        self._batch, self._partitions = Batch(generation, time.monotonic()), {}
        self._gaps.forget()
        self._writer.look_again()
        self._metrics.lag.clear()
        self._consumer.resume(
            *self._consumer.paused()
        )  # a pause outlives a rebalance on partitions that stay
        for tp in self._consumer.assignment():
            try:
                committed = self._consumer.committed(tp, metadata=True)
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning(
                    "cannot read the committed offset of partition %d yet: %s",
                    tp.partition,
                    type(error).__name__,
                )
                return
            mark = (
                Mark.from_metadata(committed.metadata)
                if committed is not None and committed.offset >= 0
                else None
            )
            if mark is None or committed is None:
                # No commit, or one whose mark was lost: read the whole log again rather than guess. Repeats are harmless.
                self._consumer.seek_to_beginning(tp)
                self._partitions[tp] = Partition(tp.partition, NOTHING_STORED, -1)
            else:
                self._consumer.seek(tp, committed.offset)
                self._partitions[tp] = Partition(tp.partition, mark, committed.offset)
        self._restored = generation
        log.info("assigned partitions %s", sorted(tp.partition for tp in self._partitions))

    def _position(self, tp: TopicPartition) -> int:
        """Where the next record comes from, control records passed over; -1 while unknown.

        `KafkaConsumer.position` would wait for a broker that is away.
        """
        state = self._consumer._subscription.assignment.get(tp)  # noqa: SLF001
        return state.position.offset if state is not None and state.position is not None else -1

    def _measure(self, tp: TopicPartition, state: Partition) -> int:
        """Set a partition's lag, and return how many offsets are not fetched yet; 0 while nobody knows.

        While ClickHouse is behind nothing is fetched that could say it: then the last look does.
        """
        fetched = self._consumer._subscription.assignment.get(tp)  # noqa: SLF001  # `highwater` ends us if it is gone
        ends = [
            fetched.highwater if fetched is not None else None,
            self._lookout.sight.ends.get(tp.partition),
        ]
        reached = self._position(tp)
        position = state.position if state.position >= 0 else reached
        known = [end for end in ends if end is not None]
        if position < 0 or not known:
            return 0
        self._metrics.lag.labels(tp.partition).set(max(0, max(known) - position))
        return max(0, max(known) - reached)

    def _take(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        """Judge records in log order. The usual case, one after the other without a gap, is all there is per record."""
        state, batch, number = self._partitions[tp], self._batch, tp.partition
        start = len(batch.lines)
        epoch, hwm = state.mark.latest
        for record, head in zip(records, read_heads([record.value for record in records]), strict=True):
            if (
                head is not None
                and head.from_offset <= hwm + 1 <= head.offset
                and head.epoch == epoch
                and head.partition == number
                and state.gap is None
            ):
                hwm = head.offset
                batch.add(record.value, head)
                continue
            if epoch:
                state.mark = state.mark.advanced(epoch, hwm)
            if self._take_unusual(tp, state, record, head):
                break  # the log is read again from where the gap was
            epoch, hwm = state.mark.latest
        else:
            if epoch:
                state.mark = state.mark.advanced(epoch, hwm)
            if state.gap is None:
                state.position = records[-1].offset + 1
        batch.marks[tp] = (state.position, state.mark)
        batch.runs.append(Run(start, len(batch.lines), records[0].offset, records[-1].offset))

    def _take_unusual(self, tp: TopicPartition, state: Partition, record: Any, head: Head | None) -> bool:
        """A repeat, a record beyond a gap or one that fills it, another topic id, a stranger. True = read again."""
        if head is None or head.partition != tp.partition:
            # Not a worker's record. It accounts for no raw offset, so passing it over can lose nothing:
            # had it stood for one, the next record would show the gap.
            self._metrics.foreign.inc()
            log.error(
                "record at offset %d of partition %d was not written by a stream worker; passed over",
                record.offset,
                tp.partition,
            )
            return False
        if not state.mark.hwms and state.gap is None and head.from_offset and not self._begin(state, head):
            self._consumer.seek(tp, record.offset)
            return True
        verdict = state.mark.judge(head.epoch, head.from_offset, head.offset)
        if verdict is Verdict.REPEAT:
            self._metrics.repeats.inc()
            self._batch.repeats[tp.partition] += 1
        elif verdict is Verdict.NEXT:
            self._batch.add(record.value, head)
            state.mark = state.mark.advanced(head.epoch, head.offset)
            if state.gap is not None and state.mark.hwm(state.gap.epoch) >= state.gap.last:
                self._consumer.seek(tp, self._gaps.close(state, "filled"))
                return True
        elif state.gap is None:
            state.position = record.offset
            self._gaps.open(state, record.offset, head.epoch, head.from_offset - 1)
        return False

    def _begin(self, state: Partition, head: Head) -> bool:
        """The first record of a partition does not begin at 0: ask where its raw log does. False = nobody answers yet."""
        try:
            starts = log_starts(self._settings.kafka)
        except (KafkaError, TopicError) as error:
            log.warning("cannot read where the raw log of partition %d starts yet: %s", state.number, error)
            return False
        if first := baseline(state, head.epoch, head.from_offset, starts):
            state.mark = state.mark.advanced(head.epoch, first - 1)
        return True

    def _take_off(self) -> None:
        """Hand the batch to a storing thread and start the next one."""
        batch, self._batch = self._batch, Batch(self._generation, time.monotonic())
        self._flights.take_off(batch)
        if self._consumer.paused():
            self._consumer.resume(*self._consumer.paused())

    def _store(self, batch: Batch, is_stored_before: Callable[[], bool]) -> bool:
        """In a storing thread. True when every row is stored, False when the batch went stale."""
        store = Store(
            self._writer,
            is_stale=lambda: batch.generation != self._generation,
            bury=self._bury,
            on_retry=self._metrics.retries.inc,
        )
        summing = self._summing.submit(
            entries, batch, self._name
        )  # meanwhile: it takes as long as a tenth of the insert
        with about(batch.name), tracing.span("INSERT landing", "client") as span:
            if tracing.is_on():
                span.set(batch.told())
            began = time.monotonic()
            is_stored = all(store.store(lines) for lines in batch.inserts())
            waited = time.monotonic()
            is_stored = is_stored and is_stored_before()
            waited = time.monotonic() - waited
            is_stored = is_stored and store.record(summing.result())
            self._metrics.insert_seconds.observe(time.monotonic() - began - waited)
            span.set({"trailhouse.outcome": "stored" if is_stored else "stale"})
            return is_stored

    def _bury(self, head: Head, line: bytes, why: str) -> None:
        """The dead letter of a poison row; raises when Kafka has it not (then nothing is committed)."""
        self._letters.bury(head, line, why)
        self._metrics.poison.inc()

    def _land(self, *, timeout_s: float) -> None:
        """Commit the batch that took off first once it is stored; raises `TimeoutError` when it is not in time.

        A stale batch is forgotten: its rows come again, here or elsewhere.
        """
        batch, is_stored = self._flights.land(timeout_s)
        if batch.generation != self._generation:
            return
        if not is_stored:
            # What was read after it must not be committed.
            raise RuntimeError(
                f"{len(batch.lines)} rows are neither stored nor stale: read again from the last pair"
            )
        offsets = {
            tp: OffsetAndMetadata(position, mark.to_metadata(), -1)
            for tp, (position, mark) in batch.marks.items()
            if position >= 0
        }
        try:
            if offsets:
                self._consumer.commit(offsets)
        except (FencedInstanceIdError, OffsetMetadataTooLargeError, TopicAuthorizationFailedError):
            raise
        except KafkaError as error:
            with about(batch.name):
                log.warning("commit failed (%s); the pair committed before still holds", type(error).__name__)
        self._count(batch)

    def _count(self, batch: Batch) -> None:
        if not batch.lines:
            return
        self._metrics.rows.labels("stored").inc(len(batch.lines) - batch.rejected)
        self._metrics.rows.labels("rejected").inc(batch.rejected)
        self._metrics.newest.set(datetime.fromisoformat(batch.heads[-1].received_at).timestamp())
