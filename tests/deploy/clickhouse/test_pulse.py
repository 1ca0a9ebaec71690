"""The engine's pulse: late when it does not answer, and the end of a process whose engine hangs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from trailhouse.deploy.clickhouse.errors import EngineError
from trailhouse.deploy.clickhouse.pulse import Pulse

HANGING = """
import ctypes, sys, time
from trailhouse.deploy.clickhouse.pulse import Pulse

def hang():
    print("hanging", flush=True)
    {}

Pulse(hang, dead_s=0.3).start()
time.sleep(60)
"""


def test_an_engine_that_answers_beats_and_one_that_hangs_does_not() -> None:
    """It is late when its last answer is `late_s` old, and beats again when it answers again."""
    now, answered, free = [0.0], threading.Semaphore(0), threading.Semaphore(0)

    def beat() -> None:
        answered.release()
        assert free.acquire(timeout=30)

    pulse = Pulse(beat, interval_s=0, late_s=10, clock=lambda: now[0])
    assert not pulse.is_beating  # nothing was asked yet
    pulse.start()
    try:
        assert answered.acquire(timeout=30)
        assert not pulse.is_beating  # asked, not answered
        free.release()
        assert answered.acquire(timeout=30)  # the second question comes after the first answer was noted
        assert pulse.is_beating
        now[0] = 9.9
        assert pulse.is_beating
        now[0] = 10
        assert not pulse.is_beating
        free.release()
        assert answered.acquire(timeout=30)
        assert pulse.is_beating
        assert not pulse.stop(grace_s=0.05)  # a query is still in the engine
    finally:
        free.release()
    assert pulse.stop(grace_s=30)


def test_an_error_is_an_answer() -> None:
    """An engine out of memory answers, and its process must not be ended for it."""
    asked = threading.Semaphore(0)

    def beat() -> None:
        asked.release()
        raise EngineError("Code: 241. DB::Exception: no", 241)

    pulse = Pulse(beat, interval_s=0)
    pulse.start()
    assert all(asked.acquire(timeout=30) for _ in range(3))
    assert pulse.is_beating
    assert pulse.stop(grace_s=30)


def test_a_process_whose_engine_hangs_ends() -> None:
    """With status 1 and where its threads stand, even when the engine holds the interpreter's lock."""
    holding_the_lock = "ctypes.PyDLL(None).sleep(60)"
    for kind in ("time.sleep(60)", holding_the_lock):
        since = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", HANGING.format(kind)],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 1
        assert done.stdout == "hanging\n"
        assert "in hang" in done.stderr
        assert time.monotonic() - since < 40


def test_after_the_end_nothing_ends_the_process() -> None:
    """A stopped pulse does not fire while the engine takes its time to close."""
    code = "import time; from trailhouse.deploy.clickhouse.pulse import Pulse; p = Pulse(lambda: None, dead_s=0.2); p.start(); assert p.stop(30); time.sleep(0.6)"
    assert subprocess.run([sys.executable, "-c", code], timeout=50, check=False).returncode == 0
