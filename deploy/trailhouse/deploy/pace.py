"""Doing things at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """So many a second on average, from the first `wait` on; what fell behind is caught up with."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._pause = rate, clock, pause
        self._began: float | None = None

    def wait(self, count: int) -> bool:
        """Return when it is time for the next one after `count`; whether that took a pause."""
        if self._began is None:
            self._began = self._clock()
        ahead = self._began + count / self._rate - self._clock()
        if ahead <= 0:
            return False
        self._pause(ahead)
        return True
