"""SIGTERM and Ctrl-C for commands that have something to stop, tried on a process of their own."""

from __future__ import annotations

import signal
import subprocess
import sys

SCRIPT = """
import os, signal, sys
from trailhouse.deploy.signals import end_on_sigterm, ignore_signals
end_on_sigterm()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    print("never reached", flush=True)
finally:
    ignore_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    print("stopped what was started", flush=True)
"""


def test_sigterm_unwinds_and_stopping_is_not_interrupted() -> None:
    """`finally` blocks run; signals that come meanwhile change nothing; the status says what ended it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "stopped what was started\n"
    assert done.returncode == 128 + signal.SIGTERM
