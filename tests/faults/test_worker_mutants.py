"""The guard is guarded: a worker with one of Faust's classic mistakes loses records, and the sink says so at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from tests.faults.mutant_worker import MUTANTS
from tests.sinks.lines import RULES, imagine
from tests.sinks.rig import Rig, drive, sinking, value

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.gaps import GroupOffsets
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.refill import Refiller
from trailhouse.stream.settings import StreamSettings

LAUNCHER = Path(__file__).with_name("mutant_worker.py")
OURS = Path(__file__).with_name("stream_worker.py")
DETECTED_WITHIN_S = 5.0
EVENTS = 1000
BUNDLE = 100


@contextmanager
def worker_running(
    launcher: Path, settings: StreamSettings, mutant: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(launcher), mutant],
            env=environ_of(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stream_of(rig: Rig, folder: Path) -> StreamSettings:
    """A stream group of this test's own, which refills what the rig's sinks miss."""
    return StreamSettings(
        kafka=rig.kafka,
        pepper=Secret("a pepper for tests only"),
        group=f"stream-{rig.group}",
        sink_groups=rig.group,
        datadir=str(folder / "faust"),
    )


def environ_of(settings: StreamSettings) -> dict[str, str]:
    return {
        **os.environ,
        "TRAILHOUSE_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
        "TRAILHOUSE_TOPIC_RAW": settings.kafka.raw_topic,
        "TRAILHOUSE_TOPIC_ENRICHED": settings.kafka.enriched_topic,
        "TRAILHOUSE_TOPIC_REJECTED": settings.kafka.rejected_topic,
        "TRAILHOUSE_PEPPER": settings.pepper.reveal(),
        "TRAILHOUSE_STREAM_GROUP": settings.group,
        "TRAILHOUSE_STREAM_DATADIR": settings.datadir,
        "TRAILHOUSE_STREAM_FETCH_RECORDS": str(BUNDLE),
        "TRAILHOUSE_SINK_GROUP": settings.sink_groups,
    }


def shown_by(log: Iterable[Any]) -> list[float]:
    """When the first record was written that lies beyond missing ones; nothing where there is none."""
    hwm = -1
    for record in log:
        line = orjson.loads(record.value)
        if line["from"] > hwm + 1:
            return [record.timestamp / 1000]
        hwm = max(hwm, line["offset"])
    return []


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(each, marks=() if each == "exception_swallowed" else pytest.mark.faults)
        for each in MUTANTS
    ],
)
def test_a_mutant_is_caught_and_its_loss_refilled(
    mutant: str,
    kafka_settings: KafkaSettings,
    clickhouse_settings: ClickHouseSettings,
    database: Client,
    tmp_path: Path,
) -> None:
    """Red within 5 s of the first record that shows the loss; the refill brings exactly what was lost."""
    rig = Rig(kafka_settings, clickhouse_settings, database)
    events = imagine(Random(mutant), EVENTS, days=5)[:EVENTS]
    rig.produce(map(orjson.dumps, events), topic=rig.kafka.raw_topic)
    stream = stream_of(rig, tmp_path)
    log = tmp_path / "mutant.log"
    with (
        sinking(rig, stream_group=stream.group) as (sink, metrics),
        worker_running(LAUNCHER, stream, mutant, log) as worker,
    ):
        # The first bundle arrives and the second does not: a later one shows the loss, else the group's offset. Sends that
        # nobody awaits overtake each other, so the first record of all may be the one that shows it.
        shown_at: list[float] = []

        def is_seen() -> bool:
            assert worker.poll() is None, log.read_text()[-3000:]
            at = offsets.read(stream.group, rig.kafka.raw_topic).get(0)
            if not shown_at and at is not None and at.offset > BUNDLE:
                shown_at.append(time.time())  # the worker says that it wrote what it lost
            return value(metrics, "trailhouse_sink_gap_records") > 0

        offsets = GroupOffsets(rig.kafka)
        drive(sink, is_seen, "gap seen", timeout_s=90)
        seen_at = time.time()
        offsets.close()
        shown_at += shown_by(rig.read_all(rig.kafka.enriched_topic))
        assert seen_at - min(shown_at) < DETECTED_WITHIN_S
        refiller = Refiller(stream, StreamMetrics(), lambda _: True)
        refiller.start()
        drive(sink, lambda: rig.committed()[1] == Mark({rig.epoch: EVENTS - 1}), "refilled", timeout_s=90)
        refiller.stop()
        assert value(metrics, "trailhouse_sink_gap_records") == 0
    raw = rig.read_all(rig.kafka.raw_topic)
    lines = enrich_bundle(raw, epoch=rig.epoch, partition=0, from_offset=0, rules=RULES).lines
    assert rig.differing(lines) == {}
    assert rig.balance().unaccounted == 0


def test_a_worker_refills_what_it_lost(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client, tmp_path: Path
) -> None:
    """`trailhouse stream` that acknowledged a bundle without writing it writes it when the sink asks; nobody restarts it."""
    rig = Rig(kafka_settings, clickhouse_settings, database)
    stream = stream_of(rig, tmp_path)
    rig.produce(map(orjson.dumps, imagine(Random(5), EVENTS, days=5)[:EVENTS]), topic=rig.kafka.raw_topic)
    with (
        sinking(rig, stream_group=stream.group) as (sink, metrics),
        worker_running(OURS, stream, "drop_an_output", tmp_path / "worker.log") as worker,
    ):
        drive(sink, lambda: rig.committed()[1] == Mark({rig.epoch: EVENTS - 1}), "refilled", timeout_s=90)
        assert metrics.gaps.labels("filled")._value.get() == 1
        assert worker.poll() is None
        assert (
            f"refilled raw offsets {rig.epoch}/0/{2 * BUNDLE}-{3 * BUNDLE - 1}"
            in (tmp_path / "worker.log").read_text()
        )
    assert rig.balance().unaccounted == 0
