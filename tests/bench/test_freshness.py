"""Freshness: what half load is, and what the page makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from bench.flow import whole_tails
from bench.freshness import HALF, HALF_READ, half_of
from bench.page import render
from bench.path import PATH

from trailhouse.producers.event import AuditEvent


def rows(*cases: tuple[str, float, float]) -> dict[str, Any]:
    """Results of the part, by contender, median and p99."""
    return {
        "machine": {"cores": 2, "cpu": "a", "memory_gib": 8, "system": "L", "python": "3", "versions": {}}
        | {"measured_at": "2026-01-01", "load_before": 0.0},
        "seconds": 1.0,
        "runs": [
            {
                "contender": name,
                "p50_s": p50,
                "p95_s": p99,
                "p99_s": p99,
                "events_per_s": 9.0,
                "reports_per_s": 1.0,
            }
            for name, p50, p99 in cases
        ],
    }


def test_half_load_is_half_the_median_of_the_whole_path() -> None:
    """Void runs do not count; without any there is no half."""
    path = [{"contender": PATH, "rate": rate} for rate in (10.0, 30.0, 20.0)]
    assert half_of([*path, {"contender": PATH, "void": "no"}, {"contender": "x", "rate": 99.0}]) == 10.0
    assert half_of([]) is None


@pytest.mark.parametrize(("beside", "met"), [(0.99, "met"), (1.01, "not met")])
def test_the_bars_of_freshness(beside: float, met: str) -> None:
    """0.5 s and 1.5 s, and at most twice that with readers."""
    page = render({"freshness": rows((HALF, 0.4, 1.6), (HALF_READ, beside, 1.7))}, {}, {})
    assert "| From `emit` to a report at half load, median | **0.4 s** | under 0.5 s | met |" in page
    assert "| From `emit` to a report at half load, p99 | **1.6 s** | under 1.5 s | not met |" in page
    assert f"| under 1 s | {met} |" in page.split("while reports are read, median")[1]
    assert "| under 3 s | met |" in page.split("while reports are read, p99")[1]
    assert f"| {HALF_READ} | 9 | 1.0 | {beside:.2f} | 1.70 | 1.70 |" in page


def test_what_comes_in_meanwhile_is_like_the_backlogs() -> None:
    """The id and the time are exchanged, the rest of an event stays, and it is still one."""
    (tail, *more) = whole_tails(1000)
    assert len(more) > 950
    value = f'{{"event_id":"0a6e0c1e-8f0c-4c69-9d0f-{7:012x}","occurred_at":"2026-01-02T03:04:05.678Z{tail}'
    assert AuditEvent.from_bytes(value.encode()).occurred_at.startswith("2026-01-02T03:04:05")
