"""The whole pipeline while topics are made anew, clocks are wrong, or everything is read again: the same numbers."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import orjson
import pytest
from tests.e2e.pipeline import Pipeline, count
from tests.faults.evidence import Evidence
from tests.faults.load import made_again
from tests.faults.storm import ENDS
from tests.roles import Role, running, wait_for
from tests.sinks.lines import event, imagine, text_of
from tests.sinks.rig import Rig

from trailhouse.stream.topics import admin

SKEWED = str(Path(__file__).with_name("skewed.py"))


def produce(rig: Rig, events: list[dict[str, object]]) -> None:
    rig.produce(map(orjson.dumps, events), topic=rig.kafka.raw_topic)


def stored(rig: Rig) -> set[tuple[str, str]]:
    rows = rig.client.query("SELECT org_id, toString(event_id) FROM events FINAL").result_rows
    found = [(str(org), str(id_)) for org, id_ in rows]
    assert len(found) == len(set(found))
    return set(found)


def ids(events: list[dict[str, object]]) -> set[tuple[str, str]]:
    return {(str(each["org_id"]), str(each["event_id"])) for each in events}


def test_a_raw_topic_made_again_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    """All of the old one and all of the new one, which reuses its offsets, are stored; the books of both close."""
    old, new = imagine(Random(1), 300), imagine(Random(2), 500)
    pipeline = Pipeline(rig, tmp_path)
    stream, sink = pipeline.stream, pipeline.sink
    with running(stream, sink):
        produce(rig, old)
        wait_for(lambda: pipeline.is_settled(len(old)), 60, "the old ones stored", stream, sink)
        with admin(rig.kafka) as client:
            client.delete_topics([rig.kafka.raw_topic])
        wait_for(lambda: made_again(rig.kafka, rig.partitions), 30, "the topic made again")
        produce(rig, new)
        wait_for(lambda: stream.status is not None, 60, "the worker ended")
        assert stream.status in ENDS
        stream.start()
        wait_for(lambda: stored(rig) == ids(old) | ids(new), 60, "the new ones stored", stream, sink)
        wait_for(lambda: rig.balance().in_flight == 0, 30, "all committed", stream, sink)
    found = rig.balance()
    assert (found.unaccounted, count(found)) == (0, len(old) + len(new))
    assert len({each.epoch for each in found.partitions if each.events}) == 2


def skewed(role: Role, seconds: int, kind: str) -> Role:
    role.argv = [sys.executable, SKEWED, str(seconds), kind]
    return role


@pytest.mark.parametrize("seconds", [-3600, pytest.param(3600, marks=pytest.mark.faults)])
def test_wrong_clocks_change_nothing(rig: Rig, tmp_path: Path, seconds: int) -> None:
    """A worker an hour off, a sink off the other way: what is late and what is too early is the broker's to say."""
    now = datetime.now(UTC)
    soon, later = (
        event(number, occurred_at=text_of(now + timedelta(minutes=minutes)))
        for number, minutes in ((1001, 5), (1002, 40))
    )
    events = imagine(Random(3), 100)
    pipeline = Pipeline(rig, tmp_path)
    stream = skewed(pipeline.stream, seconds, "stream")
    sink = skewed(pipeline.sink, -seconds, "sink")
    with running(stream, sink):
        produce(rig, [*events, soon, later])
        wait_for(lambda: pipeline.is_settled(len(events) + 2), 60, "all stored", stream, sink)
    assert stored(rig) == ids([*events, soon])
    reasons = rig.client.query("SELECT reason, count() FROM rejected FINAL GROUP BY reason").result_rows
    assert list(reasons) == [("clock_skew", 1)]
    received = "SELECT max(abs(dateDiff('second', received_at, now64(3)))) FROM landed"
    assert int(rig.client.query(received).result_rows[0][0]) < 600
    assert rig.balance().unaccounted == 0
    assert rig.differing([record.value for record in rig.read_all(rig.kafka.enriched_topic)]) == {}


@pytest.mark.faults
def test_the_whole_log_read_again_changes_nothing(rig: Rig, tmp_path: Path, evidence: Evidence) -> None:
    """A new sink group reads everything from the start into full tables: no count moves, and merges give the space back."""
    events = imagine(Random(4), 2000, days=30)
    pipeline = Pipeline(rig, tmp_path)
    with running(pipeline.stream, pipeline.sink):
        produce(rig, events)
        wait_for(lambda: pipeline.is_settled(len(events)), 60, "all stored", pipeline.stream, pipeline.sink)
    lines = [record.value for record in rig.read_all(rig.kafka.enriched_topic)]
    assert rig.differing(lines) == {}
    before = size(rig)
    again = pipeline.another_sink("again", TRAILHOUSE_SINK_GROUP=f"{rig.group}-again")
    with running(again):
        wait_for(
            lambda: again.metric("trailhouse_sink_rows_total") == len(lines), 60, "all read again", again
        )
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0
    assert size(rig) < 1.05 * before


def size(rig: Rig) -> int:
    """Bytes of all tables once merged."""
    query = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    for (table,) in rig.client.query(query).result_rows:
        rig.client.command(f"OPTIMIZE TABLE {table} FINAL")
    query = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
    return int(rig.client.query(query).result_rows[0][0])
