"""Metric names: every constant is a metric, and labels stay bounded."""

from __future__ import annotations

from trailhouse.queries import metrics
from trailhouse.queries.metrics import ApiMetrics


def test_every_name_is_a_metric_and_every_metric_has_a_name() -> None:
    """The constants are the reference the docs are made of."""
    declared = {value for name, value in vars(metrics).items() if name.isupper() and isinstance(value, str)}
    assert declared == {family.name for family in ApiMetrics().registry.collect()}


def test_no_label_can_hold_an_organisation_or_a_person() -> None:
    """Metrics are read by more people than events are."""
    labels = {label for collector in vars_of(ApiMetrics()) for label in getattr(collector, "_labelnames", ())}
    assert labels == {"route", "status", "report", "became", "outcome", "reason", "peer"}


def vars_of(registered: ApiMetrics) -> list[object]:
    return [getattr(registered, name) for name in registered.__slots__ if name != "registry"]
