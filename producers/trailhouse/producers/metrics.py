"""What an application may tell Prometheus of its producer's spool. Needs `prometheus-client`, which the SDK does not.

    SpoolMetrics(registry=REGISTRY).watch(trail)

No label holds an organisation or a person; the folder is read when Prometheus asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

from trailhouse.producers.segment import SUFFIX
from trailhouse.producers.spool import REFUSED as REFUSED_FILE

if TYPE_CHECKING:
    from trailhouse.producers.client import AuditProducer

USED: Final = (
    "trailhouse_spool_bytes"  # Gauge: bytes on disk that wait for Kafka, of all who share the folder
)
LIMIT: Final = "trailhouse_spool_limit_bytes"  # Gauge: bytes the spool may take (TRAILHOUSE_SPOOL_BYTES)
REFUSED: Final = "trailhouse_spool_refused_bytes"  # Gauge: bytes of events that Kafka will never take


@dataclass(frozen=True, slots=True)
class SpoolMetrics:
    """Gauges of one spool in `registry`; without a spool they are 0."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    used: Gauge = field(init=False)
    limit: Gauge = field(init=False)
    refused: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def put(name: str, metric: str, text: str) -> None:
            object.__setattr__(self, name, Gauge(metric, text, registry=self.registry))

        put("used", USED, "Bytes in the spool's files, of all processes that share the folder")
        put("limit", LIMIT, "Bytes the spool may take (TRAILHOUSE_SPOOL_BYTES)")
        put("refused", REFUSED, "Bytes of events put aside because Kafka will never take them; must be 0")

    def watch(self, producer: AuditProducer) -> None:
        """Show the spool of `producer` from now on; its events in memory are no spool."""
        if (folder := producer.spool_folder) is not None:
            self.limit.set(producer.spool_limit_bytes)
            self.used.set_function(_size_of(folder, lambda name: name.endswith(SUFFIX)))
            self.refused.set_function(_size_of(folder, lambda name: name == REFUSED_FILE))


def spool_bytes(folder: Path, is_counted: Callable[[str], bool] = lambda name: name.endswith(SUFFIX)) -> int:
    """Bytes of those files of a spool's folder; 0 where there is none."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if is_counted(each.name):
                    try:
                        total += each.stat().st_size
                    except FileNotFoundError:  # settled meanwhile
                        continue
    except FileNotFoundError:
        return 0
    return total


def _size_of(folder: Path, is_counted: Callable[[str], bool]) -> Callable[[], float]:
    return lambda: float(spool_bytes(folder, is_counted))
