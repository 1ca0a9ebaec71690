"""How many bytes of events may be under way: an account that refuses, in place of memory that grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from trailhouse.queries.errors import CollectorBusy

# One key may take so much of it, so that nobody's flood keeps the others out.
SHARE: Final = 0.5


class Allowance:
    """At most `limit` bytes under way, at most `SHARE` of them with one key. For the event loop's thread."""

    def __init__(self, limit: int) -> None:
        self._limit, self._share = limit, int(limit * SHARE)
        self._by_key: dict[str, int] = {}
        self.held = 0

    @contextmanager
    def hold(self, key_id: str) -> Iterator[Holding]:
        """A request's part of it, given back at the end of the block."""
        holding = Holding(self, key_id)
        try:
            yield holding
        finally:
            self.change(key_id, -holding.size)

    def change(self, key_id: str, change: int) -> None:
        """Take `change` bytes, or give some back; raises `CollectorBusy` when there are not so many."""
        own = self._by_key.get(key_id, 0) + change
        if change > 0 and self.held + change > self._limit:
            raise CollectorBusy(f"{self.held} bytes of events are under way to Kafka already")
        if change > 0 and own > self._share:
            raise CollectorBusy(f"{own - change} bytes of events sent with this key are under way already")
        self.held += change
        if own:
            self._by_key[key_id] = own
        else:
            self._by_key.pop(key_id, None)


class Holding:
    """The bytes one request holds."""

    def __init__(self, allowance: Allowance, key_id: str) -> None:
        self._allowance, self._key_id = allowance, key_id
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold `size` bytes from now on; raises `CollectorBusy`, then it holds what it held."""
        self._allowance.change(self._key_id, size - self.size)
        self.size = size
