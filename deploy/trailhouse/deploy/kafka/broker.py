"""`LocalKafka`: one broker that is its own controller (KRaft), its data in a folder, on loopback."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from trailhouse.deploy.child import Child
from trailhouse.deploy.kafka.jars import fetch_jars
from trailhouse.deploy.kafka.probe import answers
from trailhouse.deploy.kafka.secure import SecureListeners
from trailhouse.deploy.ports import LOOPBACK, free_ports

READY_TIMEOUT_S: Final = 60.0
STOP_GRACE_S: Final = 5.0


def command(folder: Path, port: int, controller_port: int) -> list[str]:
    """What runs a broker with its data in `folder`; see `trailhouse.deploy.kafka.__main__`."""
    return [sys.executable, "-m", "trailhouse.deploy.kafka", str(folder), str(port), str(controller_port)]


class LocalKafka:
    """A broker of one's own for tests and the local stack.

    `kill` and `restart` keep ports and data, as a real broker does; `running()` stops it whatever happens. With `secure`
    it listens with TLS and SASL too; `bootstrap` stays the plain listener.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        secure: SecureListeners | None = None,
    ) -> None:
        self._secure = secure
        drawn = free_ports(2)
        self._folder = folder
        self._port, self._controller_port = port or drawn[0], controller_port or drawn[1]
        self._child = Child(
            "Kafka",
            command(folder, self._port, self._controller_port),
            folder / "kafka.log",
            {"TRAILHOUSE_TETHER": "1"},
        )

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def start(self) -> None:
        """Start the broker and return when it answers; raises `StartFailed` with the end of its log."""
        fetch_jars(os.environ)
        if self._secure is not None:
            self._secure.save(self._folder)
        self._child.start()
        self._child.wait_ready(lambda: answers(LOOPBACK, self._port), READY_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, no client is told."""
        self._child.kill()

    def restart(self) -> None:
        """Start again on the same data and ports, after `kill` or over a running broker."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """SIGTERM, SIGKILL after a grace time."""
        self._child.stop(STOP_GRACE_S)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """The broker, started, and stopped at the end of the block."""
        try:
            self.start()
            yield self
        finally:
            self.stop()
