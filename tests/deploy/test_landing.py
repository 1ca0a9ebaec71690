from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from trailhouse.deploy.landing import NotAnswering, NotLanded, Positions, await_landing


class Script:
    """Gives the positions one after another, then the last for ever; None = no answer; a pause lasts a second."""

    def __init__(self, positions: Iterable[Positions | None]) -> None:
        self.left = list(positions)
        self.now = 0.0
        self.shown: list[tuple[int, int]] = []

    def read(self) -> Positions:
        positions = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if positions is None:
            raise NotAnswering("Kafka does not answer: Away")
        return positions

    def run(self, timeout_s: float = 5) -> int:
        return await_landing(
            self.read,
            timeout_s=timeout_s,
            on_progress=lambda done, of: self.shown.append((done, of)),
            clock=lambda: self.now,
            pause=self.pause,
        )

    def pause(self, _: float) -> None:
        self.now += 1


def at(stored: dict[int, int], ends: dict[int, int], epoch: str = "e1") -> Positions:
    return Positions(epoch, ends, stored)


def test_it_returns_when_every_partition_is_stored_to_its_end() -> None:
    """An end is one behind the last record; a partition without records is not waited for."""
    ends = {0: 10, 1: 5, 2: 0}
    script = Script([at({}, ends), at({0: 9}, ends), at({0: 9, 1: 3}, ends), at({0: 9, 1: 4}, ends)])
    assert script.run() == 15
    assert script.shown == [(0, 15), (10, 15), (14, 15), (15, 15)]


def test_only_what_was_there_at_first_is_waited_for() -> None:
    """Others may go on sending."""
    script = Script([at({0: 3}, {0: 10}), at({0: 9}, {0: 5_000})])
    assert script.run() == 6


def test_everything_stored_already_is_no_wait() -> None:
    """A second import of nothing new returns at once."""
    assert Script([at({0: 9}, {0: 10})]).run() == 0


def test_a_standstill_is_told_but_slow_progress_is_not() -> None:
    """The time limit counts from the last movement, not from the start."""
    slow = Script([at({0: stored}, {0: 100}) for stored in itertools.chain(*([n] * 4 for n in range(100)))])
    assert slow.run(timeout_s=5) == 99
    with pytest.raises(NotLanded, match="90 records") as caught:
        Script([at({0: 9}, {0: 100})]).run(timeout_s=5)
    assert "status" in caught.value.hint


def test_a_topic_created_anew_is_told() -> None:
    """Offsets of another topic say nothing about what was sent."""
    with pytest.raises(NotLanded, match="anew"):
        Script([at({}, {0: 10}), at({0: 9}, {0: 10}, epoch="e2")]).run()


def test_a_kafka_that_does_not_answer_for_a_while_is_asked_again() -> None:
    """A broker that restarts, or has just started, is no reason to give up before the time limit."""
    assert Script([None, None, at({}, {0: 10}), None, at({0: 9}, {0: 10})]).run() == 10
    with pytest.raises(NotLanded, match="not known") as caught:
        Script([None]).run()
    assert "Away" in caught.value.cause
