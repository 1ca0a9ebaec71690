from __future__ import annotations

from trailhouse.deploy.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def test_things_happen_at_the_rate() -> None:
    """The first at once, the hundredth a second later at a hundred a second."""
    clock = Clock()
    pace = Pace(100, clock, clock.pause)
    times = []
    for count in range(101):
        pace.wait(count)
        times.append(clock.now)
    assert times[0] == 100.0
    assert abs(times[100] - 101.0) < 0.001


def test_what_fell_behind_is_caught_up_with() -> None:
    """After a standstill there is no pause until the average is reached."""
    clock = Clock()
    pace = Pace(10, clock, clock.pause)
    assert not pace.wait(0)
    clock.now += 1
    assert [pace.wait(count) for count in (1, 5, 9, 11)] == [False, False, False, True]
    assert abs(clock.now - 101.1) < 0.001
