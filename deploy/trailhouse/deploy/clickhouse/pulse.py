"""Whether the engine still runs queries: one is run every second, and an engine that finishes none ends the process.

That the process answers says nothing of the engine: HTTP is served by Python, queries run in threads of the engine's own.
"""

from __future__ import annotations

import contextlib
import faulthandler
import threading
import time
from collections.abc import Callable
from typing import Final

from trailhouse.deploy.clickhouse.errors import EngineError

INTERVAL_S: Final = 1.0
LATE_S: Final = 10.0
DEAD_S: Final = 60.0


class Pulse:
    """Runs `beat` (which blocks, and may raise `EngineError`: that is an answer too) in a thread of its own.

    After `late_s` seconds without an answer it is not beating; after `dead_s` the process writes where its threads
    stand to stderr and ends with status 1, for the supervisor to start it again.
    """

    def __init__(
        self,
        beat: Callable[[], None],
        *,
        interval_s: float = INTERVAL_S,
        late_s: float = LATE_S,
        dead_s: float = DEAD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat, self._interval_s, self._late_s, self._dead_s = beat, interval_s, late_s, dead_s
        self._clock = clock
        self._last = float("-inf")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    @property
    def is_beating(self) -> bool:
        """Whether a query was answered in the last `late_s` seconds."""
        return self._clock() - self._last < self._late_s

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace_s: float = 1.0) -> bool:
        """No more beats, and nothing ends the process any more; returns whether no query is left in the engine."""
        self._stopped.set()
        self._thread.join(grace_s)
        faulthandler.cancel_dump_traceback_later()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            # A watchdog in C: it needs neither the interpreter nor its lock, which a hanging engine may hold.
            faulthandler.dump_traceback_later(self._dead_s, exit=True)
            with contextlib.suppress(EngineError):
                self._beat()
            self._last = self._clock()
            self._stopped.wait(self._interval_s)
