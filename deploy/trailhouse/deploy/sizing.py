"""How much of everything a rate of events takes: partitions, workers, cores, disk. Arithmetic on measured figures.

The figures are those of docs/performance.md (CPU) and of one measurement of disk that docs/operations/sizing.md tells;
a test holds the first to the benchmark's results. They belong to one machine: measure yours and pass other `Figures`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from trailhouse.deploy.errors import DeployError

DAY_S: Final = 86_400
YEAR_S: Final = 365 * DAY_S
EVENTS_MAX: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. CPU in seconds of one core for a million events; bytes for one event of 435 bytes of JSON.

    `worker_events_s` and `sink_events_s` are what one process did beside broker and engine on two cores.
    """

    worker_events_s: float = 62_400
    sink_events_s: float = 35_500
    stream_cpu: float = 18.0
    sink_cpu: float = 12.2
    clickhouse_cpu: float = 31.8
    kafka_cpu: float = 3.2
    raw_bytes: float = 115
    """on the raw topic, lz4"""
    enriched_bytes: float = 115
    """on the enriched topic, zstd"""
    table_bytes: float = 245
    """in all tables of ClickHouse together, merged"""
    worker_mb: float = 350
    sink_mb: float = 640


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for. `events_s` on average; `peak` times that must pass without falling behind."""

    events_s: float
    peak: float = 3.0
    kafka_days: float = 7.0
    kafka_replicas: int = 3
    clickhouse_replicas: int = 2
    years: float = 1.0
    use: float = 0.6
    """share of its measured rate at which a process or core is run; the rest is for catching up and for reports"""
    clickhouse_cores: int = 32
    """cores of one ClickHouse server"""
    broker_mb_s: float = 100.0
    """megabytes a second one broker takes in, its copies of others' partitions included"""

    def __post_init__(self) -> None:
        if not 0 < self.events_s <= EVENTS_MAX:
            raise DeployError(f"{self.events_s:g} events a second is not between 0 and {EVENTS_MAX}")
        if self.peak < 1 or not 0 < self.use <= 1 or min(self.kafka_days, self.years) < 0:
            raise DeployError("the peak is at least 1, the use above 0 to 1, days and years not negative")
        if min(self.kafka_replicas, self.clickhouse_replicas, self.clickhouse_cores, self.broker_mb_s) <= 0:
            raise DeployError("replicas, cores and what a broker takes in are above 0")


@dataclass(frozen=True, slots=True)
class Size:
    """What it takes. Disk in bytes, of all copies together; cores are those used at the peak."""

    partitions: int
    workers: int
    sinks: int
    stream_cores: float
    sink_cores: float
    brokers: int
    broker_cores: float
    kafka_bytes: float
    clickhouse_cores: float
    clickhouse_cells: int
    """independent sets of tables, each with organisations of its own; one, until a server's cores are not enough"""
    clickhouse_servers: int
    clickhouse_bytes: float
    memory_mb: float = field(default=0.0)
    """of all workers and sinks"""

    def rows(self) -> list[tuple[str, str]]:
        """What to print: a name and a figure with its unit."""
        return [
            ("partitions of each topic", f"{self.partitions:,}"),
            ("stream workers", f"{self.workers:,}"),
            ("sinks", f"{self.sinks:,}"),
            ("cores for workers and sinks", f"{self.stream_cores + self.sink_cores:,.1f}"),
            ("memory for workers and sinks", size_text(self.memory_mb * 1e6)),
            ("Kafka brokers", f"{self.brokers:,}"),
            ("disk of all brokers", size_text(self.kafka_bytes)),
            ("ClickHouse cores for inserts", f"{self.clickhouse_cores:,.1f}"),
            ("ClickHouse cells", f"{self.clickhouse_cells:,}"),
            ("ClickHouse servers", f"{self.clickhouse_servers:,}"),
            ("disk of all ClickHouse servers", size_text(self.clickhouse_bytes)),
        ]


def size(load: Load, figures: Figures | None = None) -> Size:
    """What `load` takes by `figures`."""
    known = figures or Figures()
    peak = load.events_s * load.peak
    workers = max(1, math.ceil(peak / (known.worker_events_s * load.use)))
    sinks = max(1, math.ceil(peak / (known.sink_events_s * load.use)))
    topics_bytes_s = load.events_s * (known.raw_bytes + known.enriched_bytes) * load.kafka_replicas
    # Each replica does the same inserts: what one cell's server must do is not less for having copies.
    cores = peak * known.clickhouse_cpu / 1e6 / load.use
    cells = max(1, math.ceil(cores / load.clickhouse_cores))
    return Size(
        partitions=partitions_for(max(workers, sinks)),
        workers=workers,
        sinks=sinks,
        stream_cores=peak * known.stream_cpu / 1e6,
        sink_cores=peak * known.sink_cpu / 1e6,
        brokers=max(load.kafka_replicas, math.ceil(topics_bytes_s * load.peak / 1e6 / load.broker_mb_s)),
        broker_cores=peak * known.kafka_cpu * load.kafka_replicas / 1e6,
        kafka_bytes=topics_bytes_s * load.kafka_days * DAY_S,
        clickhouse_cores=cores,
        clickhouse_cells=cells,
        clickhouse_servers=cells * load.clickhouse_replicas,
        clickhouse_bytes=load.events_s * known.table_bytes * load.clickhouse_replicas * load.years * YEAR_S,
        memory_mb=workers * known.worker_mb + sinks * known.sink_mb,
    )


def partitions_for(members: int) -> int:
    """Partitions for so many members of a group: twice as many, so that it can grow, in steps of twelve, which many
    numbers of members share evenly; never fewer than twelve.
    """
    return max(12, math.ceil(2 * members / 12) * 12)


def size_text(count: float) -> str:
    """Bytes in decimal units, three digits."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} PB" if count < 1000 else f"{count:,.0f} PB"
