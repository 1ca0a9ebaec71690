"""The sink on a real broker and the real engine: what it takes, what it waits for, what it promises."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from tests.sinks.lines import GARBAGE, enriched, event, imagine
from tests.sinks.rig import Rig, drive, sinking, value
from tests.stream.factories import Name
from tests.stream.listening import listening
from tests.stream.otlp_collector import collecting, traced

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.sinks.writer import ClickHouseWriter
from trailhouse.stream.topics import create_topics


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client) -> Rig:
    return Rig(kafka_settings, clickhouse_settings, database)


def test_records_are_stored_once_and_committed_with_their_mark(rig: Rig) -> None:
    """Runs written again by restarted workers are dropped; the committed pair is readable, and the books close."""
    random = Random(1)
    lines = enriched(imagine(random, 900, days=20), epoch=rig.epoch)
    rig.produce([*lines[:400], *lines[250:700], *lines[100:300], *lines[600:]])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed()[0] == len(rig.written), "everything committed")
        assert rig.committed() == (len(rig.written), Mark({rig.epoch: len(lines) - 1}))
        assert value(metrics, "trailhouse_sink_repeats_total") == len(rig.written) - len(lines)
        assert value(metrics, "trailhouse_sink_rows_total") == len(lines)
        assert value(metrics, "trailhouse_sink_lag_records") == 0
        assert value(metrics, "trailhouse_sink_newest_timestamp_seconds") > 0
    assert rig.differing(lines) == {}
    found = rig.balance()
    assert (found.stored, found.rejected, found.unaccounted) == (len(lines), 0, 0)


def test_a_second_sink_goes_on_where_the_first_stopped(rig: Rig) -> None:
    """The pair committed on leaving is where the next one begins; nothing is read twice."""
    lines = enriched([event(n) for n in range(300)], epoch=rig.epoch)
    rig.produce(lines[:200])
    with sinking(rig, batch_age_ms=60_000) as (sink, _):
        drive(sink, lambda: len(sink._batch.lines) == 200, "all in hand")
        assert rig.landed() == 0
    assert rig.landed() == 200
    rig.produce(lines[200:])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.landed() == 300, "the rest stored")
        assert value(metrics, "trailhouse_sink_repeats_total") == 0


def test_a_rejoin_that_outlasts_a_poll_is_taken_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that rejoins because of new partitions gets them, however many polls the rest of its group takes."""
    with sinking(rig) as (sink, _):
        drive(sink, lambda: len(sink._partitions) == 1, "one partition")
        coordinator = sink._consumer._coordinator
        join = coordinator._do_join_and_sync_async

        async def join_slowly() -> Any:
            assignment = await join()
            await coordinator._manager._net.sleep(0.25)  # more than one poll
            return assignment

        monkeypatch.setattr(coordinator, "_do_join_and_sync_async", join_slowly)
        create_topics(rig.kafka, 2)

        def is_assigned() -> bool:
            if len(sink._consumer.partitions_for_topic(rig.kafka.enriched_topic) or ()) < 2:
                sink._consumer._cluster.request_update()
            return len(sink._partitions) == 2

        drive(sink, is_assigned, "both partitions", timeout_s=10)


def test_the_partitions_are_known_before_the_group_is_joined(rig: Rig) -> None:
    """A leader that knows none assigns none; its static name would keep that, were it killed then."""
    with sinking(rig, instance="sink") as (sink, _):
        assert sink._consumer._cluster.partitions_for_topic(rig.kafka.enriched_topic) == {0}


def test_nothing_beyond_a_gap_is_stored_until_it_is_filled(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """The gauge and the log say what is missing; a refill of exactly that range, in pieces, brings everything."""
    lines = enriched([event(n) for n in range(100)], epoch=rig.epoch)
    rig.produce([*lines[:40], *lines[60:90]])
    with sinking(rig) as (sink, metrics), caplog.at_level(logging.INFO):
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 20, "gap seen")
        rig.produce(lines[90:])
        drive(sink, lambda: rig.committed()[0] == 40, "committed up to the gap")
        for _ in range(5):
            sink.step()
        assert rig.landed() == 40
        assert rig.committed() == (40, Mark({rig.epoch: 39}))
        assert rig.balance().unaccounted == 20
        assert f"GAP: raw offsets 40..59 of partition 0 (topic id {rig.epoch})" in caplog.text
        rig.produce(lines[40:50])
        drive(sink, lambda: rig.landed() == 50, "half filled")
        assert value(metrics, "trailhouse_sink_gap_records") > 0
        rig.produce(lines[50:60])
        drive(sink, lambda: rig.committed() == (110 - 10, Mark({rig.epoch: 99})), "gap closed by itself")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    assert rig.differing() == {}
    assert rig.balance().unaccounted == 0


