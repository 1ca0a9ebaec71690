"""How every role logs: one line an event on stderr, where the supervisor or the container collects it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DRIVERS: Final = ("kafka", "aiokafka", "faust", "mode", "urllib3", "clickhouse_connect")
FIRST_SILENCE_S: Final = 30.0
LONGEST_SILENCE_S: Final = 600.0
REMEMBERED: Final = 1000


def log_to_stderr() -> None:
    """One line an event on stderr; the drivers speak up from warnings on, and nobody says the same all the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=[handler]
    )
    for driver in DRIVERS:
        logging.getLogger(driver).setLevel(logging.WARNING)
    # What they warn of they raise as well, and we say it in a line of ours.
    for driver in ("urllib3", "clickhouse_connect"):
        logging.getLogger(driver).setLevel(logging.ERROR)
    # A busy worker's commit timer runs late; lag shows that better than a line each time.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)


@dataclass(slots=True)
class _Said:
    """When a warning was printed last, for how long it is not printed again, and how many were not since."""

    at: float
    silence_s: float
    hidden: int = 0


class Repeats(logging.Filter):
    """Lets a warning through once, then counts it for 30 s, and while it goes on for twice as long each time.

    A driver that lost its broker says so several times a second, and what was said before scrolls away. Of a driver
    the same warning is the same template, whatever its values; of ours, the same text.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to print it; what was hidden meanwhile is said at its end."""
        if record.levelno < logging.WARNING:
            return True
        is_driver = record.name.partition(".")[0] in DRIVERS
        key = (record.name, str(record.msg) if is_driver else record.getMessage())
        with self._lock:
            now, said = self._clock(), self._said.get(key)
            if said is None:
                if len(self._said) >= REMEMBERED:
                    self._said.clear()
                self._said[key] = _Said(now, FIRST_SILENCE_S)
                return True
            passed = now - said.at
            if passed < said.silence_s:
                said.hidden += 1
                return False
            is_over = passed >= 2 * said.silence_s
            silence_s = FIRST_SILENCE_S if is_over else min(2 * said.silence_s, LONGEST_SILENCE_S)
            self._said[key] = _Said(now, silence_s)
        if said.hidden:
            record.msg, record.args = f"{record.getMessage()} (and {said.hidden} more in {passed:.0f} s)", ()
        return True
