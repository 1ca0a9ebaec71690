"""Gaps of a sink: what it takes for one, what it says, and how one ends; on a real broker and the real engine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from tests.sinks.lines import RULES, event
from tests.sinks.rig import Rig, drive, sinking, value

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import RangeRefused
from trailhouse.sinks.gap import Gap, Partition, baseline, gone, lost_end
from trailhouse.sinks.lookout import Sight, log_starts
from trailhouse.sinks.losses import GONE, LOST, REFILLING, accept, losses
from trailhouse.sinks.marks import NOTHING_STORED, Mark
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.gaps import GroupOffsets, Range
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.refill import Refiller
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.topics import TopicError, admin

SIGHT = Sight("id", starts={0: 0}, written={0: 10}, ends={0: 7})


def partition(hwm: int | None, epoch: str = "id") -> Partition:
    return Partition(0, NOTHING_STORED if hwm is None else Mark({epoch: hwm}), 0)


@pytest.mark.parametrize(
    ("state", "position", "sight", "lost"),
    [
        (partition(9), 7, SIGHT, None),
        (partition(6), 6, SIGHT, None),
        (partition(6), 7, SIGHT, Range("id", 0, 7, 9)),
        (partition(6), 9, SIGHT, Range("id", 0, 7, 9)),
        (partition(None), 7, SIGHT, Range("id", 0, 0, 9)),
        (partition(None), 7, replace(SIGHT, starts={0: 4}), Range("id", 0, 4, 9)),
        (partition(None), 7, replace(SIGHT, starts={0: 10}), None),
        (partition(99, "older"), 7, replace(SIGHT, starts={0: 4}), Range("id", 0, 0, 9)),
        (partition(6), 7, replace(SIGHT, written={}), None),
        (partition(6), 7, replace(SIGHT, ends={}), None),
        (partition(6), 7, Sight(), None),
        (partition(6), 7, replace(SIGHT, epoch=""), None),
    ],
)
def test_a_lost_end(state: Partition, position: int, sight: Sight, lost: Range | None) -> None:
    """Committed by the stream, not in the enriched log that was read to its end: missing, and nothing else is."""
    assert lost_end(state, position, sight) == lost


@pytest.mark.parametrize(
    ("epoch", "from_offset", "first"),
    [("id", 5, 3), ("id", 3, 3), ("id", 2, 2), ("older", 5, 5)],
)
def test_where_a_partition_begins(epoch: str, from_offset: int, first: int) -> None:
    """Where its raw log does; with its first record where that log is shorter, another, or unknown."""
    assert baseline(partition(None), epoch, from_offset, Sight("id", {0: 3})) == first
    assert baseline(partition(None), epoch, from_offset, Sight("id", {})) == from_offset
    assert baseline(partition(None), epoch, from_offset, Sight("")) == from_offset


@pytest.mark.parametrize(
    ("sight", "front"),
    [
        (Sight(), None),
        (Sight("id", {0: 5}), None),
        (Sight("id", {0: 6}), (5, 5)),
        (Sight("id", {0: 50}), (5, 9)),
        (Sight("newer", {0: 0}), (5, 9)),
        (Sight("id", {}), (5, 9)),
        (Sight(""), (5, 9)),
    ],
)
def test_what_is_gone(sight: Sight, front: tuple[int, int] | None) -> None:
    """The front that the raw log does not hold any more; all of it when the topic is gone or another."""
    missing = Range("id", 0, 5, 9)
    assert gone(missing, sight) == (front and missing._replace(first=front[0], last=front[1]))


def test_what_a_gap_still_lacks() -> None:
    """From the mark of the gap's own topic id to its end."""
    state = Partition(3, Mark({"other": 80, "id": 4}), 0, Gap(9, "id", 7))
    assert state.missing == Range("id", 3, 5, 7)
    assert partition(1).missing is None


