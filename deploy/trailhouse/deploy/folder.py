"""The folder of a local stack: what lies where in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trailhouse.deploy.errors import DeployError

DEFAULT: Final = Path(".trailhouse")
# An address of a unix socket is at most 104 bytes on some systems, 108 on Linux; the kernel cuts nothing, it refuses.
_LONGEST_SOCKET: Final = 100
# supervisord's configuration cannot hold them: quotes are not escaped there, `%` is expanded twice, the others begin
# a comment or a line.
_UNREADABLE: Final = frozenset('"\\%;#\n')
# No rights for anybody but the owner on whatever a process of the stack creates.
UMASK: Final = 0o077


@dataclass(frozen=True, slots=True)
class StackFolder:
    """Paths within the state folder `path` (absolute)."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> StackFolder:
        return cls(path.resolve())

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def credentials(self) -> Path:
        return self.path / "secrets.json"

    @property
    def reader_curl(self) -> Path:
        """Address, user and password of ClickHouse's `reader`, for `curl -K`."""
        return self.path / "reader.curl"

    @property
    def analyst_curl(self) -> Path:
        """The same of `analyst`, who sees no personal data."""
        return self.path / "analyst.curl"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def clickhouse(self) -> Path:
        return self.path / "clickhouse"

    @property
    def stream(self) -> Path:
        return self.path / "stream"

    @property
    def spool(self) -> Path:
        """What Kafka has not confirmed yet of the self-audit, of the API and of commands."""
        return self.path / "spool"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def runfiles(self) -> Path:
        return self.path / "run"

    @property
    def supervisor_config(self) -> Path:
        return self.path / "run" / "supervisord.conf"

    @property
    def lock(self) -> Path:
        return self.path / "run" / "lock"

    @property
    def socket(self) -> Path:
        """The supervisor's socket; in a folder of this user under the temporary folder when the path is too long."""
        here = self.path / "run" / "supervisor.sock"
        if len(os.fsencode(here)) <= _LONGEST_SOCKET:
            return here
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"trailhouse-{os.getuid()}" / f"{mark}.sock"

    def make(self) -> None:
        """Create the folders, readable by their owner alone.

        Raises `DeployError` for a name that supervisord could not read in its configuration.
        """
        if found := set(str(self.path)) & _UNREADABLE:
            raise DeployError(
                f"the folder {self.path} has {' '.join(sorted(found))!r} in its name",
                hint="take another folder: --data DIR",
            )
        for folder in (self.path, self.logs, self.runfiles, self.stream, self.spool, self.socket.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What an earlier version left open; the folder itself may be somebody's own, so it stays as it is.
        for folder in (self.kafka, self.clickhouse, self.stream, self.logs, self.runfiles):
            if folder.is_dir():
                folder.chmod(0o700)
        if self.socket.parent.stat().st_uid != os.getuid():
            raise DeployError(
                f"{self.socket.parent} belongs to somebody else", hint="remove it, or set TMPDIR"
            )


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Files that this process creates within the block are its owner's alone."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)
