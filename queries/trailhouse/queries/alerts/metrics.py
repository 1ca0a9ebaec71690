"""Metrics of the role `alerts`. No label holds an organisation: `trailhouse alerts list` says whose notices are dead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

MATCHES: Final = "trailhouse_alerts_matches"  # Counter: events that passed an alert's filter
NOTICES: Final = "trailhouse_alerts_notices"  # Counter: notices decided on
DELIVERIES: Final = "trailhouse_alerts_deliveries"  # Counter: attempts, by outcome (delivered, failed, dead)
PENDING: Final = "trailhouse_alerts_pending_records"  # Gauge: notices still to be delivered
STOPPED: Final = "trailhouse_alerts_stopped_alerts"  # Gauge: alerts whose key is no longer good
LEADING: Final = "trailhouse_alerts_leading"  # Gauge: 1 = this process looks and delivers
FAILURES: Final = "trailhouse_alerts_look_failures"  # Counter: looks that failed as a whole
LOOKED: Final = "trailhouse_alerts_looked_timestamp_seconds"  # Gauge: when everything stored was last judged


@dataclass(frozen=True, slots=True)
class AlertsMetrics:
    """The role's metrics in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    matches: Counter = field(init=False)
    notices: Counter = field(init=False)
    deliveries: Counter = field(init=False)
    pending: Gauge = field(init=False)
    stopped: Gauge = field(init=False)
    leading: Gauge = field(init=False)
    failures: Counter = field(init=False)
    looked: Gauge = field(init=False)

    def __post_init__(self) -> None:
        def put(name: str, metric: Counter | Gauge) -> None:
            object.__setattr__(self, name, metric)

        own = self.registry
        put("matches", Counter(MATCHES, "Events that passed an alert's filter", registry=own))
        put("notices", Counter(NOTICES, "Notifications decided on", registry=own))
        put(
            "deliveries",
            Counter(
                DELIVERIES,
                "Attempts to deliver, by outcome: delivered, failed (another follows), dead (given up)",
                ["outcome"],
                registry=own,
            ),
        )
        put("pending", Gauge(PENDING, "Notifications still to be delivered", registry=own))
        put(
            "stopped",
            Gauge(STOPPED, "Alerts that say nothing because their key is no longer good", registry=own),
        )
        put(
            "leading",
            Gauge(LEADING, "1 = this process looks and delivers, 0 = another one does", registry=own),
        )
        put("failures", Counter(FAILURES, "Looks at the store that failed", registry=own))
        put(
            "looked",
            Gauge(LOOKED, "When all that is stored was last judged, Unix seconds", registry=own),
        )
