"""What the benchmark makes of what its contenders say: rows, void ones among them, the page and its pictures."""

from __future__ import annotations

import gzip
import json
from typing import Any

from bench.duck import judged as judged_answer
from bench.emitter import EMITTER, PLAIN, judged
from bench.endpoint import count
from bench.figures import figure, ratio
from bench.job import percentiles
from bench.looks.charts import CURVES, RATIOS, WORKER, draw
from bench.page import render
from bench.path import PASS_THROUGH, PATH, QUIX_PATH
from bench.path import judged as judged_path
from bench.worker import ARROYO, OURS, PATHWAY, QUIX

SAID = {
    "seconds": 2.0,
    "called_s": 1.0,
    "cpu_s": 1.0,
    "rss_peak_mb": 50.0,
    "p50_us": 9.0,
    "p99_us": 20.0,
    "p99.9_us": 30.0,
}
MACHINE = {
    "machine": {
        "measured_at": "2026-01-01T00:00+00:00",
        "cpu": "a",
        "cores": 2,
        "memory_gib": 8,
        "system": "Linux 6",
        "python": "3.11",
        "versions": {"aiokafka": "1"},
        "load_before": 0.1,
    },
    "seconds": 3.0,
}


def test_a_run_that_lost_an_event_or_a_person_is_void() -> None:
    """Fast and wrong is no result."""
    assert judged({**SAID, "found": 10, "persons": 3}, 10, 3)["rate"] == 5.0
    for found, persons in ((9, 3), (11, 3), (10, 2)):
        row = judged({**SAID, "found": found, "persons": persons}, 10, 3)
        assert set(row) == {"void"}
        assert str((found, persons)) in row["void"]


def test_a_path_that_found_other_people_is_void() -> None:
    """What the pass-through cannot parse it loses, and with it at most as many people; it finds none that are not there."""
    rows: list[dict[str, Any]] = [
        {"contender": PASS_THROUGH, "users": 95},
        {"contender": PASS_THROUGH, "users": 101},
        {"contender": PASS_THROUGH, "users": 89},
        {"contender": PATH, "users": 100},
        {"contender": QUIX_PATH, "users": 99},
        {"contender": PATH, "void": "ended"},
    ]
    assert ["void" in row for row in judged_path(rows, 10)] == [False, True, True, False, True, True]
    assert judged_path(rows[:3], 10) == rows[:3]


def test_an_answer_counts_only_if_it_is_the_same() -> None:
    """In any order, and whatever types the two drivers give."""
    told = {"p50_ms": 1.0, "p95_ms": 2.0, "answer": [["b", "2"], ["a", "1"]]}
    assert judged_answer(told, [("a", 1), ("b", 2)]) == {"p50_ms": 1.0, "p95_ms": 2.0}
    assert "void" in judged_answer(told, [("a", 1), ("b", 3)])


def test_the_endpoint_counts_what_sdks_upload() -> None:
    """PostHog's and Segment's batches, gzipped or not; the same person twice is one."""
    posthog = json.dumps({"batch": [{"distinct_id": "a"}, {"distinct_id": "b"}]}).encode()
    segment = gzip.compress(json.dumps({"batch": [{"userId": "a"}]}).encode())
    assert count([posthog, segment]) == (3, 2)
    assert count([b"{}"]) == (0, 0)


def test_percentiles_are_of_sorted_nanoseconds() -> None:
    """Also of very few calls."""
    assert percentiles(range(0, 1_000_000, 1000)) == {"p50_us": 500.0, "p99_us": 990.0, "p99.9_us": 999.0}
    assert percentiles([5000]) == {"p50_us": 5.0, "p99_us": 5.0, "p99.9_us": 5.0}


def test_void_and_missing_rows_are_in_no_figure() -> None:
    """Nor rows of an older form that lack the figure."""
    rows: list[dict[str, Any]] = [
        {"contender": "a", "rate": 10.0},
        {"contender": "a", "rate": 30.0},
        {"contender": "a", "rate": 999.0, "void": "lost one"},
        {"contender": "a"},
        {"contender": "b", "missing": "no wheel"},
    ]
    assert (figure(rows, "a", "rate").median, figure(rows, "a", "rate").runs) == (20.0, 2)
    assert ratio(rows, "a", "b") is None


def made_up() -> dict[str, dict[str, Any]]:
    """Results of a run, one contender of which could not be installed and one of which lost events."""
    worker = [
        {
            "contender": OURS,
            "rate": 100.0,
            "cpu_s_per_million": 10.0,
            "broker_cpu_s_per_million": 1.0,
            "rss_peak_mb": 9.0,
        },
        {"contender": QUIX, "rate": 40.0, "cpu_s_per_million": 20.0, "rss_peak_mb": 9.0},
        {"contender": ARROYO, "void": "log\nwrote (records, rejected, users) (1, 2, 3), wanted (4, 5, 6)"},
        {"contender": PATHWAY, "missing": "ERROR: No matching distribution found for pathway"},
    ]
    path = [
        {
            "contender": PATH,
            "rate": 50.0,
            "cpu_s_per_million": {"stream": 2.0, "sink": 1.0, "clickhouse": 1.0, "kafka": 0.0},
        }
    ]
    emitter = [
        judged({**SAID, "found": 10, "persons": 3}, 10, 3) | {"contender": each} for each in (EMITTER, PLAIN)
    ]
    scale = [
        {
            "contender": "workers 1",
            "curve": "workers",
            "workers": 1,
            "partitions": 2,
            "rate": 10.0,
            "low": 9.0,
            "high": 11.0,
            "runs": 3,
        },
        {"contender": "workers 2", "curve": "workers", "workers": 2, "partitions": 2, "rate": 19.0},
        {"contender": "orgs 10", "curve": "orgs", "orgs": 10, "rate": 8.0},
        {"contender": "people 10", "curve": "users", "people": 10, "rate": 7.0},
    ]
    parts = {"worker": worker, "path": path, "emitter": emitter, "scale": scale}
    return {name: {**MACHINE, "runs": rows} for name, rows in parts.items()}


def test_the_page_tells_ratios_bars_and_what_is_missing() -> None:
    """What was asked is beside what was measured; a peer without figures says why."""
    results = made_up()
    profiles = {
        name: {"shares": {"exactness": share, "everything else": 1 - share}}
        for name, share in (("worker", 0.1), ("sink", 0.4), ("clickhouse", 0.2))
    }
    page = render(results, draw({name: each["runs"] for name, each in results.items()}), profiles)
    assert "| Stream worker against quixstreams, same enrichment | **2.5 x** | at least 2.5 x | met |" in page
    assert "| Cost of exactness, of the whole path's CPU | **20 %** | under 15 % | not met |" in page
    assert (
        f"- {PATHWAY} could not be installed here: ERROR: No matching distribution found for pathway" in page
    )
    assert f"- {ARROYO} void: wrote (records, rejected, users) (1, 2, 3), wanted (4, 5, 6)" in page
    assert "| 2 | 2 | 19 |" in page
    assert f"pictures/{CURVES['orgs']}" in page


def test_pictures_are_drawn_of_what_there_is() -> None:
    """Bars of ratios and rates, a curve for each axis, and none without results."""
    rows = {name: each["runs"] for name, each in made_up().items()}
    drawn = draw(rows)
    assert {RATIOS, WORKER, *CURVES.values()} <= set(drawn)
    assert "2.5 x" in drawn[RATIOS]
    assert QUIX in drawn[RATIOS]
    assert PATHWAY not in drawn[RATIOS]
    assert draw({}) == {}
