"""Looking again and again, without taking the processor from what is waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator

LONGEST_S = 2.0


def turns(least_s: float = 0.05) -> Iterator[None]:
    """One turn for each look: a look that takes a second is made every three, one that costs nothing every `least_s`."""
    while True:
        began = time.monotonic()
        yield
        time.sleep(min(max(least_s, 2 * (time.monotonic() - began)), LONGEST_S))