def test_a_worker_that_resumes_fills_a_gap(rig: Rig) -> None:
    """Written again from before the gap to the end, as a restarted worker does; also across a restart of the sink."""
    lines = enriched([event(n) for n in range(90)], epoch=rig.epoch)
    rig.produce([*lines[:30], *lines[50:]])
    for _ in range(2):
        with sinking(rig) as (sink, metrics):
            drive(sink, lambda m=metrics: value(m, "trailhouse_sink_gap_records") == 20, "gap seen")  # type: ignore[misc]
    assert rig.landed() == 30
    rig.produce(lines[20:])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed()[1] == Mark({rig.epoch: 89}), "caught up")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    assert rig.differing() == {}


def test_a_gap_that_another_sink_filled_is_not_shown_any_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of assignment a sink shows what holds for the partitions it has now."""
    lines = enriched([event(n) for n in range(30)], epoch=rig.epoch)
    rig.produce([*lines[:10], *lines[20:]])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 10, "gap seen")
        filled = OffsetAndMetadata(20, Mark({rig.epoch: 29}).to_metadata(), -1)
        monkeypatch.setattr(sink._consumer, "committed", lambda *_, **__: filled)
        sink.on_partitions_assigned([])
        drive(sink, lambda: sink._restored == sink._generation, "restored")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
        monkeypatch.undo()


def test_two_gaps_are_filled_one_after_the_other(rig: Rig) -> None:
    """Each is shown while it is the first, and filling them in the wrong order works too."""
    lines = enriched([event(n) for n in range(60)], epoch=rig.epoch)
    rig.produce([*lines[:10], *lines[15:30], *lines[37:]])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 5, "first gap")
        rig.produce(lines[30:37])
        rig.produce(lines[10:15])
        drive(sink, lambda: rig.committed()[1] == Mark({rig.epoch: 59}), "both filled")
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    assert rig.differing() == {}


def test_the_raw_topic_made_again(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A new topic id starts over at 0; its first records missing is a gap; the old id's gap stays shown."""
    old, new = (
        enriched([event(n + start) for n in range(30)], epoch=epoch)
        for epoch, start in (("old", 0), ("new", 100))
    )
    rig.produce([*old, *new[:20], *old[10:]])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed()[0] == 70, "both stored")
        assert rig.committed()[1] == Mark({"old": 29, "new": 19})
        assert value(metrics, "trailhouse_sink_repeats_total") == 20
        rig.produce(enriched([event(200)], epoch="newest", start=5))
        drive(sink, lambda: value(metrics, "trailhouse_sink_gap_records") == 5, "gap under the new id")
        rig.produce(new[20:])
        drive(sink, lambda: rig.landed() == 60, "the other id goes on behind the gap")
        assert value(metrics, "trailhouse_sink_gap_records") == 5
        assert "is filled" not in caplog.text
        assert rig.committed()[0] == 70


def test_a_batch_that_went_stale_is_not_committed(rig: Rig) -> None:
    """Its partitions went away while it waited for ClickHouse: not stored, not promised, read again."""
    lines = enriched([event(n) for n in range(40)], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig) as (sink, metrics):
        sink._writer = Closed()
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") >= 2, "retries")
        sink.on_partitions_assigned([])
        drive(sink, lambda: not sink._flights, "given up")
        assert rig.committed() == (-1, None)
        sink._writer = ClickHouseWriter(rig.clickhouse)
        drive(sink, lambda: rig.committed() == (40, Mark({rig.epoch: 39})), "read again")
    assert rig.differing(lines) == {}


