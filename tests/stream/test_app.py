"""`app`: what the agent does with fetches, without Kafka: written before acknowledged, in order, or the process ends."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP
from tests.stream.factories import encoded
from tests.stream.otlp_collector import collecting, traced

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.stream import app as module
from trailhouse.stream.app import (
    EXIT_INFRASTRUCTURE,
    EXIT_LOST_FETCH,
    LOST_AFTER_S,
    REQUEST_BYTES_MAX,
    WRITES_IN_FLIGHT_MAX,
    Epoch,
    create_app,
)
from trailhouse.stream.correlation import current
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.topics import RAW_BYTES_MAX, REJECTED_BYTES_MAX, MissingTopic, TopicIds
from trailhouse.stream.transport import Fetch

PEPPER: Final = "a pepper for tests only"


class ProcessEnded(BaseException):
    """Stands for `os._exit`; `status` is the one it was given."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(status, why)
        self.status = status


class Assignment:
    """One assignment of partitions, active or over."""

    def __init__(self) -> None:
        self.active = True
        self.tps = [SimpleNamespace(topic="audit.events", partition=partition) for partition in range(4)]

    def state_value(self, tp: Any) -> SimpleNamespace:
        return SimpleNamespace(highwater=1000)


def values_of(batch: Any) -> list[bytes]:
    """The records of a batch, as Kafka would read them."""
    return [record.value for record in cast("Any", MemoryRecords(bytes(batch._build()))).next_batch()]


class Producer:
    """Notes what is sent; `on_send` decides what becomes of a batch."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, int]] = []
        self.dead: list[dict[str, Any]] = []
        self.batches = 0
        self.on_send: Callable[[int], Any] | None = None

    async def maybe_start(self) -> None: ...

    def _ensure_producer(self) -> Producer:
        return self

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[None]:
        assert topic == "audit.enriched"
        self.batches += 1
        sent = asyncio.ensure_future(self._send(batch, partition))
        await asyncio.sleep(0)
        return sent

    async def _send(self, batch: Any, partition: int) -> None:
        if self.on_send is not None:
            await self.on_send(partition)
        self.lines += [(partition, json.loads(value)["offset"]) for value in values_of(batch)]

    async def send(self, topic: str, **fields: Any) -> asyncio.Future[None]:
        assert topic == "audit.rejected"
        self.dead.append(fields)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Stream:
    """The agent's stream: gives scripted events, then waits until all writes are over."""

    def __init__(self, events: list[Any]) -> None:
        self._events = events
        self.channel = SimpleNamespace(queue=SimpleNamespace(_queue=events))

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        self._others = len(asyncio.all_tasks())
        while self._events:
            yield self._events.pop(0)
        for _ in range(60):  # batches are built in a thread; some tests have writes that never end
            if len(asyncio.all_tasks()) == self._others:
                break
            await asyncio.sleep(0.005)


class World:
    """An app with a producer that notes what it is given."""

    def __init__(self, folder: Path) -> None:
        self.assignment = Assignment()
        self.producer: Any = Producer()
        self.metrics = StreamMetrics()
        self.acked: list[tuple[int, int]] = []
        settings = StreamSettings(pepper=Secret(PEPPER), datadir=str(folder), kafka=KafkaSettings())
        self.app = cast("Any", create_app(settings, self.metrics))
        self.app.producer = self.producer
        self.agent = next(agent for name, agent in self.app.agents.items() if name.endswith("enrich"))

    def event(
        self, start: int, end: int, partition: int = 0, *, is_first: bool = False, value: bytes | None = b""
    ) -> Any:
        """A fetch of the records `start` to `end`, exclusive."""
        records: list[Any] = [
            SimpleNamespace(
                offset=offset,
                timestamp=1_772_445_600_000,
                key=None,
                value=encoded() if value == b"" else value,
                headers=[],
            )
            for offset in range(start, end)
        ]
        fetched = Fetch(records, start, self.assignment, is_first=is_first)
        message = SimpleNamespace(partition=partition, value=fetched)
        event = SimpleNamespace(message=message)  # as `queued_records` and the agent see it
        event.ack = lambda: self.acked.append((partition, end if fetched.is_written else -1))
        return event

    def run(self, *events: Any) -> None:
        """Hand the events to the agent; returns when it took them all, raises `ProcessEnded` when it ended."""

        async def work() -> None:
            ended: list[BaseException] = []
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: None)
            before = asyncio.all_tasks()
            try:
                await self.agent.fun(Stream(list(events)))
            except ProcessEnded as error:
                ended.append(error)
            for task in asyncio.all_tasks() - before:
                task.cancel()
            if ended:
                raise ended[0]

        asyncio.run(work())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(TopicIds, "read", lambda _self, _name: "the-id")

    def stop(status: int, why: str) -> None:
        raise ProcessEnded(status, why)

    monkeypatch.setattr(module, "stop_now", stop)
    return World(tmp_path)


