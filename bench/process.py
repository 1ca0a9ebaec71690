"""A measured process: started, sampled (CPU, memory of its whole tree), stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SOURCES = ("producers", "stream", "sinks", "queries", "deploy")
STOP_GRACE_S = 20.0


class Measured:
    """A running process and what it used so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._root, self._log = process, psutil.Process(process.pid), log
        self.rss_peak = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """User and system seconds of the tree, ended children included; also takes a memory sample."""
        seconds, rss = 0.0, 0
        for each in (self._root, *self._root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                seconds += times.user + times.system
                if each == self._root:
                    seconds += times.children_user + times.children_system
                rss += each.memory_info().rss
        self.rss_peak = max(self.rss_peak, rss)
        return seconds

    def end_of_log(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


def environment() -> dict[str, str]:
    """Ours, with our sources on Python's path."""
    paths = os.pathsep.join(str(ROOT / each) for each in ("", *SOURCES))
    return {**os.environ, "PYTHONPATH": paths}


@contextlib.contextmanager
def running(argv: Sequence[str], log: Path) -> Iterator[Measured]:
    """The process with our sources on its path; SIGTERM at the end, SIGKILL after a grace time."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            list(argv),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=environment(),
        )
    try:
        yield Measured(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds_of(pid: int) -> float:
    """User and system seconds of one process that others started."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def wait_until(done: float, step_s: float = 0.05) -> None:
    """Sleep until the monotonic moment `done`, in small steps so that an interrupt is answered."""
    while (left := done - time.monotonic()) > 0:
        time.sleep(min(step_s, left))