class Losing:
    """A raw topic of 100 events (every ninth broken), a stream that says it wrote them all, and its lines."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        values = [orjson.dumps(event(n)) if n % 9 else b"broken" for n in range(100)]
        rig.produce(values, topic=rig.kafka.raw_topic)
        rig.written.clear()
        self.lines = enrich_bundle(
            rig.read_all(rig.kafka.raw_topic), epoch=rig.epoch, partition=0, from_offset=0, rules=RULES
        ).lines
        self.stream = StreamSettings(
            kafka=rig.kafka,
            pepper=Secret("a pepper for tests only"),
            group=f"stream-{rig.group}",
            sink_groups=rig.group,
        )
        self.metrics = StreamMetrics()
        self.refiller = Refiller(self.stream, self.metrics, lambda _: True)

    def commit(self, offset: int) -> None:
        """What the stream's group says it wrote."""
        offsets = GroupOffsets(self.rig.kafka)
        offsets.write(self.stream.group, self.rig.kafka.raw_topic, {0: OffsetAndMetadata(offset, "", -1)})
        offsets.close()

    def expire(self, offset: int) -> None:
        """Retention deletes raw records before `offset`."""
        with admin(self.rig.kafka) as client:
            client.delete_records({TopicPartition(self.rig.kafka.raw_topic, 0): offset})

    def is_stored(self) -> bool:
        return self.rig.committed()[1] == Mark({self.rig.epoch: 99})


@pytest.fixture
def losing(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client
) -> Losing:
    return Losing(Rig(kafka_settings, clickhouse_settings, database))


def test_a_gap_is_refilled_from_the_raw_topic(losing: Losing, caplog: pytest.LogCaptureFixture) -> None:
    """Without anybody's doing: asked for, written again, taken, counted, and the books balance."""
    rig = losing.rig
    rig.produce([*losing.lines[:30], *losing.lines[70:]])
    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics), caplog.at_level(logging.INFO):
        losing.refiller.start()
        drive(sink, losing.is_stored, "refilled")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
        assert metrics.gaps.labels("opened")._value.get() >= 1  # again after each change of assignment
        assert metrics.gaps.labels("filled")._value.get() == 1
    losing.refiller.stop()
    assert losing.metrics.refilled._value.get() == 40
    assert f"refilled raw offsets {rig.epoch}/0/30-69: 40 lines, 4 of them rejected" in caplog.text
    assert rig.differing(losing.lines) == {}
    assert rig.balance().unaccounted == 0


@pytest.mark.parametrize("expired", [0, 12])
def test_a_lost_beginning_is_refilled(losing: Losing, expired: int) -> None:
    """The first record a sink ever meets lies beyond others that the raw topic holds; those that follow hide nothing."""
    rig = losing.rig
    rig.produce([*losing.lines[40:60], *losing.lines[20:40], *losing.lines[60:]])
    if expired:
        losing.expire(expired)
    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics):
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 40 - expired, "seen")
        assert rig.landed() == 0
        losing.refiller.start()
        drive(sink, losing.is_stored, "refilled")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    losing.refiller.stop()
    assert rig.differing(losing.lines[expired:]) == {}
    assert rig.balance().unaccounted == 0


def test_a_beginning_that_expired_is_none_of_its_business(losing: Losing) -> None:
    """What the raw topic did not hold any more when the sink came was never its to store."""
    rig = losing.rig
    losing.expire(45)
    rig.produce(losing.lines[40:])
    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics):
        drive(sink, losing.is_stored, "stored")
        assert metrics.gaps.labels("opened")._value.get() == 0
    assert rig.differing(losing.lines[40:]) == {}
    assert rig.balance().unaccounted == 0


def test_a_beginning_waits_for_an_answer(losing: Losing, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody can say where the raw log starts, nothing is stored, and nothing passed over."""
    rig, asked = losing.rig, []

    def refuse(*_: Any) -> Sight:
        asked.append(1)
        if len(asked) < 4:
            raise TopicError("no broker answers", "wait")
        return log_starts(rig.kafka)

    monkeypatch.setattr("trailhouse.sinks.consumer.log_starts", refuse)
    losing.expire(40)
    rig.produce(losing.lines[40:])
    with sinking(rig) as (sink, _):
        drive(sink, losing.is_stored, "stored")
    assert len(asked) >= 4
    assert rig.differing(losing.lines[40:]) == {}


@pytest.mark.parametrize("kept", [60, 0])
def test_a_lost_end_is_refilled(losing: Losing, kept: int) -> None:
    """Nothing follows that could show the hole: the stream's own commit does, also where nothing ever arrived."""
    rig = losing.rig
    rig.produce(losing.lines[:kept])
    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics):
        drive(sink, lambda: rig.landed() == kept, "what there is")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
        losing.commit(100)
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 100 - kept, "seen", 10)
        losing.refiller.start()
        drive(sink, losing.is_stored, "refilled")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    losing.refiller.stop()
    assert rig.differing(losing.lines) == {}
    assert rig.balance().unaccounted == 0


