"""Names of the API's metrics, one typed constant each; no label holds an organisation or a person."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from trailhouse.sinks.balance import Balance

REQUESTS: Final = "trailhouse_api_requests"  # Counter: HTTP requests answered, by route and status
REQUEST_SECONDS: Final = "trailhouse_api_request_seconds"  # Histogram: time to answer a request, by route
REPORT_SECONDS: Final = (
    "trailhouse_api_report_seconds"  # Histogram: time ClickHouse took for a report, by report
)
UNACCOUNTED: Final = (
    "trailhouse_unaccounted_events"  # Gauge: raw records the books cannot account for; must be 0
)
BALANCE_RECORDS: Final = "trailhouse_balance_records"  # Gauge: raw records by what became of them (stored, rejected, repeats, in_flight)
BALANCE_TIMESTAMP: Final = "trailhouse_balance_timestamp_seconds"  # Gauge: when the books were last closed
BALANCE_FAILURES: Final = "trailhouse_balance_failures"  # Counter: times the books could not be closed
NEWEST: Final = "trailhouse_store_newest_timestamp_seconds"  # Gauge: broker time of the newest stored record
FRESHNESS: Final = (
    "trailhouse_freshness_seconds"  # Gauge: seconds since the broker received the newest stored record
)

BALANCE_FIELDS: Final = ("stored", "rejected", "repeats", "in_flight")
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class ApiMetrics:
    """The API's metrics in a registry of their own; what is not known yet is NaN, never 0."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    request_seconds: Histogram = field(init=False)
    report_seconds: Histogram = field(init=False)
    unaccounted: Gauge = field(init=False)
    balance_records: Gauge = field(init=False)
    balance_timestamp: Gauge = field(init=False)
    balance_failures: Counter = field(init=False)
    newest: Gauge = field(init=False)
    freshness: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def put(name: str, metric: Counter | Gauge | Histogram) -> None:
            object.__setattr__(self, name, metric)

        own = self.registry
        put(
            "requests",
            Counter(
                REQUESTS, "HTTP requests answered, by route and status", ["route", "status"], registry=own
            ),
        )
        put(
            "request_seconds",
            Histogram(
                REQUEST_SECONDS,
                "Seconds to answer a request, by route",
                ["route"],
                buckets=_BUCKETS,
                registry=own,
            ),
        )
        put(
            "report_seconds",
            Histogram(
                REPORT_SECONDS, "Seconds a report took, by report", ["report"], buckets=_BUCKETS, registry=own
            ),
        )
        put(
            "unaccounted",
            Gauge(UNACCOUNTED, "Raw records the books cannot account for; must be 0", registry=own),
        )
        put(
            "balance_records",
            Gauge(BALANCE_RECORDS, "Raw records by what became of them", ["became"], registry=own),
        )
        put(
            "balance_timestamp",
            Gauge(BALANCE_TIMESTAMP, "When the books were last closed, Unix seconds", registry=own),
        )
        put(
            "balance_failures", Counter(BALANCE_FAILURES, "Times the books could not be closed", registry=own)
        )
        put("newest", Gauge(NEWEST, "Broker time of the newest stored record, Unix seconds", registry=own))
        put(
            "freshness",
            Gauge(FRESHNESS, "Seconds since the broker received the newest stored record", registry=own),
        )
        for gauge in (self.unaccounted, self.balance_timestamp, self.newest, self.freshness):
            gauge.set(math.nan)

    def show_balance(self, books: Balance, at: float) -> None:
        """Publish closed books; `at` = Unix seconds when they were closed."""
        self.unaccounted.set(books.unaccounted)
        for name in BALANCE_FIELDS:
            self.balance_records.labels(name).set(getattr(books, name))
        self.balance_timestamp.set(at)

    def show_newest(self, landed_until: datetime | None) -> None:
        """Publish how fresh the store is; between two calls `FRESHNESS` grows with the clock."""
        if landed_until is not None:
            newest = landed_until.timestamp()
            self.newest.set(newest)
            self.freshness.set_function(lambda: time.time() - newest)
