"""The stage the contenders run on: one real broker, one raw topic of events, an output topic for each run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.events import REJECT_EVERY, events
from bench.process import Measured, cpu_seconds_of
from bench.topics import PARTITIONS, Watch, fill, make_topics
from bench.wiring import Wiring
from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers.settings import KafkaSettings

POLL_S = 0.05
START_TIMEOUT_S = 60.0
#: Of the records, in the first look at a contender's output: more, and what it did before cannot be left out.
AT_ONCE_MAX = 0.2
STALL_TIMEOUT_S = 60.0


class RunFailed(Exception):
    """A contender ended, or stopped making progress; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A filled raw topic; `epoch` is its id."""

    topic: str
    epoch: str
    count: int
    partitions: int = PARTITIONS

    @property
    def rejects(self) -> int:
        return self.count // REJECT_EVERY


@dataclass(slots=True)
class Stage:
    """A broker, an engine, and a folder for what the contenders leave behind."""

    kafka: LocalKafka
    server: LocalClickHouse
    folder: Path
    _drawn: int = field(default=0, init=False)

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap

    def fill(
        self,
        count: int,
        *,
        seed: int = 1,
        values: Iterable[bytes] | None = None,
        partitions: int = PARTITIONS,
    ) -> Raw:
        """A new raw topic of `count` events, or of these values."""
        wiring = self.wire()
        epoch = make_topics(_settings(wiring), partitions)
        filled = fill(
            self.bootstrap, wiring.raw, events(count, seed=seed) if values is None else values, partitions
        )
        return Raw(wiring.raw, epoch, filled, partitions)

    def wire(self, raw: Raw | None = None) -> Wiring:
        """Names of one run; with `raw`, its output topics exist."""
        self._drawn += 1
        mark = f"{self._drawn:03d}"
        wiring = Wiring(
            bootstrap=self.bootstrap,
            raw=f"raw-{mark}",
            enriched=f"enriched-{mark}",
            rejected=f"rejected-{mark}",
            group=f"group-{mark}",
            epoch="",
            folder=str(self.folder / mark),
        )
        if raw is None:
            return wiring
        wiring = replace(wiring, raw=raw.topic, epoch=raw.epoch)
        make_topics(_settings(wiring), raw.partitions)
        Path(wiring.folder).mkdir(parents=True, exist_ok=True)
        return wiring


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU of a process per million events, the broker's for it, and its largest memory; start-up is not in the CPU.

    `is_whole` = so many records came out at once that start-up has to be in it; `elapsed_s` from the process's start to the last record.
    """

    cpu_s_per_million: float
    broker_cpu_s_per_million: float
    rss_peak_mb: float
    ready_s: float
    is_whole: bool
    elapsed_s: float


def follow(process: Measured, stage: Stage, topic: str, count: int) -> Usage:
    """Wait until `topic` holds `count` records; what process and broker used from its first record to its last."""
    watch, started, broker = Watch(stage.bootstrap, topic), time.monotonic(), stage.kafka.pid or 0
    first = first_cpu = 0.0
    first_broker = broker_then = cpu_seconds_of(broker)
    seen = at_first = 0
    moved = started
    try:
        while seen < count:
            time.sleep(POLL_S)
            now, before = time.monotonic(), seen
            seen, cpu = watch.count(), process.cpu_seconds()
            if seen > before:
                moved = now
                if not before:
                    first, first_cpu, at_first = now, cpu, seen
                    first_broker = cpu_seconds_of(broker)
            if not process.is_alive or now - moved > (STALL_TIMEOUT_S if seen else START_TIMEOUT_S):
                raise RunFailed(f"{seen} of {count} records, then nothing\n{process.end_of_log()}")
        spent, of_broker = process.cpu_seconds() - first_cpu, cpu_seconds_of(broker) - first_broker
    finally:
        watch.close()
    if at_first > count * AT_ONCE_MAX:
        # What was done before the first record came out is most of it: then all of the process's life counts.
        spent, of_broker, at_first = spent + first_cpu, of_broker + first_broker - broker_then, 0
        is_whole = True
    else:
        is_whole = False
    rest = max(1, count - at_first) / 1e6
    return Usage(
        spent / rest,
        of_broker / rest,
        process.rss_peak / 1e6,
        round(first - started, 2),
        is_whole,
        moved - started,
    )


def _settings(wiring: Wiring) -> KafkaSettings:
    return KafkaSettings(
        bootstrap=wiring.bootstrap,
        raw_topic=wiring.raw,
        enriched_topic=wiring.enriched,
        rejected_topic=wiring.rejected,
    )
