"""Lock-out: whoever fails too often has to wait, longer each time. Memory is bounded whatever comes in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Strikes:
    count: int = 0
    since: float = 0.0
    locked_until: float = 0.0
    locks: int = 0


class Lockout:
    """`limit` failures within `window_s` lock a subject for `lock_s`, twice as long each further time up to `lock_max_s`.

    Remembers the `size` subjects that failed last; one that keeps quiet for `lock_max_s` begins anew. For one thread.
    """

    def __init__(  # noqa: PLR0913 - each is a number of the rule above
        self,
        *,
        limit: int = 10,
        window_s: float = 60.0,
        lock_s: float = 60.0,
        lock_max_s: float = 900.0,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._window_s, self._size, self._clock = limit, window_s, size, clock
        self._lock_s, self._lock_max_s = lock_s, lock_max_s
        self._strikes: OrderedDict[Hashable, _Strikes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._strikes)

    def locked_for(self, subject: Hashable) -> float:
        """Seconds until the subject may try again; 0 = now."""
        strikes = self._strikes.get(subject)
        return max(0.0, strikes.locked_until - self._clock()) if strikes else 0.0

    def fail(self, subject: Hashable) -> bool:
        """Count a failure; True when it was the one that locks."""
        now = self._clock()
        strikes = self._strikes.get(subject)
        if strikes is None or now - max(strikes.since, strikes.locked_until) > self._lock_max_s:
            strikes = self._strikes[subject] = _Strikes(since=now)
        if now - strikes.since > self._window_s:
            strikes.count, strikes.since = 0, now
        strikes.count += 1
        self._strikes.move_to_end(subject)
        while len(self._strikes) > self._size:
            self._strikes.popitem(last=False)
        if strikes.count < self._limit:
            return False
        strikes.locked_until = now + min(self._lock_s * 2**strikes.locks, self._lock_max_s)
        strikes.locks, strikes.count = min(strikes.locks + 1, 16), 0
        return True
