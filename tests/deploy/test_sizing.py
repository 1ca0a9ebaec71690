"""What a rate of events takes: the arithmetic, and that its figures are the benchmark's."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.sizing import YEAR_S, Figures, Load, partitions_for, size, size_text

ROOT = Path(__file__).parents[2]
RATES = (1_000, 10_000, 100_000, 1_000_000)


def measured(part: str, contender: str) -> list[dict[str, object]]:
    runs = json.loads((ROOT / "bench" / "results" / f"{part}.json").read_text())["runs"]
    return [run for run in runs if run["contender"] == contender]


def test_its_figures_are_the_benchmarks() -> None:
    """Within a tenth: whoever measures anew and finds otherwise has to say so here."""
    known = Figures()
    rates = {
        "worker_events_s": ("worker", "Trailhouse stream worker"),
        "sink_events_s": ("sink", "trailhouse sink"),
    }
    for name, place in rates.items():
        assert getattr(known, name) == pytest.approx(
            median(float(str(run["rate"])) for run in measured(*place)), rel=0.1
        )
    used: list[Any] = [run["cpu_s_per_million"] for run in measured("path", "whole path")]
    for role in ("stream", "sink", "clickhouse", "kafka"):
        assert getattr(known, f"{role}_cpu") == pytest.approx(median(each[role] for each in used), rel=0.1)


def test_a_small_load_takes_one_of_each() -> None:
    """A thousand a second is one worker, one sink, one cell, as many brokers as copies."""
    found = size(Load(1_000))
    assert (found.workers, found.sinks, found.partitions) == (1, 1, 12)
    assert (found.brokers, found.clickhouse_cells, found.clickhouse_servers) == (3, 1, 2)


def test_disk_is_rate_times_bytes_times_copies_times_time() -> None:
    """By hand: 1 000 events/s for a year in two copies."""
    found = size(Load(1_000), Figures(table_bytes=100, raw_bytes=60, enriched_bytes=40))
    assert found.clickhouse_bytes == 1_000 * 100 * 2 * YEAR_S
    assert found.kafka_bytes == 1_000 * 100 * 3 * 7 * 86_400


def test_a_million_a_second() -> None:
    """The path there is more of the same: every group has a partition for each member, every cell's cores suffice."""
    load = Load(1_000_000, peak=1.5)
    found = size(load)
    known = Figures()
    assert found.workers * known.worker_events_s * load.use >= 1_500_000
    assert found.sinks * known.sink_events_s * load.use >= 1_500_000
    assert found.partitions >= 2 * max(found.workers, found.sinks)
    assert found.clickhouse_cells * load.clickhouse_cores >= found.clickhouse_cores
    assert found.clickhouse_cores == pytest.approx(1.5e6 * known.clickhouse_cpu / 1e6 / 0.6)


def test_more_never_takes_less() -> None:
    """In any of the figures."""
    found = [size(Load(rate)) for rate in range(500, 400_000, 7_777)]
    for less, more in pairwise(found):
        for name in type(less).__slots__:
            assert getattr(less, name) <= getattr(more, name), name


@pytest.mark.parametrize("members", [1, 6, 7, 30, 100])
def test_partitions_are_shared_evenly_by_many_numbers(members: int) -> None:
    """Twice the members or more, a multiple of twelve."""
    found = partitions_for(members)
    assert found >= 2 * members
    assert found % 12 == 0


@pytest.mark.parametrize("wrong", [{"events_s": 0}, {"events_s": 1, "peak": 0.5}, {"events_s": 1, "use": 2}])
def test_a_load_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    """With what would be one."""
    with pytest.raises(DeployError):
        Load(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_bytes_read_well() -> None:
    """Decimal units."""
    assert [size_text(count) for count in (999, 1_500, 2e9, 86.4e12, 3e15)] == [
        "999 B",
        "1.5 kB",
        "2 GB",
        "86.4 TB",
        "3 PB",
    ]


def test_the_page_says_what_the_code_says() -> None:
    """The table of docs/operations/sizing.md, row by row."""
    text = (ROOT / "docs/operations/sizing.md").read_text()
    for rate in RATES:
        found = size(Load(rate, peak=3.0 if rate < 1_000_000 else 1.5))
        cells = [
            f"{rate:,}",
            f"{found.partitions:,}",
            f"{found.workers:,}",
            f"{found.sinks:,}",
            f"{found.stream_cores + found.sink_cores:,.1f}",
            size_text(found.kafka_bytes),
            f"{found.clickhouse_cores:,.1f}",
            f"{found.clickhouse_servers:,}",
            size_text(found.clickhouse_bytes),
        ]
        assert re.search(re.escape("| " + " | ".join(cells) + " |"), text), cells
