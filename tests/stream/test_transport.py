"""`transport`: what a fetch accounts for, what counts as acknowledged, what is committed; with scripted fetch results."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final

import pytest
from aiokafka.consumer.fetcher import FetchError, FetchResult
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import ConsumerStoppedError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from trailhouse.stream.transport import Consumer, ConsumerThread, Fetch, Transport, drain, fetch

TP0: Final = TopicPartition("raw", 0)


class Records:
    """A batch as the fetcher holds it: `offsets` are records, the other offsets up to `end` control or aborted ones."""

    def __init__(self, start: int, offsets: list[int], end: int) -> None:
        self.next_fetch_offset = start
        self._offsets, self._end = offsets, end

    def __iter__(self) -> Iterator[SimpleNamespace]:
        return self

    def __next__(self) -> SimpleNamespace:
        if not self._offsets:
            self.next_fetch_offset = self._end
            raise StopIteration
        offset = self._offsets.pop(0)
        self.next_fetch_offset = offset + 1
        return SimpleNamespace(offset=offset, topic="raw", partition=0, timestamp=5000, timestamp_type=1)


class Log:
    """A partition as aiokafka knows it under one assignment."""

    def __init__(self, position: int) -> None:
        async def make() -> Assignment:
            return Assignment([TP0])

        self.assignment = asyncio.run(make())
        self.state = self.assignment.state_value(TP0)
        self.state.seek(position)

    def result(self, offsets: list[int], end: int) -> FetchResult:
        """A fetch result from the current position."""
        records = Records(self.state.position, offsets, end)
        return FetchResult(TP0, assignment=self.assignment, partition_records=records, backoff=0)

    def drain(self, offsets: list[int], end: int | None = None) -> Fetch | None:
        """What `drain` makes of a batch that ends at `end`, by default behind its last record."""
        return drain(self.result(offsets, offsets[-1] + 1 if end is None else end), None)


@pytest.fixture
def log() -> Log:
    return Log(10)


def seen(fetched: Fetch | None) -> tuple[int, list[int], bool]:
    """`from_offset`, offsets and `is_first` of a fetch."""
    assert fetched is not None
    return fetched.from_offset, [record.offset for record in fetched.records], fetched.is_first


# drain


def test_fetches_form_a_chain(log: Log) -> None:
    """Each begins where the one before ended; only the first of an assignment has no predecessor."""
    assert seen(log.drain([10, 11])) == (10, [10, 11], True)
    assert seen(log.drain([12])) == (12, [12], False)
    assert seen(log.drain([13, 14])) == (13, [13, 14], False)


def test_a_large_batch_becomes_several_fetches(log: Log) -> None:
    """At most `max_records` at once, chained like any others."""
    result = log.result([10, 11, 12], 13)
    assert seen(drain(result, 2)) == (10, [10, 11], True)
    assert seen(drain(result, 2)) == (12, [12], False)


def test_control_records_before_and_behind_are_no_loss(log: Log) -> None:
    """The next fetch accounts for them: `from` lies before them."""
    assert seen(log.drain([11, 12], end=14)) == (10, [11, 12], True)
    assert seen(log.drain([14], end=15)) == (13, [14], False)


def test_a_fetch_of_control_records_alone_keeps_from(log: Log) -> None:
    """It moves the position and not the chain."""
    log.drain([10])
    assert log.drain([], end=13) is None
    assert log.state.position == 13
    assert log.drain([], end=14) is None
    assert seen(log.drain([14])) == (11, [14], False)


def test_control_records_at_the_start_leave_the_first_fetch_the_first(log: Log) -> None:
    """Nothing was fetched before it that could have been dropped."""
    assert log.drain([], end=12) is None
    assert seen(log.drain([12])) == (10, [12], True)
    assert seen(log.drain([13])) == (13, [13], False)


def test_a_seek_begins_a_new_chain(log: Log) -> None:
    """Also one backwards, and one by an offset reset: the fetch after it has no predecessor."""
    log.drain([10, 11])
    log.state.seek(5)
    assert seen(log.drain([5])) == (5, [5], True)
    log.state.seek(500)
    assert seen(log.drain([500])) == (500, [500], True)


def test_a_new_assignment_begins_anew(log: Log) -> None:
    """The chain lives and dies with the assignment, whatever the position."""
    log.drain([10, 11])
    assert seen(Log(12).drain([12])) == (12, [12], True)


def test_nothing_is_taken_under_an_old_assignment(log: Log) -> None:
    """Those records belong to somebody else now."""
    result = log.result([10], 11)
    log.assignment._unassign()
    assert drain(result, None) is None


def test_nothing_is_taken_from_a_position_that_moved(log: Log) -> None:
    """A fetch that was under way during a seek is dropped, and the chain goes on from the seek."""
    result = log.result([10], 11)
    log.state.seek(8)
    assert drain(result, None) is None
    assert log.state.position == 8
    assert seen(log.drain([8])) == (8, [8], True)


def test_nothing_is_taken_while_paused(log: Log) -> None:
    """And the chain does not move."""
    log.drain([10])
    result = log.result([11], 12)
    log.state._paused = True
    assert drain(result, None) is None
    log.state._paused = False
    assert seen(log.drain([11])) == (11, [11], False)


def test_a_position_not_known_yet_is_no_error() -> None:
    """Between assignment and the answer to where to begin."""

    async def assign() -> Assignment:
        return Assignment([TP0])

    unset: Any = FetchResult(TP0, assignment=asyncio.run(assign()), partition_records=None, backoff=0)
    unset.getall = lambda _: []  # the real one asserts a position
    assert drain(unset, None) is None


def test_a_fetch_is_current_as_long_as_its_assignment(log: Log) -> None:
    """Whoever writes it asks just before."""
    fetched = log.drain([10])
    assert fetched is not None
    assert (fetched.is_current, fetched.next_offset) == (True, 11)
    log.assignment._unassign()
    assert not fetched.is_current


# fetch


class Fetcher:
    """The parts of aiokafka's fetcher that `fetch` touches."""

    _closed = False

    def __init__(self, records: dict[TopicPartition, Any], assigned: set[TopicPartition]) -> None:
        self._records = records
        self._wait_consume_future = object()
        self.notified = 0
        self._subscriptions = SimpleNamespace(
            fetch_context=lambda: SimpleNamespace(__enter__=None, __exit__=None),
            reassignment_in_progress=False,
            is_assigned=assigned.__contains__,
        )
        self._subscriptions.fetch_context = Context

    def _notify(self, _: object) -> None:
        self.notified += 1

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()