def test_what_is_gone_waits_until_it_is_accepted(losing: Losing, caplog: pytest.LogCaptureFixture) -> None:
    """The alarm names the range; nothing goes on before; the rest of the gap is refilled; the loss stays in the books."""
    rig = losing.rig
    rig.produce([*losing.lines[:30], *losing.lines[70:]])
    losing.expire(50)
    front, rest = Range(rig.epoch, 0, 30, 49), Range(rig.epoch, 0, 50, 69)

    def found() -> list[tuple[Range, str]]:
        return [(loss.range, loss.state) for loss in losses(rig.kafka, rig.client, rig.group)]

    def take(missing: Range, reason: str = "the disk was full") -> None:
        accept(rig.kafka, rig.client, rig.group, missing, reason=reason, accepted_by="me")

    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics), caplog.at_level(logging.INFO):
        losing.refiller.start()
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_gone_records") == 20, "alarm")
        assert f"LOST: raw offsets {front} are missing" in caplog.text
        drive(
            sink, lambda: f"raw offsets {front._replace(last=69)} cannot be refilled" in caplog.text, "tried"
        )
        assert found() == [(front, GONE), (rest, REFILLING)]
        for wrong in (rest, front._replace(last=69), front._replace(epoch="x"), front._replace(first=29)):
            with pytest.raises(RangeRefused, match="no range that a sink waits for"):
                take(wrong)
        assert rig.landed() == 30
        take(front)
        drive(sink, losing.is_stored, "gone on")
        assert value(metrics, "trailhouse_sink_gap_gone_records") == 0
        drive(sink, lambda: found() == [(front, LOST)], "nothing else is missing")
        assert [metrics.gaps.labels(each)._value.get() for each in ("filled", "lost")] == [1, 0]
    losing.refiller.stop()
    (loss,) = losses(rig.kafka, rig.client, rig.group)
    assert (loss.reason, loss.accepted_by) == ("the disk was full", "me")
    assert rig.differing([*losing.lines[:30], *losing.lines[50:]]) == {}


def test_a_gap_that_is_lost_as_a_whole_closes(losing: Losing) -> None:
    """The raw topic does not hold any of it: accepted in two pieces, the sink goes on at once and counts it as lost."""
    rig = losing.rig
    rig.produce([*losing.lines[:30], *losing.lines[70:]])
    losing.expire(80)
    with sinking(rig, stream_group=losing.stream.group) as (sink, metrics):
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_gone_records") == 40, "alarm")
        drive(sink, lambda: len(losses(rig.kafka, rig.client, rig.group)) == 1, "asked")
        for first, last in ((30, 39), (40, 69)):
            accept(
                rig.kafka,
                rig.client,
                rig.group,
                Range(rig.epoch, 0, first, last),
                reason="x",
                accepted_by="me",
            )
        drive(sink, losing.is_stored, "gone on")
        assert metrics.gaps.labels("lost")._value.get() == 1
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    assert rig.differing([*losing.lines[:30], *losing.lines[70:]]) == {}


def test_a_request_outlives_the_sink(losing: Losing) -> None:
    """A sink that dies with its gap open leaves the request, and the next one takes what it brought."""
    rig = losing.rig
    rig.produce([*losing.lines[:30], *losing.lines[70:]])
    missing = Range(rig.epoch, 0, 30, 69)

    def asked() -> Sequence[Any]:
        return [loss.range for loss in losses(rig.kafka, rig.client, rig.group)]

    with sinking(rig) as (sink, _):
        drive(sink, lambda: asked() == [missing], "asked")
    losing.refiller.look()
    with sinking(rig) as (sink, _):
        drive(sink, losing.is_stored, "filled")
        drive(sink, lambda: asked() == [], "taken back")
    assert rig.differing(losing.lines) == {}
