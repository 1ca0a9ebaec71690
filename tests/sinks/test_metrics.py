"""The sink's metrics: their names, their labels, and what no label may hold."""

from __future__ import annotations

from prometheus_client import generate_latest

from trailhouse.sinks import metrics
from trailhouse.sinks.metrics import SinkMetrics


def test_every_named_metric_is_exposed() -> None:
    """Each constant of the module is a metric of the registry, and there is none besides."""
    names = {value for name, value in vars(metrics).items() if name.isupper() and isinstance(value, str)}
    exposed = {family.name for family in SinkMetrics().registry.collect()}
    assert exposed == names


def test_labels_are_bounded() -> None:
    """Outcomes and partitions are the only labels: no organisation, no person."""
    made = SinkMetrics()
    made.rows.labels("stored").inc(3)
    made.lag.labels(0).set(1)
    made.gap.labels(0).set(0)
    labels = {
        name for family in made.registry.collect() for sample in family.samples for name in sample.labels
    }
    assert labels <= {"outcome", "partition", "le"}
    assert b'trailhouse_sink_rows_total{outcome="stored"} 3.0' in generate_latest(made.registry)


def test_two_sinks_in_a_process_do_not_share() -> None:
    """A registry of their own: importing or making one twice registers nothing globally."""
    first, second = SinkMetrics(), SinkMetrics()
    first.repeats.inc()
    assert b"trailhouse_sink_repeats_total 0.0" in generate_latest(second.registry)
