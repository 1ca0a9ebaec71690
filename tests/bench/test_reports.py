"""How often the benchmark asks a report, what counts of it, and what its page says of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bench.figures import percentile
from bench.page import render
from bench.reports import ASKINGS, ZONES, askings
from tests.bench.test_results import MACHINE


class Clock:
    """A clock that only what is asked moves on; the first asking of each kind takes a minute."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.put_so_far = 0.0, list[int]()
        self._seconds = seconds

    def __call__(self) -> float:
        return self.now

    def put(self, kind: int) -> None:
        self.now += self._seconds[kind] if kind in self.put_so_far else 60.0
        self.put_so_far.append(kind)


def asked(*seconds: float, least: int = 6, wanted: int = 40) -> tuple[Clock, list[float]]:
    clock = Clock(*seconds)
    return clock, askings(clock.put, len(seconds), least=least, wanted=wanted, seconds=10.0, clock=clock)


def test_the_first_of_each_kind_does_not_count() -> None:
    """Neither its time nor the asking itself; the rest is in turns."""
    clock, took = asked(0.010, 0.020, least=6, wanted=0)
    assert took == pytest.approx([10.0, 20.0] * 3)
    assert clock.put_so_far == [0, 1] * 4


@pytest.mark.parametrize(
    ("seconds", "times"), [(0.1, 40), (0.5, 20), (7.0, 6)], ids=["quick", "slow", "slowest"]
)
def test_quick_reports_are_asked_often_and_slow_ones_for_a_while(seconds: float, times: int) -> None:
    """Forty times, or for ten seconds, but never fewer than the least."""
    assert len(asked(seconds, seconds)[1]) == times


def test_of_twenty_values_one_may_be_slower_than_the_p95() -> None:
    """Of fewer than twenty none, so that fifteen askings tell no p95 but a maximum."""
    assert percentile(range(1, 21), 0.95) == 19
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(15), 0.95) == 14
    assert percentile(range(ASKINGS), 0.95) == 37
    assert percentile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.95)


def page(askings_of: Sequence[int | None]) -> str:
    """The page of results in which reports were asked so often; None = of a time that did not count."""
    rows: list[dict[str, Any]] = [{"contender": "load", "events": 1000, "rate": 10.0}]
    for number, count in enumerate(askings_of):
        said = {"days": 90, "stored": 1000, "p50_ms": 1.0, "p95_ms": 2.0, "events_read_share": 0.0}
        rows.append({"contender": f"report_{number}", **said, **({"askings": count} if count else {})})
    rows.append({"contender": "report_0: plain SQL", "askings": 3, "p50_ms": 5.0, "p95_ms": 5.0})
    return render({"reports": {**MACHINE, "runs": rows}}, {}, {})


def test_the_page_says_how_often_and_what_does_not_count() -> None:
    """One number where it is the same for all; older results say nothing."""
    assert f"once in each of {len(ZONES)} time zones first, to warm up, which does not count" in page(
        [40, 40]
    )
    assert "Then 40 times, in the same zones in turns" in page([40, 40])
    assert "Then 15 to 40 times, the slow ones less often" in page([40, 15, 31])
    assert "warm up" not in page([None, None])


def test_the_bars_of_reports() -> None:
    """150 ms for figures and a second for lists, over 90 days of 100 million events; no other asking counts."""

    def row(name: str, p95: float, **more: Any) -> dict[str, Any]:
        return {
            "contender": name,
            "days": 90,
            "stored": 10**8,
            "p50_ms": 1.0,
            "p95_ms": p95,
            "rows": 1,
            "events_read_share": 0.0,
            **more,
        }

    runs = [
        {"contender": "load", "events": 10**8, "rate": 1.0},
        row("active_users", 149.0),
        row("total_users", 151.0),
        row("failed_logins", 900.0),
        row("leaderboard", 9_000.0, days=365),
        row("leaderboard", 9_000.0, is_grown=True),
        row("leaderboard", 9_000.0, stored=10**7),
    ]
    page = render({"reports": {**MACHINE, "runs": runs}}, {}, {})
    assert "100 million events, p95 | **151 ms** | under 150 ms | not met |" in page
    assert "on security over the same, p95 | **900 ms** | under 1000 ms | met |" in page