class Context:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def fetch_from(
    fetcher: Fetcher, partitions: set[TP] | None = None, max_records: int = 100
) -> dict[Any, Fetch]:
    consumer: Any = SimpleNamespace(_fetcher=fetcher, _closed=False)
    return asyncio.run(fetch(consumer, partitions, 0.01, max_records))


def test_what_was_drained_makes_room_for_the_next_fetch(log: Log) -> None:
    """The fetcher is told, once, and only when nothing is left of the batch."""
    fetcher = Fetcher({TP0: log.result([10, 11, 12], 13)}, {TP0})
    assert seen(fetch_from(fetcher, max_records=2)[TP0]) == (10, [10, 11], True)
    assert (list(fetcher._records), fetcher.notified) == ([TP0], 0)
    assert seen(fetch_from(fetcher)[TP0]) == (12, [12], False)
    assert (list(fetcher._records), fetcher.notified) == ([], 1)
    assert fetch_from(fetcher) == {}


def test_other_partitions_are_left_or_forgotten(log: Log) -> None:
    """A partition that is ours but not wanted now waits; one that is not ours any more goes."""
    other = TopicPartition("raw", 1)
    fetcher = Fetcher({TP0: log.result([10], 11)}, {TP0})
    assert fetch_from(fetcher, {TP("raw", 1)}) == {}
    assert list(fetcher._records) == [TP0]
    fetcher = Fetcher({other: log.result([10], 11)}, {TP0})
    assert fetch_from(fetcher, {TP("raw", 0)}) == {}
    assert list(fetcher._records) == []


