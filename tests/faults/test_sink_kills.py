"""Sinks and ClickHouse killed, frozen and stopped in the middle of their work: the tables are exact every time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from kafka import KafkaProducer
from tests.roles import SINK, Role, running, wait_for
from tests.sinks.lines import enriched, event, imagine
from tests.sinks.rig import Rig

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka
from trailhouse.deploy.ports import free_ports
from trailhouse.producers.settings import Secret
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.settings import ClickHouseSettings


def log_with_repeats(random: Random, lines: Sequence[bytes]) -> Iterator[bytes]:
    """The lines as an enriched log holds them: workers die and write the end of what they wrote again."""
    position = 0
    while position < len(lines):
        end = min(len(lines), position + random.randint(20, 200))
        yield from lines[position:end]
        position = max(0, end - random.choice((0, 0, 0, random.randint(1, 120)))) if end < len(lines) else end


@contextmanager
def flowing(rig: Rig, logs: Sequence[Sequence[bytes]], seconds: float) -> Iterator[threading.Event]:
    """Write the logs, one to each partition, spread over `seconds`; the event says that all is written."""
    done, stopped = threading.Event(), threading.Event()

    def write() -> None:
        producer = KafkaProducer(bootstrap_servers=rig.kafka.bootstrap, acks="all", linger_ms=5)
        pieces = 50
        for piece in range(pieces):
            for partition, log in enumerate(logs):
                for line in log[piece * len(log) // pieces : (piece + 1) * len(log) // pieces]:
                    producer.send(rig.kafka.enriched_topic, line, partition=partition)
            producer.flush()
            if stopped.wait(seconds / pieces):
                break
        producer.close()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        stopped.set()
        thread.join()


class Story:
    """A log of two partitions with repeats, and what must come of it."""

    def __init__(self, rig: Rig, seed: int, count: int, days: int = 10) -> None:
        random = Random(seed)
        events = imagine(random, count, days=days)
        half = len(events) // 2
        resent = random.sample(events[:half], 30)
        parts = [
            enriched([*events[:half], b"broken", None], epoch=rig.epoch),
            enriched([*events[half:], *resent], epoch=rig.epoch, partition=1),
        ]
        self.rig = rig
        self.lines = [line for part in parts for line in part]
        self.logs = [list(log_with_repeats(random, part)) for part in parts]
        self.marks = [Mark({rig.epoch: len(part) - 1}) for part in parts]

    def is_over(self) -> bool:
        """Every partition is committed up to its last record."""
        return [self.rig.committed(p) for p in range(2)] == [
            (len(log), mark) for log, mark in zip(self.logs, self.marks, strict=True)
        ]

    def check(self) -> None:
        assert self.rig.differing(self.lines) == {}
        found = self.rig.balance()
        assert (found.unaccounted, found.in_flight, found.rejected) == (0, 0, 2)
        assert found.stored + found.repeats + found.rejected == len(self.lines)
        # Readers by cursor, and the archive, go by the ledger.
        assert self.rig.ledger() == {p: [(0, mark.hwm(self.rig.epoch))] for p, mark in enumerate(self.marks)}


def sink_of(rig: Rig, tmp_path: Path, name: str = "sink", **changes: object) -> Role:
    """A sink with small batches under a name of its own, which keeps its partitions when it comes back."""
    settings: dict[str, object] = {"batch_rows": 100, "batch_age_ms": 40, "instance": name} | changes
    return Role(SINK, rig.environ(**settings), tmp_path / f"{name}.log")


def stored(sink: Role) -> float:
    return sink.metric("trailhouse_sink_rows_total") or 0


def test_a_sink_killed_ten_times(rig: Rig, tmp_path: Path) -> None:
    """SIGKILL at ten random moments of fetching, inserting and committing: nothing lost, nothing twice."""
    random, story = Random(31), Story(rig, 31, 3000)
    sink = sink_of(rig, tmp_path)
    with running(sink), flowing(rig, story.logs, 12) as done:
        for _ in range(10):
            wait_for(
                lambda: stored(sink) > 0 or done.is_set(),
                30,
                "a batch",
                sink,
            )
            time.sleep(random.random() * 0.4)
            sink.kill()
            sink.start()
        wait_for(story.is_over, 60, "all committed", sink)
    story.check()


def test_clickhouse_killed_in_the_middle(
    rig: Rig, tmp_path: Path, clickhouse_server: LocalClickHouse
) -> None:
    """SIGKILL of ClickHouse during inserts: the sink waits for it with the same rows, and every view is exact."""
    random, story = Random(32), Story(rig, 32, 3000)
    sink = sink_of(rig, tmp_path)
    with running(sink), flowing(rig, story.logs, 6):
        for _ in range(2):
            before = stored(sink)
            wait_for(lambda n=before: stored(sink) > n, 30, "a batch", sink)  # type: ignore[misc]
            time.sleep(random.random() * 0.5)
            clickhouse_server.kill()
            time.sleep(random.random() * 0.5)
            clickhouse_server.restart()
        wait_for(story.is_over, 60, "all committed", sink)
        assert sink.metric("trailhouse_sink_insert_retries_total")
        assert sink.metric("trailhouse_sink_poison_total") == 0
    story.check()


def test_the_broker_killed_in_the_middle(rig: Rig, tmp_path: Path, kafka_broker: LocalKafka) -> None:
    """SIGKILL of Kafka during fetches and commits: every committed pair stays true, nothing is lost or twice."""
    random, story = Random(34), Story(rig, 34, 2000)
    sink = sink_of(rig, tmp_path)
    with running(sink), flowing(rig, story.logs, 6):
        for _ in range(2):
            before = stored(sink)
            wait_for(lambda n=before: stored(sink) > n, 60, "a batch", sink)  # type: ignore[misc]
            time.sleep(random.random() * 0.5)
            kafka_broker.kill()
            kafka_broker.restart()
        wait_for(story.is_over, 90, "all committed", sink)
    story.check()


def test_killed_with_the_second_batch_stored_and_not_the_first(rig: Rig, tmp_path: Path) -> None:
    """SIGKILL while an earlier batch is refused and a later one is in the tables: both come again, each counts once."""
    rig.client.command("CREATE TABLE broken (x UInt8) ENGINE = Null")
    rig.client.command(
        "CREATE MATERIALIZED VIEW a_broken_mv TO broken AS SELECT throwIf(offset < 100, 'broken') AS x FROM landing"
    )
    lines = enriched([event(n) for n in range(250)], epoch=rig.epoch)
    sink = sink_of(rig, tmp_path, batch_age_ms=60_000)
    with running(sink):
        rig.produce(lines[:100])
        wait_for(lambda: retries(sink) >= 3, 30, "the first under way", sink)
        rig.produce(lines[100:200])
        wait_for(lambda: newest(rig) == 199, 30, "the second stored", sink)
        sink.kill()
        assert rig.ledger() == {}
        assert rig.committed() == (-1, None)
        rig.client.command("DROP VIEW a_broken_mv SYNC")
        rig.produce(lines[200:])
        sink.start()
        wait_for(lambda: is_read_up(sink), 30, "read again", sink)
        assert sink.terminate(10) == 0
    assert rig.committed() == (250, Mark({rig.epoch: 249}))
    assert rig.differing(lines) == {}
    found = rig.balance()
    assert (found.stored, found.repeats, found.unaccounted) == (250, 0, 0)
    assert rig.ledger() == {0: [(0, 249)]}


def retries(sink: Role) -> float:
    return sink.metric("trailhouse_sink_insert_retries_total") or 0


def newest(rig: Rig) -> int:
    """The last raw offset of what is in `landed`."""
    return int(rig.client.query("SELECT max(offset) FROM landed").result_rows[0][0])


@pytest.mark.faults
def test_sinks_that_join_leave_and_freeze(rig: Rig, tmp_path: Path) -> None:
    """A second sink comes, the first is frozen beyond its session and thaws as a zombie, one leaves: exact."""
    story = Story(rig, 33, 4000)
    first, second = (sink_of(rig, tmp_path, name, instance="") for name in ("first", "second"))
    with running(first), flowing(rig, story.logs, 16):
        wait_for(lambda: stored(first) > 0, 30, "a batch", first)
        with running(second):
            wait_for(lambda: stored(second) > 0, 30, "second", first, second)
            first.freeze()
            before = stored(second)
            wait_for(lambda: both_partitions(second, before), 40, "the second has all", second)
            first.thaw()
            wait_for(lambda: stored(first) >= 0, 10, "thawed", first)
            assert second.terminate(15) == 0
        wait_for(story.is_over, 60, "all committed", first)
        assert first.terminate(15) == 0
    story.check()


def both_partitions(sink: Role, before: float) -> bool:
    assigned = [line for line in sink.log.read_text().splitlines() if "assigned partitions" in line]
    return "assigned partitions [0, 1]" in assigned[-1] and stored(sink) > before


def test_told_to_stop_it_stores_what_is_in_hand(rig: Rig, tmp_path: Path) -> None:
    """SIGTERM: rows in hand are inserted and committed, and the process ends with 0 within seconds."""
    lines = enriched([event(n) for n in range(100)], epoch=rig.epoch)
    rig.produce(lines)
    sink = sink_of(rig, tmp_path, batch_rows=100_000, batch_age_ms=600_000)
    with running(sink):
        wait_for(lambda: is_read_up(sink), 30, "all in hand", sink)
        assert rig.landed() == 0
        assert sink.terminate(8) == 0
    assert rig.committed() == (100, Mark({rig.epoch: 99}))
    assert rig.differing(lines) == {}


def is_read_up(sink: Role) -> bool:
    """All of partition 0 is fetched: its lag is known and none is left."""
    return sink.metric("trailhouse_sink_lag_records") == 0


def test_told_to_stop_while_clickhouse_is_away(rig: Rig, tmp_path: Path) -> None:
    """Nobody listens there: the sink gives up its retries, commits nothing, and ends with 0 within seconds."""
    rig.produce(enriched([event(1)], epoch=rig.epoch))
    (port,) = free_ports(1)
    nowhere = ClickHouseSettings(dsn=Secret(f"http://default@127.0.0.1:{port}/nowhere"))
    sink = sink_of(rig, tmp_path, clickhouse=nowhere)
    with running(sink):
        wait_for(lambda: retries(sink) >= 3, 30, "retries", sink)
        assert sink.terminate(10) == 0
    assert rig.committed() == (-1, None)


def test_told_to_stop_while_clickhouse_hangs(
    rig: Rig, tmp_path: Path, clickhouse_server: LocalClickHouse
) -> None:
    """An insert that never answers does not keep the process: it ends with 0 within seconds, the rows come again."""
    lines = enriched([event(n) for n in range(10)], epoch=rig.epoch)
    sink = sink_of(rig, tmp_path)
    with running(sink):
        rig.produce(lines[:5])
        wait_for(lambda: rig.committed()[0] == 5, 30, "the first stored", sink)
        frozen = clickhouse_server.pid
        assert frozen is not None
        with stopped_process(frozen):
            rig.produce(lines[5:])
            wait_for(lambda: is_read_up(sink), 30, "fetched", sink)
            time.sleep(0.5)
            assert sink.terminate(10) == 0
    assert rig.committed() == (5, Mark({rig.epoch: 4}))
    with running(sink):
        wait_for(lambda: rig.committed()[0] == 10, 30, "stored by the next one", sink)
    assert rig.differing(lines) == {}


@contextmanager
def stopped_process(pid: int) -> Iterator[None]:
    import os
    import signal

    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_refused_topics_end_it_with_70(rig: Rig, tmp_path: Path) -> None:
    """A topic that does not exist is the operator's to mend: status 70 and a hint in the log, for the supervisor."""
    sink = Role(SINK, rig.environ() | {"TRAILHOUSE_TOPIC_ENRICHED": "no-such-topic"}, tmp_path / "sink.log")
    with running(sink):
        wait_for(lambda: sink.status is not None, 30, "ended")
        assert sink.status == 70
    assert "topic no-such-topic does not exist; run `trailhouse topics`" in sink.log.read_text()
