"""Every match is told of once, or counted in what is told; and not too often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.queries.alerts.alert import Alert, read_alert
from trailhouse.queries.alerts.evaluation import (
    GROUPS_MAX,
    HOUR_MS,
    Evaluation,
    Match,
    Notice,
    State,
    fullest,
)

BEGUN = datetime(2026, 3, 2, 9, tzinfo=UTC)
START = int(BEGUN.timestamp() * 1000)


def alert(**given: Any) -> Alert:
    return read_alert(
        {"name": "An alert", "channels": ["ch"], **given}, org="acme", alert_id="al", created_at=BEGUN
    )


class Run:
    """Steps of one alert; `at` is milliseconds after the start."""

    def __init__(self, of: Alert) -> None:
        self.alert, self.state, self.number = of, State(), 0

    def __call__(
        self,
        at: int,
        *groups: str,
        is_current: bool = True,
        values: list[float] | None = None,
        received: int | None = None,
    ) -> list[Notice]:
        now = START + at
        self.number += 1
        step = Evaluation(self.alert, self.state, self.number, now)
        when = now if received is None else START + received
        matches = [Match(group, when, {"event_id": str(n), "action": "a"}) for n, group in enumerate(groups)]
        step.run(matches, is_current=is_current, values=values)
        self.state = State.from_text(self.state.to_text())
        return step.notices


def test_one_notice_for_a_group_and_quiet_after_it() -> None:
    """What comes meanwhile follows as one digest when the time is over; another group is told of at once."""
    run = Run(alert(group_by="actor", quiet="1m"))
    assert [(each.kind, each.group, each.count) for each in run(0, "u_1", "u_1")] == [("event", "u_1", 2)]
    assert [each.group for each in run(10_000, "u_1", "u_2")] == ["u_2"]
    assert run(59_999, "u_1") == []
    (digest,) = run(60_000)
    assert (digest.kind, digest.group, digest.count, len(digest.events)) == ("digest", "u_1", 2, 2)
    assert run(119_000, "u_1") == []
    assert [each.kind for each in run(121_000)] == ["digest"]
    assert [each.kind for each in run(300_000, "u_1")] == ["event"]


def test_more_than_the_rate_comes_as_one_digest() -> None:
    """By group, when the hour is over."""
    run = Run(alert(group_by="actor", quiet="0", rate=2))
    assert len(run(0, "a", "b", "c", "d", "c")) == 2
    assert run(1_000, "e") == []
    (digest,) = run(HOUR_MS)
    assert digest.kind == "digest"
    assert dict(digest.groups) == {"c": 2, "d": 1, "e": 1}
    assert digest.count == 4
    assert [each.kind for each in run(HOUR_MS + 1, "f")] == ["event"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 900_000), st.lists(st.sampled_from("abcd"), max_size=5)), max_size=25),
    st.sampled_from(["0", "1m", "10m"]),
    st.integers(1, 5),
)
def test_no_match_is_lost(steps: list[tuple[int, list[str]]], quiet: str, rate: int) -> None:
    """Counts of all notices together are the matches; no id comes twice; the rate of an hour is kept."""
    run, now, told = Run(alert(group_by="actor", quiet=quiet, rate=rate)), 0, list[Notice]()
    for pause, groups in steps:
        now += pause
        told += run(now, *groups)
    for _ in range(100):
        now += HOUR_MS
        told += run(now)
    assert sum(each.count for each in told) == sum(len(groups) for _, groups in steps)
    assert len({each.notice_id for each in told}) == len(told)


def test_a_threshold_counts_within_its_window() -> None:
    """More than five within a minute; spread over two minutes the same events are none."""
    spec = {"kind": "threshold", "window": "1m", "above": 5, "quiet": "5m"}
    run = Run(alert(**spec))
    for n in range(12):
        assert run(n * 20_000, "") == []
    run = Run(alert(**spec))
    assert run(0, *[""] * 5) == []
    (notice,) = run(30_000, "")
    assert (notice.kind, notice.count) == ("threshold", 6)
    assert run(31_000, *[""] * 9) == []


def test_events_count_by_when_they_were_received_even_if_read_late() -> None:
    """A role that was away an hour still finds the minute that was too full."""
    run = Run(alert(kind="threshold", window="1m", above=5))
    (notice,) = run(HOUR_MS, *[""] * 6, received=30_000)
    assert notice.count == 6


def test_the_fullest_window_holds_a_new_part() -> None:
    """Windows without anything new were judged before."""
    assert fullest({"0": 9, "100": 1}, {100}) == 1
    assert fullest({"0": 9, "59": 1}, {59}) == 10
    assert fullest({"0": 9, "60": 1}, {60}) == 1


def test_silence_is_told_once_per_quiet_time() -> None:
    """From when the alert was made, and only when nothing stored is left to read."""
    run = Run(alert(kind="absence", window="1h", quiet="2h"))
    assert run(HOUR_MS - 1) == []
    assert run(HOUR_MS, is_current=False) == []
    assert [each.kind for each in run(HOUR_MS)] == ["absence"]
    assert run(2 * HOUR_MS) == []
    assert len(run(3 * HOUR_MS)) == 1
    assert run(3 * HOUR_MS + 1, "") == []
    assert run(4 * HOUR_MS) == []
    assert len(run(5 * HOUR_MS + 1)) == 1


def test_silence_of_each_that_was_heard_of() -> None:
    """Grouped, whoever came once and then no more."""
    run = Run(alert(kind="absence", window="1h", group_by="source", quiet="1d"))
    run(0, "web", "sdk")
    run(HOUR_MS - 1, "web")
    assert [each.group for each in run(HOUR_MS + 5)] == ["sdk"]


def test_too_few_is_judged_after_a_whole_window() -> None:
    """Fewer than three in ten minutes."""
    run = Run(alert(kind="threshold", window="10m", below=3, quiet="1h"))
    assert run(0, "", "") == []
    assert run(599_999) == []
    (notice,) = run(600_000)
    assert notice.count < 3
    busy = Run(alert(kind="threshold", window="10m", below=3, quiet="1h"))
    busy(590_000, "", "", "")
    assert busy(600_000) == []


def test_a_figure_beyond_its_bound() -> None:
    """The greatest for above, the least for below; a report without rows is 0."""
    spec: dict[str, Any] = {"kind": "threshold", "report": "r", "figure": "f"}
    run = Run(alert(**spec, above=10))
    assert run(0, values=[3.0, 10.0]) == []
    assert [each.value for each in run(1, values=[3.0, 11.0])] == [11.0]
    assert run(2, values=[12.0]) == []
    below = Run(alert(**spec, below=1))
    assert run(3) == []
    assert [each.value for each in below(0, values=[])] == [0.0]


def test_muted_it_says_nothing_and_nothing_later() -> None:
    """What comes while it is muted is passed over."""
    muted = replace(alert(quiet="1m"), muted_until=BEGUN + timedelta(minutes=5))
    run = Run(muted)
    assert run(0, "", "") == []
    assert run(299_000, "") == []
    assert run(300_000) == []
    assert len(run(301_000, "")) == 1


def test_groups_are_bounded_and_nothing_held_is_lost() -> None:
    """What was held of a group that is forgotten is in the digest."""
    run = Run(alert(group_by="actor", quiet="1h", rate=1000))
    run(0, "first")
    run(1, "first")
    run(2, *[str(n) for n in range(GROUPS_MAX)])
    assert len(run.state.groups) == GROUPS_MAX
    assert run.state.over[""] == 1
