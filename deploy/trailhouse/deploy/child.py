"""One child process with a log file: started, waited for, killed, stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trailhouse.deploy.errors import StartFailed
from trailhouse.deploy.folder import UMASK


def last_lines(log: Path, count: int = 15) -> str:
    """The last lines of a log file, for an error message; empty when there is none."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    return ""


class Child:
    """A process `name` running `argv`, its output appended to `log`."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self._name, self._argv, self._log, self._environ = name, list(argv), log, dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; it runs in a session of its own, so a Ctrl-C at our terminal does not reach it."""
        if self.is_alive:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=UMASK,
                env={**os.environ, **self._environ},
            )

    def wait_ready(self, probe: Callable[[], bool], timeout_s: float) -> None:
        """Block until `probe` says yes; raises `StartFailed` when the process ends or `timeout_s` passes first."""
        deadline = time.monotonic() + timeout_s
        while not probe():
            if not self.is_alive:
                code = self._process.returncode if self._process else None
                raise StartFailed(
                    f"{self._name} ended with status {code} while starting", cause=last_lines(self._log)
                )
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(
                    f"{self._name} did not answer within {timeout_s:g} s", cause=last_lines(self._log)
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, grace_s: float) -> None:
        """SIGTERM, then SIGKILL after `grace_s` seconds; returns when the process is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
