"""The archive's metrics: how late it is shows whatever else happens."""

from __future__ import annotations

import time

import pytest
from tests.own_thread import stand_in

from trailhouse.queries.archive.metrics import LATE, ArchiveMetrics


def test_lateness_begins_when_a_round_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """In time it is 0; after that it grows by itself."""
    now = time.time()
    metrics = ArchiveMetrics()
    stand_in(monkeypatch, time, "time", lambda: now)
    metrics.watch(600)
    found = []
    for later in (0, 599, 601, 4200):
        stand_in(monkeypatch, time, "time", lambda later=later: now + later)
        found.append(round(metrics.registry.get_sample_value(LATE) or 0))
    assert found == [0, 0, 1, 3600]