def test_a_fetch_error_is_raised() -> None:
    """Once: it is not met again after a retry."""
    fetcher = Fetcher({TP0: FetchError(error=TopicAuthorizationFailedError("raw"), backoff=0)}, {TP0})
    with pytest.raises(TopicAuthorizationFailedError):
        fetch_from(fetcher)
    assert (list(fetcher._records), fetcher.notified) == ([], 1)


def test_a_closed_consumer_fetches_nothing() -> None:
    """It says so."""
    fetcher = Fetcher({}, set())
    fetcher._closed = True
    with pytest.raises(ConsumerStoppedError):
        fetch_from(fetcher)


# Consumer


class Stalled(Consumer):
    """A consumer without an app: what `ack` and commits work on, and no more."""

    queued_records_max = 100

    def __init__(self) -> None:
        self._acked = defaultdict(list)
        self._unacked_messages: Any = set()
        self._waiting_for_ack = None
        self.flow_active = True
        self.queued = 0
        self.calls: list[str] = []
        self.drained = {}

    def queued_records(self) -> int:
        return self.queued

    async def before_commit(self) -> None:
        self.calls.append("before_commit")


class Message:
    """What Faust keeps of a message, as far as `ack` looks."""

    def __init__(self, fetched: Fetch | None) -> None:
        self.acked, self.tp, self.value = False, TP("raw", 0), fetched


def message_of(fetched: Fetch | None) -> Any:
    return Message(fetched)


def written(log: Log, offsets: list[int]) -> Any:
    fetched = log.drain(offsets)
    assert fetched is not None
    fetched.is_written = True
    return message_of(fetched)


def test_the_last_written_fetch_is_committed(log: Log) -> None:
    """Once: asked again, there is nothing new."""
    consumer = Stalled()
    assert consumer.ack(written(log, [10, 11]))
    assert consumer.ack(written(log, [12, 15]))
    assert consumer._new_offset(TP("raw", 0)) == 16
    assert consumer._new_offset(TP("raw", 0)) is None


def test_a_fetch_that_was_only_skipped_is_not_committed(log: Log) -> None:
    """Faust acknowledges what it skipped; the offset before it stays."""
    consumer = Stalled()
    consumer.ack(written(log, [10]))
    assert consumer.ack(message_of(log.drain([11])))
    assert consumer._new_offset(TP("raw", 0)) == 11
    consumer.ack(message_of(log.drain([12])))
    assert consumer._new_offset(TP("raw", 0)) is None


def test_a_message_is_acknowledged_once(log: Log) -> None:
    """The second time changes nothing."""
    consumer, message = Stalled(), written(log, [10])
    assert consumer.ack(message)
    assert message.acked
    assert not consumer.ack(message)


def test_an_acknowledged_message_is_no_longer_waited_for(log: Log) -> None:
    """Stopping waits for the unacknowledged ones; skipped ones are done with too."""
    consumer, message = Stalled(), message_of(log.drain([10]))
    consumer._unacked_messages = {message}
    consumer.ack(message)
    assert consumer._unacked_messages == set()


@pytest.mark.parametrize("before_ack", [True, False])
def test_nothing_is_committed_under_an_old_assignment(log: Log, *, before_ack: bool) -> None:
    """Whether it ended before the write was acknowledged or after: whoever has the partition now decides."""
    consumer, message = Stalled(), written(log, [10])
    if before_ack:
        log.assignment._unassign()
    consumer.ack(message)
    if not before_ack:
        log.assignment._unassign()
    assert consumer._new_offset(TP("raw", 0)) is None


def test_a_late_write_does_not_displace_a_current_one(log: Log) -> None:
    """A partition that went away and came back: what was written under the old assignment says nothing now."""
    consumer, late, again = Stalled(), written(log, [10]), Log(10)
    log.assignment._unassign()
    consumer.ack(written(again, [10, 11]))
    consumer.ack(late)
    assert consumer._new_offset(TP("raw", 0)) == 12


