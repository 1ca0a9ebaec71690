"""chDB, the only module that knows it: an engine on a folder, and connections that act as one identity.

A connection costs 0.1 ms, so every request gets its own: settings, database, role and temporary tables never leak.
chDB releases the GIL; connections run in parallel, one connection runs one query at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import chdb._chdb

from trailhouse.deploy.clickhouse.allowed import Allowed
from trailhouse.deploy.clickhouse.errors import EngineError
from trailhouse.deploy.clickhouse.identities import Identity, config_xml, users_xml
from trailhouse.deploy.errors import StartFailed

_ENGINE: Final[Any] = chdb._chdb  # noqa: SLF001 - the public module keeps one connection for all
# A bare expression is no statement.
_NEVER: Final = {"implicit_select": 0, "allow_introspection_functions": 0}


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise EngineError.from_engine(error) from None


@dataclass(frozen=True, slots=True)
class Result:
    """A whole result: bytes in the format asked for, and the engine's counts."""

    data: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What the engine's parser says of a text: READ_ONLY, MUTATING, CONTROL or UNKNOWN, and how many statements."""

    name: str
    statements: int


class Connection:
    """A connection of one identity; its methods block and raise `EngineError`."""

    def __init__(self, raw: Any, identity: Identity) -> None:
        self._raw = raw
        self._stream: Any = None
        self.identity = identity

    def run(
        self,
        sql: str | bytes,
        result_format: str = "TabSeparated",
        parameters: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a statement to its end."""
        with _engine_errors():
            result = self._raw.query(sql, result_format, params=dict(parameters or {}))
        data = result.bytes() if result.size() else b""
        return Result(
            data, result.rows_read(), result.bytes_read(), result.rows_written(), result.bytes_written()
        )

    def stream(self, sql: str | bytes, result_format: str, parameters: Mapping[str, str]) -> None:
        """Start a statement whose result is taken with `fetch`."""
        with _engine_errors():
            self._stream = self._raw.send_query(sql, result_format, params=dict(parameters))

    def fetch(self) -> bytes:
        """The next chunk of a streamed result; empty at its end."""
        with _engine_errors():
            chunk = self._raw.streaming_fetch_result(self._stream)
        return chunk.bytes() if chunk.size() else b""

    def cancel(self) -> None:
        """Stop a streamed statement, finished or not."""
        if self._stream is not None:
            with contextlib.suppress(RuntimeError):
                self._raw.streaming_cancel_query(self._stream)
            self._stream = None

    def classify(self, sql: bytes) -> Kind:
        kind = self._raw.classify_query(sql, "")
        return Kind(kind["query_class"].name, kind["statement_count"])

    def close(self) -> None:
        self.cancel()
        self._raw.close()


class Engine:
    """The engine on the folder `data`, which it locks: two engines on one folder would ruin it.

    `wait_s` is how long to wait for an engine that is still ending; raises `StartFailed` after it. `memory_bytes` is
    what all queries together may take (default: half of what there is).
    """

    def __init__(self, data: Path, wait_s: float = 30.0, *, memory_bytes: int | None = None) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data / "engine.lock", wait_s)
        users, config = (data / "users.xml").resolve(), (data / "config.xml").resolve()
        users.write_text(users_xml())
        config.write_text(config_xml(users, data.resolve(), memory_bytes))
        self._address = f"{data.resolve()}?config-file={config}"
        # The configuration counts on the first connect only, and the engine ends with its last connection.
        self._keeper = _ENGINE.connect(self._address)
        self.version = str(self._keeper.query("SELECT version()", "TSVRaw").bytes().decode().strip())

        names = (
            self._keeper.query("SELECT lower(name) FROM system.table_functions", "TSVRaw").bytes().decode()
        )
        self.table_functions: Final = frozenset(names.split())
        self.allowed: Final = Allowed()

    def connect(self, identity: Identity, threads: int = 0) -> Connection:
        """A connection that can do what `identity` is granted; the caller makes it read-only after its settings.

        Its statements use so many `threads`, 0 = as many as there are processors.
        """
        connection = Connection(_ENGINE.connect(self._address), identity)
        connection.run(f"SET ROLE {identity.name}")
        held = {**_NEVER, **identity.caps, **({"max_threads": threads} if threads else {})}
        connection.run("SET " + ", ".join(f"{name} = {value}" for name, value in held.items()))
        return connection

    def beat(self) -> None:
        """Run the shortest query there is; returns, or raises `EngineError`, when the engine has answered."""
        with _engine_errors():
            self._keeper.query("SELECT 1", "TSVRaw")

    def close(self) -> None:
        self._keeper.close()
        os.close(self._lock)


def _lock(path: Path, wait_s: float) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise StartFailed(
                    f"another ClickHouse engine uses {path.parent}", hint="stop it first: trailhouse down"
                ) from None
            time.sleep(0.02)
