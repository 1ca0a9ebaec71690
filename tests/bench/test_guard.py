"""`make bench-guard`: which made-up results it lets pass, and what it says of those it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bench.guard import GUARDED, Guarded, judge

RATE = Guarded("worker", "ours", "peer")
TIME = Guarded("emitter", "ours", "peer", "p50_us", is_less=True)


def runs(ours: Sequence[float], peer: Sequence[float], key: str = "rate") -> list[dict[str, Any]]:
    """Interleaved runs of both with these figures."""
    return [
        {"contender": name, "run": run, key: value}
        for run, pair in enumerate(zip(ours, peer, strict=True))
        for name, value in zip(("ours", "peer"), pair, strict=True)
    ]


@pytest.mark.parametrize(
    ("now", "losses"),
    [([200.0] * 3, 0), ([300.0] * 3, 0), ([171.0] * 3, 0), ([169.0] * 3, 1), ([20.0] * 3, 1)],
    ids=["same", "better", "14.5 % less", "15.5 % less", "a tenth"],
)
def test_a_rate_may_lose_fifteen_per_cent_of_its_ratio(now: list[float], losses: int) -> None:
    """Of twice the peer's rate, 1.7 times is just enough."""
    was, peer = {"worker": runs([200.0] * 3, [100.0] * 3)}, [100.0] * 3
    assert len(judge(was, {"worker": runs(now, peer)}, [RATE]).losses) == losses


def test_a_slower_machine_loses_nothing() -> None:
    """Ratios are compared, not rates; and medians, so one bad run is none."""
    was = {"worker": runs([200.0] * 3, [100.0] * 3)}
    now = {"worker": runs([20.0, 20.0, 1.0], [10.0, 10.0, 10.0])}
    assert judge(was, now, [RATE]).losses == ()


@pytest.mark.parametrize(("now", "losses"), [(5.0, 0), (11.0, 0), (12.0, 1)])
def test_of_times_the_smaller_is_the_better(now: float, losses: int) -> None:
    """A call of 10 microseconds beside the peer's 60 may take 11.7, and may become as fast as it likes."""
    was = {"emitter": runs([10.0], [60.0], "p50_us")}
    assert len(judge(was, {"emitter": runs([now], [60.0], "p50_us")}, [TIME]).losses) == losses


def test_the_message_names_the_ratio_and_both_values() -> None:
    """Whoever reads only the last line knows where to look."""
    verdict = judge({"worker": runs([200.0], [100.0])}, {"worker": runs([120.0], [100.0])}, [RATE])
    assert verdict.losses == (
        "worker: ours against peer, rate: was 2, is 1.2 (-40%), at most 15% may be lost",
    )


def test_what_cannot_be_measured_any_more_is_a_loss() -> None:
    """A void run, a peer that is gone: the guard says why, it does not pass over it."""
    was = {"worker": runs([200.0], [100.0])}
    void = [{"contender": "ours", "run": 1, "void": "log\n12 of 20 records, then nothing"}, runs([1], [1])[1]]
    assert judge(was, {"worker": void}, [RATE]).losses == (
        "worker: ours against peer, rate: was 2, not measured now (ours: 12 of 20 records, then nothing)",
    )
    gone = [runs([1], [1])[0], {"contender": "peer", "missing": "No matching distribution"}]
    assert "No matching distribution" in judge(was, {"worker": gone}, [RATE]).losses[0]
    assert len(judge(was, {}, [RATE]).losses) == 1


def test_what_was_never_committed_is_told_and_guards_nothing() -> None:
    """A new peer fails nobody before its results are committed."""
    verdict = judge({}, {"worker": runs([200.0], [100.0])}, [RATE])
    assert verdict.losses == ()
    assert verdict.lines == ("worker: ours against peer, rate: is 2, never committed, not guarded",)


def test_every_guarded_ratio_has_a_name_of_its_own() -> None:
    """Or a message would be about two of them."""
    assert len({each.name for each in GUARDED}) == len(GUARDED)
