"""`replay`: records return to the raw topic as they came, and are noted once Kafka has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.sinks.rig import Rig

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.letterbox import Original
from trailhouse.sinks.replay import REPLAY_OF, TOGETHER, Replay, replay
from trailhouse.stream.letter import Place

if TYPE_CHECKING:
    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Rig:
    return Rig(kafka_settings, clickhouse_settings, database, partitions=2)


def notes(rig: Rig) -> list[tuple[Any, ...]]:
    columns = "epoch, partition, offset, to_epoch, to_partition, to_offset, is_edited"
    rows = rig.client.query(f"SELECT {columns} FROM replays FINAL ORDER BY offset").result_rows
    return [tuple(row) for row in rows]


def test_a_record_returns_as_it_was(rig: Rig) -> None:
    """Key, bytes and headers, to its partition; one more header says where it was, a place it no longer has is any."""
    headers = (("trace", b"\xff"), ("trace", b"2"), ("null", None), (REPLAY_OF, b"an/earlier/1"))
    records = {
        Place("old", 1, 5): Replay(Original(b"key", b"\x00bytes", headers)),
        Place("old", 0, 6): Replay(Original(None, b"x", ()), is_edited=True),
        Place("old", 7, 7): Replay(Original(b"tombstone", None, ())),
    }
    steps: list[int] = []
    went = replay(rig.kafka, rig.client, records, on_progress=steps.append)
    found = {(record.partition, record.offset): record for record in rig.read_all(rig.kafka.raw_topic)}
    first = found[went[Place("old", 1, 5)][1:]]
    assert (first.partition, first.key, first.value) == (1, b"key", b"\x00bytes")
    assert list(first.headers) == [
        ("trace", b"\xff"),
        ("trace", b"2"),
        ("null", b""),
        (REPLAY_OF, b"old/1/5"),
    ]
    second, third = found[went[Place("old", 0, 6)][1:]], found[went[Place("old", 7, 7)][1:]]
    assert (second.partition, second.key, second.value) == (0, None, b"x")
    assert (third.key, third.value) == (b"tombstone", None)
    assert notes(rig) == [
        (*place, *went[place], records[place].is_edited)
        for place in sorted(records, key=lambda at: at.offset)
    ]
    assert {place.epoch for place in went.values()} == {rig.epoch}
    assert steps == [3]


def test_one_replayed_twice_is_noted_once(rig: Rig) -> None:
    """With the place it went to last."""
    records = {Place("old", 0, 1): Replay(Original(None, b"x", ()))}
    replay(rig.kafka, rig.client, records)
    went = replay(rig.kafka, rig.client, records)
    assert len(rig.read_all(rig.kafka.raw_topic)) == 2
    assert notes(rig) == [("old", 0, 1, *went[Place("old", 0, 1)], False)]


def test_what_was_sent_before_an_error_is_noted(rig: Rig) -> None:
    """A record that no broker takes ends the replay; those before it are noted, so only the rest is sent again."""
    count = TOGETHER + 10
    records = {Place("old", 0, offset): Replay(Original(None, b"x", ())) for offset in range(count)}
    records[Place("old", 0, TOGETHER + 5)] = Replay(Original(None, b"x" * 1_190_000, ()))
    with pytest.raises(Exception, match="MessageSizeTooLarge"):
        replay(rig.kafka, rig.client, records)
    assert [row[2] for row in notes(rig)] == list(range(TOGETHER + 5))
