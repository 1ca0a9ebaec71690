"""Names of the archive's metrics, one typed constant each; no label holds an organisation or a person."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

ROUNDS: Final = "trailhouse_archive_rounds"  # Counter: rounds done
RECORDS: Final = "trailhouse_archive_records"  # Counter: records archived, by outcome
BYTES: Final = "trailhouse_archive_bytes"  # Counter: bytes written to the target
MISSING: Final = "trailhouse_archive_missing_records"  # Counter: raw offsets archived as missing; must be 0
FAILURES: Final = "trailhouse_archive_failures"  # Counter: rounds that could not be finished
LATE: Final = "trailhouse_archive_late_seconds"  # Gauge: seconds by which the archive is late
COMPLETE: Final = (
    "trailhouse_archive_complete_timestamp_seconds"  # Gauge: when everything landed was last archived
)


@dataclass(frozen=True, slots=True)
class ArchiveMetrics:
    """The archive's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rounds: Counter = field(init=False)
    records: Counter = field(init=False)
    bytes: Counter = field(init=False)
    missing: Counter = field(init=False)
    failures: Counter = field(init=False)
    late: Gauge = field(init=False)
    complete: Gauge = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        counters = (
            ("rounds", ROUNDS, "Rounds of the archive done by this process", ()),
            ("records", RECORDS, "Records archived, by outcome (entry, copy, rejected, gone)", ("outcome",)),
            ("bytes", BYTES, "Bytes written to the archive's target", ()),
            ("missing", MISSING, "Raw offsets archived as missing, because ClickHouse did not have them; must be 0", ()),
            ("failures", FAILURES, "Rounds that could not be finished and are tried again", ()),
        )  # fmt: skip
        for attribute, name, text, labels in counters:
            put(self, attribute, Counter(name, text, list(labels), registry=self.registry))
        put(
            self,
            "late",
            Gauge(
                LATE,
                "Seconds by which the archive is late: how long everything that landed has not been archived, less the time between two rounds; 0 = in time",
                registry=self.registry,
            ),
        )
        put(
            self,
            "complete",
            Gauge(
                COMPLETE,
                "When everything that had landed was archived last, Unix seconds",
                registry=self.registry,
            ),
        )

    def watch(self, every_s: float) -> None:
        """Tell from now on how late the archive is, whatever it is doing."""
        self.complete.set(time.time())
        self.late.set_function(lambda: max(0.0, time.time() - self.complete._value.get() - every_s))  # noqa: SLF001 - a gauge has no other way to be read