def test_fetches_are_written_and_acknowledged(world: World) -> None:
    """Each record once, in order, to the partition it came from."""
    world.run(
        world.event(5, 7, is_first=True),
        world.event(2, 4, 1, is_first=True),
        world.event(7, 9),
        world.event(4, 5, 1),
    )
    assert [offset for partition, offset in world.producer.lines if partition == 0] == [5, 6, 7, 8]
    assert [offset for partition, offset in world.producer.lines if partition == 1] == [2, 3, 4]
    assert sorted(world.acked) == [(0, 7), (0, 9), (1, 4), (1, 5)]


def test_what_is_said_of_a_fetch_names_it(world: World) -> None:
    """Each write has the raw offsets of its own fetch, also while another is enriched."""
    names: list[str] = []

    async def note(partition: int) -> None:
        await asyncio.sleep(0)
        names.append(current())

    world.producer.on_send = note
    world.run(world.event(5, 7, is_first=True), world.event(2, 4, 1, is_first=True), world.event(7, 8))
    assert sorted(names) == ["the-id/0/5-6", "the-id/0/7-7", "the-id/1/2-3"]


def test_a_fetch_is_one_span(world: World) -> None:
    """From its arrival to its acknowledgement; not one for each event, and none for what was not written."""
    stale = world.event(20, 22)
    stale.message.value.assignment = Assignment()
    stale.message.value.assignment.active = False
    bad = world.event(9, 11, value=b"canary@leak.example")
    with collecting() as collector:
        with traced(collector.url, "stream"):
            world.run(world.event(5, 9, is_first=True), stale, bad, world.event(2, 3, 1, is_first=True))
        spans = {each.attributes["trailhouse.correlation_id"]: each for each in collector.spans}
        assert b"canary" not in b"".join(collector.bodies)
    assert set(spans) == {"the-id/0/5-8", "the-id/0/9-10", "the-id/1/2-2"}
    assert {each.name for each in spans.values()} == {"process audit.events"}
    assert {each.parent for each in spans.values()} == {""}
    assert spans["the-id/0/9-10"].attributes == {
        "trailhouse.correlation_id": "the-id/0/9-10",
        "messaging.system": "kafka",
        "messaging.destination.name": "audit.events",
        "messaging.destination.partition.id": "0",
        "trailhouse.offset.first": 9,
        "trailhouse.offset.last": 10,
        "trailhouse.events": 0,
        "trailhouse.rejected": 2,
    }
    assert spans["the-id/0/5-8"].attributes["trailhouse.events"] == 4
    assert all(each.seconds > 0 for each in spans.values())


def test_a_fetch_that_is_not_ours_any_more_is_not_written(world: World) -> None:
    """It is acknowledged, so that nothing waits for it, and not as written."""
    event = world.event(5, 7, is_first=True)
    world.assignment.active = False
    world.run(event)
    assert (world.producer.lines, world.acked) == ([], [(0, -1)])