def test_the_lag_grows_while_clickhouse_is_away(rig: Rig) -> None:
    """Its hands full, the sink fetches nothing more, and says all the same how much waits."""
    lines = enriched([event(n) for n in range(60)], epoch=rig.epoch)
    rig.produce(lines[:10])
    with sinking(rig, batch_rows=5) as (sink, metrics):
        sink._writer = door = Door(rig)
        lag = "trailhouse_sink_lag_records"
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") > 0, "retries")
        rig.produce(lines[10:15])
        drive(sink, lambda: sink._flights.is_full, "two under way")
        rig.produce(lines[15:20])
        drive(sink, lambda: sink._batch.is_full(sink._limits), "its hands full")
        taken = sink._partitions[TopicPartition(rig.kafka.enriched_topic, 0)].position
        rig.produce(lines[20:])
        drive(sink, lambda: value(metrics, lag) == 60 - taken >= 40, "lag seen")
        door.is_open = True
        drive(sink, lambda: rig.committed()[0] == 60, "stored")
        drive(sink, lambda: value(metrics, lag) == 0, "no lag")
    assert rig.differing(lines) == {}


class Door:
    """A ClickHouse that takes nothing until the door is opened."""

    def __init__(self, rig: Rig) -> None:
        self.is_open, self._writer = False, ClickHouseWriter(rig.clickhouse)

    def look_again(self) -> None:
        pass

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        if not self.is_open:
            raise ConnectionRefusedError
        self._writer.write(lines, table)


class LateForTheFirst(Door):
    """A ClickHouse that takes every batch but the one that begins with a certain line, until the door is opened."""

    def __init__(self, rig: Rig, line: bytes) -> None:
        super().__init__(rig)
        self._line = line

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        if lines[0] == self._line and not self.is_open:
            raise ConnectionRefusedError
        self._writer.write(lines, table)


class HoldsTheFirst(Door):
    """A ClickHouse that keeps the first insert waiting until the door is opened, and no other."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig)
        self.is_holding, self.opened = threading.Event(), threading.Event()

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        if not self.is_holding.is_set():
            self.is_holding.set()
            assert self.opened.wait(30)
        self._writer.write(lines, table)


class Closed:
    """A ClickHouse that takes nothing."""

    def look_again(self) -> None:
        pass

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        raise ConnectionRefusedError


def test_strangers_are_passed_over(rig: Rig) -> None:
    """Whatever anybody writes to the enriched topic: counted, passed over, and in nobody's way."""
    lines = enriched([event(n) for n in range(20)], epoch=rig.epoch)
    wrong_partition = enriched([event(99)], epoch=rig.epoch, partition=7, start=10)
    mixed: list[bytes | None] = []
    for line, garbage in zip(lines, [*GARBAGE, *wrong_partition, *GARBAGE][: len(lines)], strict=True):
        mixed += [garbage, line]
    producer = KafkaProducer(bootstrap_servers=rig.kafka.bootstrap)
    producer.send(rig.kafka.enriched_topic, b"{}", partition=0, headers=[(Name(b"\xff"), b"no UTF-8")])
    producer.close()
    rig.produce(mixed)
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed() == (41, Mark({rig.epoch: 19})), "all read")
        assert value(metrics, "trailhouse_sink_foreign_total") == 21
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


def test_a_poison_row_becomes_a_dead_letter_and_an_envelope(rig: Rig) -> None:
    """A row the table refuses for good: its bytes for people, its place in the books, everything else stored."""
    lines = enriched([event(n) for n in range(300)], epoch=rig.epoch)
    poison = lines[123].replace(b'"user_ref":', b'"user_ref":-')
    rig.produce([*lines[:123], poison, *lines[124:]])
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed()[0] == 300, "all committed")
        assert (
            value(metrics, "trailhouse_sink_poison_total") >= 1
        )  # once more where the group joined again meanwhile
    letter, *again = rig.read_all(rig.kafka.rejected_topic)
    assert {each.key for each in again} <= {letter.key}
    assert letter.value == poison
    assert letter.key == f"{rig.epoch}/0/123".encode()
    headers = {name: text.decode() for name, text in letter.headers}
    assert headers["audit.err.reason"] == "unstorable"
    assert headers["audit.err.stage"] == "sink"
    assert headers["audit.err.place"] == f"{rig.epoch}/0/123"
    assert rig.client.query("SELECT offset, reason FROM rejected FINAL").result_rows == [(123, "unstorable")]
    found = rig.balance()
    assert (found.stored, found.rejected, found.unaccounted) == (299, 1, 0)


