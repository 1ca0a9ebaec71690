"""SIGTERM and Ctrl-C for commands that have something to stop."""

from __future__ import annotations

import signal
from typing import Final

TERMINATED: Final = 128 + signal.SIGTERM


def end_on_sigterm() -> None:
    """Make SIGTERM an exception, as Ctrl-C is one, so that `finally` blocks stop what was started."""

    def end(signum: int, frame: object) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)


def ignore_signals() -> None:
    """From now on only SIGKILL ends us; for the bounded time of stopping."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
