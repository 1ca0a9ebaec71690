"""Names of the sink's metrics, one typed constant each; no label holds an organisation or a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ROWS: Final = "trailhouse_sink_rows"  # Counter: rows stored, by outcome (stored, rejected)
REPEATS: Final = "trailhouse_sink_repeats"  # Counter: enriched lines delivered again, dropped by their place
FOREIGN: Final = "trailhouse_sink_foreign"  # Counter: records on the enriched topic that no worker wrote
POISON: Final = "trailhouse_sink_poison"  # Counter: rows that ClickHouse refused for good
INSERT_SECONDS: Final = (
    "trailhouse_sink_insert_seconds"  # Histogram: one batch into ClickHouse, retries included
)
RETRIES: Final = "trailhouse_sink_insert_retries"  # Counter: inserts tried again
LAG: Final = "trailhouse_sink_lag_records"  # Gauge: enriched records not yet stored, by partition
GAP: Final = (
    "trailhouse_sink_gap_records"  # Gauge: raw offsets missing before what arrived, by partition; must be 0
)
GONE: Final = (
    "trailhouse_sink_gap_gone_records"  # Gauge: missing raw offsets that the raw topic does not hold any more
)
GAPS: Final = "trailhouse_sink_gaps"  # Counter: gaps, by what became of them (opened, filled, lost)
NEWEST: Final = "trailhouse_sink_newest_timestamp_seconds"  # Gauge: broker time of the newest record stored
SEALED: Final = "trailhouse_sink_sealed_days"  # Counter: days of organisations whose counts were sealed


@dataclass(frozen=True, slots=True)
class SinkMetrics:
    """The sink's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rows: Counter = field(init=False)
    repeats: Counter = field(init=False)
    foreign: Counter = field(init=False)
    poison: Counter = field(init=False)
    insert_seconds: Histogram = field(init=False)
    retries: Counter = field(init=False)
    lag: Gauge = field(init=False)
    gap: Gauge = field(init=False)
    gone: Gauge = field(init=False)
    gaps: Counter = field(init=False)
    newest: Gauge = field(init=False)
    sealed: Counter = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "rows", Counter(ROWS, "Rows stored, by outcome", ["outcome"], registry=self.registry))
        put(
            self,
            "repeats",
            Counter(
                REPEATS,
                "Enriched lines delivered again and dropped by their place in the raw topic, after a restart mostly; an event that was sent twice is stored over itself and is a repeat in `trailhouse balance` only",
                registry=self.registry,
            ),
        )
        put(
            self,
            "foreign",
            Counter(FOREIGN, "Records on the enriched topic that no worker wrote", registry=self.registry),
        )
        put(self, "poison", Counter(POISON, "Rows that ClickHouse refused for good", registry=self.registry))
        put(
            self,
            "insert_seconds",
            Histogram(
                INSERT_SECONDS,
                "Seconds of one batch into ClickHouse, retries included",
                registry=self.registry,
            ),
        )
        put(self, "retries", Counter(RETRIES, "Inserts tried again", registry=self.registry))
        put(
            self,
            "lag",
            Gauge(
                LAG, "Enriched records not yet stored, by partition", ["partition"], registry=self.registry
            ),
        )
        put(
            self,
            "gap",
            Gauge(
                GAP,
                "Raw offsets missing before what arrived, by partition; must be 0",
                ["partition"],
                registry=self.registry,
            ),
        )
        put(
            self,
            "gone",
            Gauge(
                GONE,
                "Missing raw offsets that the raw topic does not hold any more, by partition; must be 0",
                ["partition"],
                registry=self.registry,
            ),
        )
        put(
            self,
            "gaps",
            Counter(GAPS, "Gaps, by what became of them", ["became"], registry=self.registry),
        )
        put(
            self,
            "newest",
            Gauge(NEWEST, "Broker time of the newest record stored, Unix seconds", registry=self.registry),
        )
        put(
            self,
            "sealed",
            Counter(
                SEALED,
                "Finished days of organisations whose counts were sealed, again after a late event",
                registry=self.registry,
            ),
        )