@pytest.mark.parametrize("metadata", ["", "not a mark", '{"x":'])
def test_a_lost_mark_means_reading_everything_again(rig: Rig, metadata: str) -> None:
    """No guess from what is stored: the log is read from its start, and every number stays."""
    lines = enriched([*imagine(Random(2), 200, days=10), b"broken"], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig) as (sink, _):
        drive(sink, lambda: rig.committed()[0] == len(lines), "all committed")
    rig.commit(50, metadata)
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed() == (len(lines), Mark({rig.epoch: len(lines) - 1})), "all again")
        assert value(metrics, "trailhouse_sink_rows_total") == len(lines)
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


def test_a_broken_view_stops_commits_until_it_is_mended(rig: Rig) -> None:
    """Nothing is promised while a view fails; mended, everything is exact, and nothing was blamed on a row."""
    rig.client.command("CREATE TABLE broken (x UInt8) ENGINE = Null")
    rig.client.command(
        "CREATE MATERIALIZED VIEW broken_mv TO broken AS SELECT throwIf(offset = 150, 'broken') AS x FROM landing"
    )
    lines = enriched([event(n) for n in range(300)], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") >= 4, "retries")
        assert rig.committed() == (-1, None)
        rig.client.command("DROP VIEW broken_mv")
        drive(sink, lambda: rig.committed()[0] == 300, "stored after the repair")
        assert value(metrics, "trailhouse_sink_poison_total") == 0
    assert rig.differing(lines) == {}


def test_fifteen_years_and_a_month_of_receipts_in_one_batch(rig: Rig) -> None:
    """A long history read again after a long outage: cut into inserts ClickHouse accepts, no row blamed."""
    from datetime import timedelta

    lines = enriched(imagine(Random(3), 120, days=15 * 365), epoch=rig.epoch, step=timedelta(hours=7))
    rig.produce(lines)
    with sinking(rig) as (sink, metrics):
        drive(sink, lambda: rig.committed()[0] == len(lines), "all committed")
        assert value(metrics, "trailhouse_sink_insert_retries_total") == 0
    assert rig.differing(lines) == {}


def test_a_late_sink_fills_its_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in the log would fill them: cut by age they were small, and the sink would stay late."""
    monkeypatch.setattr("trailhouse.sinks.consumer.POLL_RECORDS_MAX", 100)
    rig.produce(enriched([event(n) for n in range(900)], epoch=rig.epoch))
    sizes: list[int] = []
    with sinking(rig, batch_rows=300, batch_age_ms=10_000) as (sink, _):
        take_off = sink._take_off

        def note() -> None:
            sizes.append(len(sink._batch.lines))
            take_off()

        monkeypatch.setattr(sink, "_take_off", note)

        def are_committed(count: int) -> bool:
            sink._batch.born = time.monotonic() - 15  # past its age, not past five of them
            return rig.committed()[0] == count

        drive(sink, lambda: are_committed(900), "everything committed")
        rig.produce(enriched([event(900)], epoch=rig.epoch, start=900))
        drive(sink, lambda: are_committed(901), "few rows go when they are old enough")
    assert [size for size in sizes if size] == [300, 300, 300, 1]


def test_what_is_stored_early_is_not_promised(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two full batches under way the second is stored first: committed is neither until the first is, too."""
    monkeypatch.setattr("trailhouse.sinks.consumer.POLL_RECORDS_MAX", 250)
    lines = enriched([event(n) for n in range(500)], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig, batch_rows=250, batch_age_ms=60_000) as (sink, metrics):
        sink._writer = door = LateForTheFirst(rig, lines[0])
        drive(sink, lambda: rig.landed() == 250, "the second")
        drive(sink, lambda: value(metrics, "trailhouse_sink_insert_retries_total") >= 3, "the first waits")
        assert rig.client.query("SELECT min(offset), max(offset) FROM landed").result_rows == [(250, 499)]
        # Readers by cursor take the ledger's word that nothing before its last offset is missing.
        assert rig.client.query("SELECT count() FROM batches").result_rows == [(0,)]
        assert rig.committed() == (-1, None)
        assert rig.balance().stored == 0
        door.is_open = True
        drive(sink, lambda: rig.committed() == (500, Mark({rig.epoch: 499})), "both")
        assert value(metrics, "trailhouse_sink_rows_total") == 500
        assert value(metrics, "trailhouse_sink_repeats_total") == 0
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


def test_what_flies_beside_a_stale_batch_is_stored(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebalance while an insert waits: what is read anew beside it is entered into the ledger and committed, all of it."""
    monkeypatch.setattr("trailhouse.sinks.consumer.POLL_RECORDS_MAX", 100)
    lines = enriched([event(n) for n in range(300)], epoch=rig.epoch)
    rig.produce(lines[:100])
    with sinking(rig, batch_rows=100, batch_age_ms=200) as (sink, metrics):
        sink._writer = held = HoldsTheFirst(rig)
        drive(sink, held.is_holding.is_set, "the first under way")
        sink.on_partitions_assigned([])
        rig.produce(lines[100:])
        drive(
            sink, lambda: len(sink._flights) == 2 and rig.ledger() == {0: [(0, 99)]}, "read anew and stored"
        )
        assert rig.committed() == (-1, None)
        held.opened.set()
        drive(sink, lambda: rig.committed() == (300, Mark({rig.epoch: 299})), "all")
        assert value(metrics, "trailhouse_sink_rows_total") == 300
    assert rig.ledger() == {0: [(0, 299)]}
    assert rig.differing(lines) == {}


def test_memory_is_bounded_while_clickhouse_is_behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches in flight, one in hand: reading pauses, and the sink stays in its group."""
    monkeypatch.setattr("trailhouse.sinks.consumer.POLL_RECORDS_MAX", 100)
    lines = enriched([event(n) for n in range(4000)], epoch=rig.epoch)
    rig.client.command("CREATE TABLE slow (x UInt8) ENGINE = Null")
    rig.client.command(
        "CREATE MATERIALIZED VIEW slow_mv TO slow AS SELECT sleepEachRow(0.002) AS x FROM landing WHERE offset < 500"
    )
    rig.produce(lines)
    with sinking(rig, batch_rows=250) as (sink, _):
        peak, deadline = 0, time.monotonic() + 40
        while rig.committed()[0] < len(lines):
            assert time.monotonic() < deadline
            for _ in range(5):
                sink.step()
                peak = max(peak, len(sink._batch.lines) + sink._flights.rows)
    assert 500 < peak <= 3 * (250 + 100)
    assert rig.differing(lines) == {}


def test_the_raw_bytes_go_in_as_they_came(rig: Rig) -> None:
    """The sink adds nothing and drops nothing: text of every script, quotes and line breaks survive."""
    odd = 'a "quoted" \\ back\\slash \u2028 \n new line \t Žluťoučký 🚲 \u202e'
    lines = enriched([event(1, attributes={"note": odd}, actor_name=odd)], epoch=rig.epoch)
    rig.produce(lines)
    with sinking(rig) as (sink, _):
        drive(sink, lambda: rig.landed() == 1, "stored")
    ((attributes,),) = rig.client.query("SELECT attributes FROM events FINAL").result_rows
    ((pii,),) = rig.client.query("SELECT pii FROM event_pii FINAL").result_rows
    assert attributes["note"] == odd
    assert pii["actor_name"] == odd
    assert orjson.loads(lines[0])["attributes"]["note"] == odd


def test_what_is_said_of_a_batch_names_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning of the storing thread has the raw offsets, and so has its span; what is said of none has no name."""
    write, failures = ClickHouseWriter.write, [OSError("away")]

    def fail_once(self: ClickHouseWriter, lines: Sequence[bytes], table: str = "landing") -> None:
        if failures:
            raise failures.pop()
        write(self, lines, table)

    monkeypatch.setattr(ClickHouseWriter, "write", fail_once)
    rig.produce(enriched([event(n) for n in range(7)], epoch=rig.epoch))
    with collecting() as collector:
        with (
            traced(collector.url, "sink"),
            listening() as said,
            sinking(rig, batch_rows=7, batch_age_ms=60_000) as (sink, _),
        ):
            drive(sink, lambda: rig.committed()[0] == 7, "committed")
        (span,) = collector.spans
    (warning,) = [line for line in said if line["logger"] == "trailhouse.sinks.writer"]
    assert warning["correlation_id"] == f"{rig.epoch}/0/0-6"
    assert not any("correlation_id" in line for line in said if line["level"] == "INFO")
    assert (span.name, span.trace_id, span.span_id) == (
        "INSERT landing",
        warning["trace_id"],
        warning["span_id"],
    )
    assert span.attributes["trailhouse.correlation_id"] == f"{rig.epoch}/0/0-6"
    assert span.attributes["trailhouse.outcome"] == "stored"
