"""How often a key may ask: a bucket of requests per key that fills with time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

# A key that was idle may send as many at once as it may send within this time.
BURST_S: Final = 10.0


class Rates:
    """At most `per_s` requests a second for each key, and `BURST_S` times so many at once; 0 = no limit.

    Only keys that are good come here, so there are as many buckets as keys. For the event loop's thread.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._clock = per_s, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str) -> float:
        """Take one request; returns 0.0, or the seconds to wait when there is none, and then takes nothing."""
        if not self._per_s:
            return 0.0
        now, full = self._clock(), max(1.0, self._per_s * BURST_S)
        left, since = self._buckets.get(key_id, (full, now))
        left = min(full, left + (now - since) * self._per_s)
        is_taken = left >= 1
        self._buckets[key_id] = (left - is_taken, now)
        return 0.0 if is_taken else (1 - left) / self._per_s