@pytest.mark.parametrize(
    "script",
    [
        lambda world: [world.event(5, 7)],
        lambda world: [world.event(5, 7, is_first=True), world.event(8, 9)],
        lambda world: [world.event(5, 7, is_first=True), world.event(6, 9)],
        lambda world: [world.event(5, 7, is_first=True), world.event(7, 9, 1)],
        lambda world: [world.event(5, 7, is_first=True), world.under_another_assignment(7, 9)],
    ],
    ids=["no first", "hole", "overlap", "other partition", "other assignment"],
)
def test_a_broken_chain_ends_the_process(
    world: World, script: Callable[[Any], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that Faust dropped on the way are read again after the restart."""

    def under_another_assignment(start: int, end: int) -> Any:
        world.assignment = Assignment()
        return world.event(start, end)

    monkeypatch.setattr(world, "under_another_assignment", under_another_assignment, raising=False)
    with pytest.raises(ProcessEnded) as ended:
        world.run(*script(world))
    assert ended.value.status == EXIT_LOST_FETCH


def test_a_new_assignment_may_begin_anywhere(world: World) -> None:
    """Its first fetch has no predecessor."""
    first = world.event(5, 7, is_first=True)
    world.assignment = Assignment()
    world.run(first, world.event(2, 4, is_first=True), world.event(4, 5))
    assert [offset for _, offset in world.producer.lines] == [5, 6, 2, 3, 4]


def test_nothing_is_acknowledged_before_kafka_confirmed(world: World) -> None:
    """Nor anything behind it in its partition; other partitions go on."""
    gate: list[asyncio.Future[None]] = []

    async def hold(partition: int) -> None:
        if partition == 0:
            gate.append(asyncio.get_running_loop().create_future())
            await gate[-1]

    world.producer.on_send = hold
    world.run(world.event(5, 7, is_first=True), world.event(7, 9), world.event(2, 4, 1, is_first=True))
    assert (world.acked, len(gate)) == ([(1, 4)], 1)
    assert world.producer.batches == 2, "the second fetch of a partition is sent when the first is confirmed"


def test_a_partitions_writes_finish_in_order(world: World) -> None:
    """However long the first takes."""
    calls: list[int] = []

    async def slow_first(_: int) -> None:
        calls.append(1)
        for _ in range(50 if len(calls) == 1 else 0):
            await asyncio.sleep(0)

    world.producer.on_send = slow_first
    world.run(world.event(5, 7, is_first=True), world.event(7, 8), world.event(8, 9))
    assert [offset for _, offset in world.producer.lines] == [5, 6, 7, 8]
    assert world.acked == [(0, 7), (0, 8), (0, 9)]


def test_a_finished_write_makes_room(world: World) -> None:
    """However many fetches come, and the watch may look again when all are written."""
    events = [world.event(0, 1, is_first=True)] + [
        world.event(n, n + 1) for n in range(1, 3 * WRITES_IN_FLIGHT_MAX)
    ]
    world.run(*events)
    assert [offset for _, offset in world.producer.lines] == list(range(3 * WRITES_IN_FLIGHT_MAX))
    with pytest.raises(ProcessEnded):
        watch(world, world.event(5, 7).message.value, age_s=LOST_AFTER_S + 1)


def test_writes_in_flight_are_bounded(world: World) -> None:
    """The agent takes no more fetches than memory was planned for."""

    async def never(_: int) -> None:
        await asyncio.get_running_loop().create_future()

    world.producer.on_send = never
    events = [world.event(0, 1, is_first=True)] + [
        world.event(n, n + 1) for n in range(1, 3 * WRITES_IN_FLIGHT_MAX)
    ]
    left = list(events)

    async def work() -> None:
        stream = Stream(left)
        task = asyncio.ensure_future(world.agent.fun(stream))
        for _ in range(500):
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(work())
    assert len(events) - len(left) == WRITES_IN_FLIGHT_MAX + 1


@pytest.mark.parametrize("error", [RuntimeError("refused"), ConnectionError(), MemoryError(), TimeoutError()])
def test_an_infrastructure_error_ends_the_process(
    world: World, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is acknowledged, also what another batch of the same fetch already confirmed."""
    ended: list[int] = []

    def stop(status: int, why: str) -> None:
        ended.append(status)
        raise ProcessEnded(status, why)

    monkeypatch.setattr(module, "stop_now", stop)

    async def fail(_: int) -> None:
        raise error

    world.producer.on_send = fail
    with contextlib.suppress(ProcessEnded):
        world.run(world.event(5, 7, is_first=True), world.event(7, 9))
    assert (ended[0], world.acked) == (EXIT_INFRASTRUCTURE, [])


def test_a_bundle_larger_than_a_batch_is_written_in_several(world: World) -> None:
    """In order."""
    value = encoded(attributes={str(n): "x" * 4000 for n in range(50)})
    world.run(world.event(0, 12, is_first=True, value=value))
    assert [offset for _, offset in world.producer.lines] == list(range(12))
    assert world.producer.batches > 1


def test_a_rejected_record_leaves_a_dead_letter(world: World) -> None:
    """The original bytes under the record's place, with the facts as headers; and its line on the enriched topic."""
    event = world.event(5, 6, is_first=True, value=b"not JSON")
    event.message.value.records[0].key = b"its key"
    event.message.value.records[0].headers = [("trace", b"1"), ("audit.err.place", b"forged"), ("null", None)]
    world.run(event)
    (letter,) = world.producer.dead
    assert (letter["value"], letter["key"]) == (b"not JSON", b"the-id/0/5")
    assert letter["headers"][-3:] == event.message.value.records[0].headers
    headers = dict(letter["headers"][:-3])
    assert headers.pop("audit.err.detail").startswith(b"JSON is malformed")
    assert headers == {
        "audit.err.reason": b"malformed",
        "audit.err.place": b"the-id/0/5",
        "audit.err.rules": b"2",
        "audit.err.headers": b"3",
        "audit.key": b"its key",
    }
    assert world.producer.lines == [(0, 5)]


def test_a_dead_letter_that_cannot_be_written_ends_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its record, or any of its fetch, is acknowledged, though all lines are written."""
    ended: list[int] = []

    def stop(status: int, why: str) -> None:
        ended.append(status)
        raise ProcessEnded(status, why)

    async def fail(topic: str, **fields: Any) -> asyncio.Future[None]:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(ConnectionError("the rejected topic is away"))
        return failed

    monkeypatch.setattr(module, "stop_now", stop)
    monkeypatch.setattr(world.producer, "send", fail)
    with contextlib.suppress(ProcessEnded):
        world.run(world.event(5, 7, is_first=True, value=b"not JSON"), world.event(7, 9))
    assert (ended[0], world.acked) == (EXIT_INFRASTRUCTURE, [])


def test_a_dead_letter_fits_its_topic(world: World) -> None:
    """A record that was larger than any topic takes leaves its beginning and its size."""
    event = world.event(5, 6, is_first=True, value=b"x" * (RAW_BYTES_MAX + 1))
    event.message.value.records[0].key = b"k" * RAW_BYTES_MAX
    world.run(event)
    (letter,) = world.producer.dead
    headers = dict(letter["headers"])
    assert len(letter["value"]) == RAW_BYTES_MAX
    assert headers["audit.err.size"] == str(RAW_BYTES_MAX + 1).encode()
    size = len(letter["value"]) + sum(len(name) + len(value) for name, value in letter["headers"])
    assert size + 1000 < REJECTED_BYTES_MAX < REQUEST_BYTES_MAX


def test_what_was_done_is_counted(world: World) -> None:
    """By outcome and reason, with time and lag."""
    world.run(world.event(5, 8, is_first=True), world.event(8, 10, value=None))
    sample = world.metrics.registry.get_sample_value
    assert sample("trailhouse_stream_records_total", {"outcome": "enriched"}) == 3
    assert sample("trailhouse_stream_records_total", {"outcome": "rejected"}) == 2
    assert sample("trailhouse_stream_rejected_total", {"reason": "empty"}) == 2
    assert sample("trailhouse_stream_bundle_seconds_count") == 2
    assert sample("trailhouse_stream_lag_records", {"partition": "0"}) == 990
    assert sample("trailhouse_stream_newest_timestamp_seconds") == 1_772_445_600


# Epoch


def test_the_epoch_is_read_once_a_second(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every fetch; and again when it is older."""
    now: list[float] = [1000.0]
    reads: list[str] = []

    def read(_self: object, name: str) -> str:
        reads.append(name)
        return "the-id"

    monkeypatch.setattr("trailhouse.stream.app.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(TopicIds, "read", read)
    epoch = Epoch(StreamSettings(pepper=Secret(PEPPER)))

    def confirm() -> str:
        return asyncio.run(epoch.confirm())

    assert [confirm(), confirm()] == ["the-id", "the-id"]
    assert reads == ["audit.events"]
    now[0] += 1.1
    assert (confirm(), len(reads)) == ("the-id", 2)


@pytest.mark.parametrize("broken", ["another id", "no broker"])
def test_another_topic_under_the_name_ends_the_process(
    world: World, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does one whose id cannot be read: what is committed must be of the topic that was read."""
    now, answers = [1000.0], iter(["first"])

    def read(_self: object, _name: str) -> str:
        if (answer := next(answers, None)) is None and broken == "no broker":
            raise ConnectionError
        return answer or "second"

    monkeypatch.setattr("trailhouse.stream.app.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(TopicIds, "read", read)
    epoch = Epoch(StreamSettings(pepper=Secret(PEPPER)))
    assert asyncio.run(epoch.confirm()) == "first"
    now[0] += 1.1
    with pytest.raises(ProcessEnded) as ended:
        asyncio.run(epoch.confirm())
    assert ended.value.status == EXIT_INFRASTRUCTURE


def watched(epoch: Epoch, answer: str | Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look at the topic, with this answer."""

    def read(_self: object, _name: str) -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(TopicIds, "read", read)
    asyncio.run(epoch.watch())


def test_a_topic_that_goes_while_nothing_flows_ends_the_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group would wait for it in vain; a broker that does not answer is waited for."""
    epoch = Epoch(StreamSettings(pepper=Secret(PEPPER)))
    watched(
        epoch, MissingTopic("audit.events"), monkeypatch
    )  # nothing is known yet, so nothing can have changed
    monkeypatch.setattr(TopicIds, "read", lambda _self, _name: "the-id")
    assert asyncio.run(epoch.confirm()) == "the-id"
    watched(epoch, "the-id", monkeypatch)
    watched(epoch, ConnectionError(), monkeypatch)
    for answer in (MissingTopic("audit.events"), "another-id"):
        with pytest.raises(ProcessEnded) as ended:
            watched(epoch, answer, monkeypatch)
        assert ended.value.status == EXIT_INFRASTRUCTURE


def test_one_asks_for_the_epoch_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent, commits and the watch may want it at once; the client serves one thread, and one answer is enough."""
    reads: list[str] = []

    def read(_self: object, name: str) -> str:
        reads.append(name)
        return "the-id"

    monkeypatch.setattr(TopicIds, "read", read)
    epoch = Epoch(StreamSettings(pepper=Secret(PEPPER)))

    async def ask() -> list[str]:
        return await asyncio.gather(*(epoch.confirm() for _ in range(10)))

    assert (asyncio.run(ask()), len(reads)) == (["the-id"] * 10, 1)


# The watch


def consumer_of(fetched: Fetch, *, flow_active: bool = True) -> Any:
    """A consumer that drained this fetch last."""

    async def join_again_once() -> None: ...

    drained = {TP("audit.events", 0): fetched}
    return SimpleNamespace(drained=drained, flow_active=flow_active, join_again_once=join_again_once)


def watch(world: World, fetched: Fetch, *, age_s: float, flow_active: bool = True) -> None:
    """One look of the watch, `age_s` after the fetch left the fetcher."""
    fetched.fetched_at -= age_s
    world.app.consumer = consumer_of(fetched, flow_active=flow_active)
    look: Any = inspect.unwrap(world.app._app_tasks[-1])
    assert look.__name__ == "watch"
    asyncio.run(look())


def test_a_dropped_last_fetch_is_found(world: World) -> None:
    """Nothing follows it that could break the chain, so somebody has to look."""
    fetched = world.event(5, 7).message.value
    with pytest.raises(ProcessEnded) as ended:
        watch(world, fetched, age_s=LOST_AFTER_S + 0.1)
    assert ended.value.status == EXIT_LOST_FETCH


@pytest.mark.parametrize("case", ["young", "written", "not ours", "flow stopped"])
def test_a_fetch_that_is_not_lost_is_left_alone(world: World, case: str) -> None:
    """It may still be on its way, be done, belong to another worker, or wait for a rebalance."""
    fetched = world.event(5, 7).message.value
    fetched.is_written = case == "written"
    world.assignment.active = case != "not ours"
    watch(
        world,
        fetched,
        age_s=LOST_AFTER_S - 5 if case == "young" else LOST_AFTER_S * 2,
        flow_active=case != "flow stopped",
    )


@pytest.mark.parametrize("is_taken", [True, False])
def test_the_watch_waits_for_what_is_queued_or_written(world: World, *, is_taken: bool) -> None:
    """A slow Kafka is no lost fetch."""

    async def never(_: int) -> None:
        await asyncio.get_running_loop().create_future()

    world.producer.on_send = never
    events = [world.event(5, 7, is_first=True), world.event(7, 8)]
    fetched = events[-1].message.value

    async def work() -> None:
        stream = Stream([events[0]] if is_taken else [])
        task = asyncio.ensure_future(world.agent.fun(stream))
        for _ in range(20):
            await asyncio.sleep(0)
        if not is_taken:
            stream.channel.queue._queue.append(events[0])
        fetched.fetched_at -= LOST_AFTER_S * 2
        world.app.consumer = consumer_of(fetched)
        look: Any = inspect.unwrap(world.app._app_tasks[-1])
        await look()
        task.cancel()

    asyncio.run(work())


def test_the_lag_of_a_partition_that_was_given_away_is_not_shown(world: World) -> None:
    """Another worker shows it now; an old figure of ours would be taken for its lag."""
    world.run(world.event(5, 8, is_first=True))
    sample = world.metrics.registry.get_sample_value
    fetched = world.event(8, 9).message.value
    fetched.is_written = True
    watch(world, fetched, age_s=0)
    assert sample("trailhouse_stream_lag_records", {"partition": "0"}) == 992
    world.assignment.active = False
    watch(world, fetched, age_s=0)
    watch(world, fetched, age_s=0)
    assert sample("trailhouse_stream_lag_records", {"partition": "0"}) is None
