"""A role as a process of its own, started from settings in the environment, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import turns

from trailhouse.deploy.ports import free_ports

# Waiting longer makes no test weaker: what must happen must happen, only a busy machine needs time for it.
PATIENCE = 3
SINK = "sinks.worker", "sinks.settings", "SinkSettings"
STREAM = "stream.worker", "stream.settings", "StreamSettings"
CODE = (
    "import os; from trailhouse.{} import run; from trailhouse.{} import {} as S; run(S.from_env(os.environ))"
)


class Role:
    """One process; `start` may be called again after it died. Its output is appended to `log`."""

    def __init__(self, kind: tuple[str, str, str], environ: Mapping[str, str], log: Path) -> None:
        (self.metrics_port,) = free_ports(1)
        self.log = log
        self.argv = [sys.executable, "-c", CODE.format(*kind)]
        self.environ = {**os.environ, "TRAILHOUSE_METRICS_PORT": str(self.metrics_port), **environ}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
                start_new_session=True,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, timeout_s: float) -> int:
        """SIGTERM; the exit status. Raises `TimeoutExpired` when it takes longer."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def metric(self, name: str) -> float | None:
        """The sum of a metric's samples by name, None while nobody answers or there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        values = [
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name
        ]
        return sum(values) if values else None

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


@contextmanager
def running(*roles: Role) -> Iterator[tuple[Role, ...]]:
    """The roles, started, and gone at the end of the block."""
    try:
        for role in roles:
            role.start()
        yield roles
    finally:
        for role in roles:
            role.end()


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str, *alive: Role) -> None:
    """Poll until `condition` holds; fails after `timeout_s`, or when one of `alive` ends, with the end of its log."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    for _ in turns():
        if condition():
            return
        for role in alive:
            assert role.status is None, (
                f"{what}: ended with status {role.status}\n{role.log.read_text()[-3000:]}"
            )
        told = "\n".join(role.log.read_text()[-3000:] for role in alive)
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:g} s\n{told}"
