"""Sessions: connections kept between requests under a name, with their settings and temporary tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trailhouse.deploy.clickhouse.engine import Connection
from trailhouse.deploy.clickhouse.errors import refused


@dataclass(slots=True)
class Lease:
    """A session's connection, held by one request at a time."""

    connection: Connection
    deadline: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self) -> bool:
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        self._lock.release()

    @property
    def is_held(self) -> bool:
        return self._lock.locked()


class Sessions:
    """All sessions; `connect` opens a connection for a new one, `clock` is seconds that only grow."""

    def __init__(
        self, connect: Callable[[], Connection], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect, self._clock = connect, clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}

    def lease(self, name: str, timeout_s: float) -> Lease:
        """The session's connection until `release`; raises SESSION_IS_LOCKED while another request holds it."""
        with self._lock:
            self._expire()
            lease = self._leases.get(name)
            if lease is None:
                lease = self._leases[name] = Lease(self._connect())
            if not lease.acquire():
                raise refused(373, "SESSION_IS_LOCKED", f"Session {name} is locked by a concurrent client")
            lease.deadline = self._clock() + timeout_s
            return lease

    def _expire(self) -> None:
        for name, lease in list(self._leases.items()):
            if lease.deadline < self._clock() and not lease.is_held:
                del self._leases[name]
                lease.connection.close()
