"""Lock-out: after how many failures, for how long, and in how much memory."""

from __future__ import annotations

from trailhouse.queries.lockout import Lockout


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def strike(lockout: Lockout, subject: str, times: int) -> bool:
    return [lockout.fail(subject) for _ in range(times)][-1]


def test_the_tenth_failure_locks_one_subject() -> None:
    """For a minute, and nobody else."""
    time = Time()
    lockout = Lockout(clock=time)
    assert not strike(lockout, "a", 9)
    assert lockout.locked_for("a") == 0
    assert strike(lockout, "a", 1)
    assert lockout.locked_for("a") == 60
    assert lockout.locked_for("b") == 0
    time.now += 59
    assert lockout.locked_for("a") == 1
    time.now += 1
    assert lockout.locked_for("a") == 0


def test_each_further_lock_is_twice_as_long_up_to_a_limit() -> None:
    """60, 120, … 900 seconds; after as long a quiet it begins anew."""
    time = Time()
    lockout = Lockout(clock=time)
    lengths = []
    for _ in range(6):
        strike(lockout, "a", 10)
        lengths.append(lockout.locked_for("a"))
        time.now += lengths[-1]
    assert lengths == [60, 120, 240, 480, 900, 900]
    time.now += 901
    strike(lockout, "a", 10)
    assert lockout.locked_for("a") == 60


def test_failures_far_apart_are_no_guessing() -> None:
    """Nine in a minute, and nine in the next."""
    time = Time()
    lockout = Lockout(clock=time)
    for _ in range(5):
        assert not strike(lockout, "a", 9)
        time.now += 61
    assert lockout.locked_for("a") == 0


def test_memory_is_bounded() -> None:
    """The subjects that failed last are remembered, however many there were."""
    lockout = Lockout(size=100)
    for number in range(10_000):
        lockout.fail(number)
    assert len(lockout) == 100
    strike(lockout, "a", 10)
    for number in range(99):
        lockout.fail(-number)
    assert lockout.locked_for("a") > 0
