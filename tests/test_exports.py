"""What each stage exports: pinned here, so that a change of it is meant."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPORTS: dict[str, list[str]] = {
    "trailhouse.producers": [
        "ActorType",
        "AuditBufferFull",
        "AuditError",
        "AuditEvent",
        "AuditProducer",
        "AuditSpoolFull",
        "BufferSettings",
        "DeliveryFailed",
        "DeliveryRefused",
        "Flushed",
        "InvalidEvent",
        "KafkaSettings",
        "MemoryTransport",
        "Outcome",
        "ProducerClosed",
        "SettingsError",
        "SpoolFailed",
        "SpoolSettings",
        "Transport",
        "derive_id",
    ],
    "trailhouse.producers.simulation": ["Incident", "Kind", "Line", "Plan", "Simulation"],
    "trailhouse.stream": [],
    "trailhouse.sinks": [],
    "trailhouse.queries": [],
    "trailhouse.deploy": [],
    "trailhouse.deploy.clickhouse": ["LocalClickHouse"],
    "trailhouse.deploy.kafka": ["LocalKafka"],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_pinned(name: str) -> None:
    """`__all__` is sorted, is this list, and everything on it exists."""
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", []))
    assert exported == sorted(exported) == EXPORTS[name]
    assert all(hasattr(module, each) for each in exported)


def test_no_stage_loads_the_next() -> None:
    """Importing one stage's package loads nothing of those behind it, and no driver."""
    script = """
import importlib, sys
order = ["producers", "stream", "sinks", "queries", "deploy"]
drivers = {"kafka", "faust", "aiokafka", "clickhouse_connect", "chdb", "fastapi", "typer"}
for number, stage in enumerate(order):
    importlib.import_module(f"trailhouse.{stage}")
    assert not [later for later in order[number + 1:] if f"trailhouse.{later}" in sys.modules], stage
    assert not drivers & set(sys.modules), (stage, drivers & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
