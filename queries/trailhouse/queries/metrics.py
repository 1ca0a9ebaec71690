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
KEY_CHECKS: Final = "trailhouse_api_key_checks"  # Counter: API keys checked, by outcome (ok, wrong, stale, scope, locked, limited)
EVENTS_ACCEPTED: Final = "trailhouse_api_events_accepted"  # Counter: events the collector has answered for
EVENTS_REFUSED: Final = "trailhouse_api_events_refused"  # Counter: events the collector refused, by reason
EVENTS_HELD: Final = "trailhouse_api_events_held_bytes"  # Gauge: bytes of events under way to Kafka
EVENTS_ACK_SECONDS: Final = (
    "trailhouse_api_events_ack_seconds"  # Histogram: time Kafka took to confirm a request's events
)
UNACCOUNTED: Final = (
    "trailhouse_unaccounted_events"  # Gauge: raw records the books cannot account for; must be 0
)
BALANCE_RECORDS: Final = "trailhouse_balance_records"  # Gauge: raw records by what became of them (stored, rejected, repeats, lost, in_flight)
CONFLICTS: Final = "trailhouse_balance_conflicting_events"  # Gauge: event ids that came with different contents and are not settled; must be 0
BALANCE_TIMESTAMP: Final = "trailhouse_balance_timestamp_seconds"  # Gauge: when the books were last closed
BALANCE_FAILURES: Final = "trailhouse_balance_failures"  # Counter: times the books could not be closed
NEWEST: Final = "trailhouse_store_newest_timestamp_seconds"  # Gauge: broker time of the newest stored record
FRESHNESS: Final = (
    "trailhouse_freshness_seconds"  # Gauge: seconds since the broker received the newest stored record
)
DISK_FREE: Final = (
    "trailhouse_clickhouse_disk_free_bytes"  # Gauge: bytes free on the disk that holds ClickHouse's data
)
DISK_SIZE: Final = "trailhouse_clickhouse_disk_size_bytes"  # Gauge: bytes that disk has
CERTIFICATE: Final = "trailhouse_certificate_expiry_timestamp_seconds"  # Gauge: until when a server's certificate holds, by peer
LOOK_FAILURES: Final = (
    "trailhouse_api_look_failures"  # Counter: times something around could not be looked at
)

BALANCE_FIELDS: Final = ("stored", "rejected", "repeats", "lost", "expired", "in_flight")
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class ApiMetrics:
    """The API's metrics in a registry of their own; what is not known yet is NaN, never 0."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    request_seconds: Histogram = field(init=False)
    report_seconds: Histogram = field(init=False)
    key_checks: Counter = field(init=False)
    events_accepted: Counter = field(init=False)
    events_refused: Counter = field(init=False)
    events_held: Gauge = field(init=False)
    events_ack_seconds: Histogram = field(init=False)
    unaccounted: Gauge = field(init=False)
    balance_records: Gauge = field(init=False)
    conflicts: Gauge = field(init=False)
    balance_timestamp: Gauge = field(init=False)
    balance_failures: Counter = field(init=False)
    newest: Gauge = field(init=False)
    freshness: Gauge = field(init=False)
    disk_free: Gauge = field(init=False)
    disk_size: Gauge = field(init=False)
    certificate: Gauge = field(init=False)
    look_failures: Counter = field(init=False)

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
            "key_checks",
            Counter(
                KEY_CHECKS,
                "API keys checked, by outcome: ok, wrong (no such key), stale (revoked, expired, another's user name), scope, locked, limited",
                ["outcome"],
                registry=own,
            ),
        )
        put(
            "events_accepted",
            Counter(EVENTS_ACCEPTED, "Events the collector accepted: Kafka has confirmed them", registry=own),
        )
        put(
            "events_refused",
            Counter(
                EVENTS_REFUSED,
                "Events the collector refused one by one, by reason: json, contract, org, kafka",
                ["reason"],
                registry=own,
            ),
        )
        put(
            "events_held",
            Gauge(EVENTS_HELD, "Bytes of events in the collector, until Kafka confirms them", registry=own),
        )
        put(
            "events_ack_seconds",
            Histogram(
                EVENTS_ACK_SECONDS,
                "Seconds Kafka took to confirm a request's events",
                buckets=_BUCKETS,
                registry=own,
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
            "conflicts",
            Gauge(
                CONFLICTS,
                "Event ids that came with different contents and are not settled; must be 0",
                registry=own,
            ),
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
        put(
            "disk_free",
            Gauge(DISK_FREE, "Bytes free on the disk that holds ClickHouse's data", registry=own),
        )
        put("disk_size", Gauge(DISK_SIZE, "Bytes the disk that holds ClickHouse's data has", registry=own))
        put(
            "certificate",
            Gauge(
                CERTIFICATE,
                "Until when the certificate of a server this role connects to holds, Unix seconds; by peer: clickhouse, kafka",
                ["peer"],
                registry=own,
            ),
        )
        put(
            "look_failures",
            Counter(
                LOOK_FAILURES,
                "Times ClickHouse's disk or a certificate could not be looked at",
                registry=own,
            ),
        )
        for gauge in (
            self.unaccounted,
            self.conflicts,
            self.balance_timestamp,
            self.newest,
            self.freshness,
            self.disk_free,
            self.disk_size,
        ):
            gauge.set(math.nan)

    def show_balance(self, books: Balance, at: float) -> None:
        """Publish closed books; `at` = Unix seconds when they were closed."""
        self.unaccounted.set(books.unaccounted)
        self.conflicts.set(books.conflicts)
        for name in BALANCE_FIELDS:
            self.balance_records.labels(name).set(getattr(books, name))
        self.balance_timestamp.set(at)

    def show_newest(self, landed_until: datetime | None) -> None:
        """Publish how fresh the store is; between two calls `FRESHNESS` grows with the clock."""
        if landed_until is not None:
            newest = landed_until.timestamp()
            self.newest.set(newest)
            self.freshness.set_function(lambda: time.time() - newest)
