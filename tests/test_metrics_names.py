"""The metrics of all roles together: names that dashboards and alerts rely on, labels that stay few."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trailhouse.deploy.reference.advice import ADVICE
from trailhouse.deploy.reference.running import METRICS

# Every label any metric may have. Each has few values; none holds an organisation, a person or an event.
LABELS = {"became", "outcome", "partition", "peer", "reason", "report", "route", "status"}
# Served by the api for the pipeline as a whole.
SHARED = {"balance", "breaker", "certificate", "clickhouse", "freshness", "spool", "store", "unaccounted"}
UNITS = ("_seconds", "_bytes", "_records", "_events", "_alerts")
# 1 or 0: what is so has no unit.
STATES = ("_open", "_leading")


def collectors(role: str) -> list[Any]:
    made = METRICS[role]()
    registry: CollectorRegistry = made.registry
    return list(registry._collector_to_names)


@pytest.mark.parametrize("role", METRICS)
def test_names_follow_prometheus(role: str) -> None:
    """`trailhouse_ROLE_…`, lower case, base units; what is no counter names its unit."""
    for collector in collectors(role):
        (metric,) = collector.describe()
        assert re.fullmatch(r"trailhouse(_[a-z]+)+", metric.name)
        assert metric.name.split("_")[1] in {role, *SHARED}
        assert metric.type == "counter" or metric.name.endswith((*UNITS, *STATES))
        assert not metric.name.endswith(("_total", "_ms", "_milliseconds"))
        assert metric.documentation


@pytest.mark.parametrize("role", METRICS)
def test_labels_are_few(role: str) -> None:
    """Only labels of the list."""
    assert {label for collector in collectors(role) for label in collector._labelnames} <= LABELS


def test_no_name_is_used_twice() -> None:
    """A name means one thing, whichever role serves it."""
    names = [metric.name for role in METRICS for each in collectors(role) for metric in each.describe()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("role", METRICS)
def test_every_metric_says_its_unit_and_what_to_do(role: str) -> None:
    """What a page of the docs can say of it: an alarm without advice helps nobody (WP1)."""
    said = {
        name: ADVICE.get(name, ("", ""))
        for collector in collectors(role)
        for metric in collector.describe()
        for name in [metric.name + ("_total" if metric.type == "counter" else "")]
    }
    assert [name for name, (unit, advice) in said.items() if not (unit and advice)] == []


def test_no_advice_is_left_over() -> None:
    """Advice is about metrics that exist."""
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for role in METRICS
        for collector in collectors(role)
        for metric in collector.describe()
    }
    assert set(ADVICE) - names == set()
