"""The logs of all roles as one, each line under its role's name and colour."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final, TextIO

ROLES: Final = ("kafka", "clickhouse", "stream", "sink", "api", "alerts")
_COLOURS: Final = {"kafka": 36, "clickhouse": 33, "stream": 32, "sink": 35, "api": 34, "alerts": 94}


class LogFollower:
    """Shows what the roles log from now on; `show` prints what is new and never waits."""

    def __init__(
        self, folder: Path, out: TextIO, *, is_coloured: bool, roles: tuple[str, ...] = ROLES
    ) -> None:
        self._folder, self._out, self._is_coloured = folder, out, is_coloured
        self._files: dict[str, IO[bytes]] = {}
        self._rest: dict[str, bytes] = dict.fromkeys(roles, b"")
        for role in roles:
            if file := self._open(role):
                file.seek(0, os.SEEK_END)

    def show(self) -> None:
        """Print every whole line that was written since the last call."""
        for role in self._rest:
            file = self._files.get(role) or self._open(role)
            if file is None:
                continue
            self._print(role, file.read())
            if self._was_rotated(role, file):
                file.close()
                del self._files[role]
                if new := self._open(role):
                    self._print(role, new.read())
        self._out.flush()

    def _open(self, role: str) -> IO[bytes] | None:
        try:
            self._files[role] = self._path(role).open("rb")
        except FileNotFoundError:
            return None
        return self._files[role]

    def _was_rotated(self, role: str, file: IO[bytes]) -> bool:
        try:
            return self._path(role).stat().st_ino != os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False

    def _path(self, role: str) -> Path:
        return self._folder / f"{role}.log"

    def _print(self, role: str, data: bytes) -> None:
        *lines, self._rest[role] = (self._rest[role] + data).split(b"\n")
        for line in lines:
            name = f"{role:<10} |"
            shown = f"\x1b[{_COLOURS.get(role, 37)}m{name}\x1b[0m" if self._is_coloured else name
            self._out.write(f"{shown} {line.decode(errors='replace')}\n")