def test_every_offset_is_tried_again() -> None:
    """Faust remembers what it tried to commit as committed, also when that failed."""
    consumer = Stalled()
    assert consumer._should_commit(TP("raw", 0), 0)
    assert consumer._should_commit(TP("raw", 0), 5)


def test_the_topic_is_confirmed_before_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets of a topic that is no longer there must not move the group in the one that has its name."""
    consumer = Stalled()

    async def commit(self: Stalled, offsets: Any, start: bool) -> bool:
        self.calls.append(f"commit {offsets}")
        return True

    monkeypatch.setattr(driver.Consumer, "_commit_offsets", commit)
    assert asyncio.run(consumer._commit_offsets({TP("raw", 0): 5}))
    assert consumer.calls == ["before_commit", f"commit { ({TP('raw', 0): 5}) }"]


def getmany(
    monkeypatch: pytest.MonkeyPatch, consumer: Stalled, answer: Callable[[], Any], timeout: float
) -> Any:
    async def parent(self: Any, partitions: Any, timeout: float) -> Any:
        return answer()

    monkeypatch.setattr(driver.Consumer, "_getmany", parent)
    return asyncio.run(consumer._getmany(None, timeout))


def test_a_fetch_travels_as_one_message(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    """Faust sees a list of one, whatever number of records is in it."""
    fetched = log.drain([10, 11])
    assert getmany(monkeypatch, Stalled(), lambda: {TP0: fetched}, 1) == {TP0: [fetched]}


def test_fetching_waits_while_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded in records; when the time is over without room, nothing was fetched."""
    consumer = Stalled()
    consumer.queued = 100
    assert getmany(monkeypatch, consumer, lambda: pytest.fail("fetched"), 0.02) == {}
    consumer.queued = 99
    assert getmany(monkeypatch, consumer, lambda: {"fetched": 1}, 0.02) == {"fetched": [1]}


def test_a_message_stands_for_its_last_record(log: Log) -> None:
    """Its offset and time are that record's; it carries the whole fetch."""
    consumer: Any = Stalled()
    consumer.app = SimpleNamespace(consumer_generation_id=7)
    fetched = log.drain([10, 11, 12])
    message = consumer._to_message(TP("raw", 0), fetched)
    assert (message.offset, message.timestamp, message.value) == (12, 5.0, fetched)
    assert message.generation_id == 7


def test_committed_records_alone_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust has no setting for that, and its own default shows aborted ones."""
    made = SimpleNamespace(_isolation_level="read_uncommitted")
    monkeypatch.setattr(
        driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda _self, _transport: made
    )
    thread = ConsumerThread.__new__(ConsumerThread)
    unused: Any = None
    assert thread._create_worker_consumer(unused)._isolation_level == "read_committed"


def test_nothing_is_fetched_while_the_flow_is_stopped() -> None:
    """Faust would drop it; otherwise what is fetched is remembered until it was written."""
    thread = ConsumerThread.__new__(ConsumerThread)
    consumer = Stalled()
    consumer.flow_active = False
    thread.consumer = consumer
    unused: Any = None
    assert asyncio.run(thread._fetch_records(unused, None)) == {}


def test_what_left_the_fetcher_is_remembered(log: Log) -> None:
    """So that the watch can find a fetch that never reached the agent."""
    thread = ConsumerThread.__new__(ConsumerThread)
    consumer: Any = Stalled()
    thread.consumer = consumer
    client: Any = SimpleNamespace(_fetcher=Fetcher({TP0: log.result([10], 11)}, {TP0}), _closed=False)
    fetched = asyncio.run(thread._fetch_records(client, None, 0.01, 100))
    assert consumer.drained == fetched
    assert list(fetched) == [TP0]


def test_faust_is_given_this_consumer() -> None:
    """By the transport that the app is set up with, and the consumer brings its thread."""
    assert Transport.Consumer is Consumer
    assert Consumer._new_consumer_thread is not driver.Consumer._new_consumer_thread
