"""`LocalClickHouse`: the facade as a process of its own, its data in a folder."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from trailhouse.deploy.child import Child
from trailhouse.deploy.credentials import load_credentials
from trailhouse.deploy.health import is_healthy
from trailhouse.deploy.ports import LOOPBACK, free_ports, is_free
from trailhouse.producers.settings import Secret

READY_TIMEOUT_S: Final = 60.0
STOP_GRACE_S: Final = 5.0


def command(folder: Path, port: int, credentials: Path) -> list[str]:
    """What runs the facade; see `trailhouse.deploy.clickhouse.__main__`."""
    return [sys.executable, "-m", "trailhouse.deploy.clickhouse", str(folder), str(port), str(credentials)]


def dsn_of(port: int, identity: str, password: Secret, database: str) -> Secret:
    """The address of one identity at a local facade, as `TRAILHOUSE_CLICKHOUSE_DSN` wants it."""
    return Secret(f"http://{identity}:{quote(password.reveal(), safe='')}@{LOOPBACK}:{port}/{database}")


class LocalClickHouse:
    """A ClickHouse of one's own for tests and the local stack.

    `kill` and `restart` keep port and data; `running()` stops it whatever happens. `memory_bytes` is what all queries
    together may take (default: half of what there is). With `tls`, a PEM file with key and certificates, it speaks HTTPS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        memory_bytes: int | None = None,
        tls: Path | None = None,
    ) -> None:
        self._tls = tls
        self.data = folder / "data"
        self._port = port or free_ports(1)[0]
        secrets = folder / "secrets.json"
        self._credentials = load_credentials(secrets)
        self._child = Child(
            "ClickHouse",
            [*command(self.data, self._port, secrets), *([str(memory_bytes)] if memory_bytes else [])],
            folder / "clickhouse.log",
            {"TRAILHOUSE_TETHER": "1"} | ({"TRAILHOUSE_LOCAL_TLS": str(tls.resolve())} if tls else {}),
        )

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def dsn(self, identity: str, database: str = "trailhouse") -> Secret:
        """The address of `identity` (admin, ingest, reader) with its password, on `database`."""
        dsn = dsn_of(self._port, identity, self._credentials.clickhouse[identity], database)
        return Secret(dsn.reveal().replace("http:", "https:", 1)) if self._tls else dsn

    def start(self) -> None:
        """Start the process and return when it answers; raises `StartFailed` with the end of its log."""
        self._child.start()
        answers = (lambda: not is_free(self._port)) if self._tls else (lambda: is_healthy(self._port))
        self._child.wait_ready(answers, READY_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._child.kill()

    def restart(self) -> None:
        """Start again on the same data and port, after `kill` or over a running process."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """SIGTERM, SIGKILL after a grace time."""
        self._child.stop(STOP_GRACE_S)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """The process, started, and stopped at the end of the block."""
        try:
            self.start()
            yield self
        finally:
            self.stop()
