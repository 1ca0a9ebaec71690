"""Exit and fork."""

from __future__ import annotations

import gc
import os

import pytest

from trailhouse.producers.lifetime import ExitDeadline, call_in_forked_child, is_process_ending, weakly


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_running_process_has_no_deadline() -> None:
    """While the main thread lives, Kafka may stay away for ever."""
    clock = Clock()
    deadline = ExitDeadline(5, is_ending=lambda: False, clock=clock)
    for clock.now in (0, 100, 1e9):
        assert not deadline.is_over()
    assert not is_process_ending()


def test_an_ending_process_waits_while_something_moves() -> None:
    """The time runs from the last progress, not from the end of the program."""
    clock = Clock()
    deadline = ExitDeadline(5, is_ending=lambda: True, clock=clock)
    assert not deadline.is_over()
    clock.now = 4.9
    assert not deadline.is_over()
    deadline.postpone()
    clock.now = 9
    assert not deadline.is_over()
    clock.now = 13.9
    assert not deadline.is_over()
    clock.now = 14
    assert deadline.is_over()


class Noted:
    def __init__(self) -> None:
        self.calls = 0

    def note(self) -> None:
        self.calls += 1


def test_a_weak_call_does_not_keep_its_object() -> None:
    """Hooks registered for the life of the process do not hold what they are for."""
    noted = Noted()
    call = weakly(noted.note)
    call()
    assert noted.calls == 1
    del noted
    gc.collect()
    call()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_the_hook_runs_in_the_child_only() -> None:
    """In the child before `os.fork` returns there; never in the parent."""
    noted = Noted()
    call_in_forked_child(noted.note)
    child = os.fork()
    if child == 0:
        os._exit(noted.calls)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert noted.calls == 0
