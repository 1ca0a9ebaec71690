"""Metrics of the role `alerts`."""

from __future__ import annotations

from trailhouse.queries.alerts.metrics import AlertsMetrics


def test_each_has_a_registry_of_its_own() -> None:
    """Two roles in one process do not meet; outcomes are the only label."""
    one, other = AlertsMetrics(), AlertsMetrics()
    one.deliveries.labels("dead").inc()
    assert one.registry.get_sample_value("trailhouse_alerts_deliveries_total", {"outcome": "dead"}) == 1
    assert other.registry.get_sample_value("trailhouse_alerts_deliveries_total", {"outcome": "dead"}) is None
