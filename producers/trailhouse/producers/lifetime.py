"""The ends of a process: exit, and fork."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable


def is_process_ending() -> bool:
    """Whether the main thread has ended; the interpreter then only waits for threads that are no daemons."""
    return not threading.main_thread().is_alive()


def weakly(method: Callable[[], None]) -> Callable[[], None]:
    """A function that calls the bound `method` while its object lives, and does not keep it alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if (alive := reference()) is not None:
            alive()

    return call


def call_in_forked_child(method: Callable[[], None]) -> None:
    """Have the bound `method` called in every child made by `os.fork` while its object lives."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=weakly(method))


class ExitDeadline:
    """How long a process that wants to end is kept waiting: until nothing has moved for `timeout_s`."""

    def __init__(
        self,
        timeout_s: float,
        *,
        is_ending: Callable[[], bool] = is_process_ending,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s, self._is_ending, self._clock = timeout_s, is_ending, clock
        self._at: float | None = None

    def postpone(self) -> None:
        """Something moved."""
        self._at = None

    def is_running(self) -> bool:
        """Whether the process is ending."""
        return self._is_ending()

    def is_over(self) -> bool:
        """Whether the process is ending and nothing moved for `timeout_s` since this first said so."""
        if not self._is_ending():
            return False
        if self._at is None:
            self._at = self._clock() + self._timeout_s
        return self._clock() >= self._at
