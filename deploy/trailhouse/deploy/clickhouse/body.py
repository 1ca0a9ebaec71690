"""A request body in a memory file, so that the engine reads inserted rows as a file, without a copy through SQL text."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class Body:
    """Bytes in an anonymous file: nothing to clean up, gone with the process.

    Where the system has no memory files (macOS) it is an unlinked-on-close temporary file.
    """

    def __init__(self, data: bytes | memoryview = b"") -> None:
        self._file: IO[bytes]
        if hasattr(os, "memfd_create"):
            self._file = os.fdopen(os.memfd_create("body", os.MFD_CLOEXEC), "w+b")
            self.path = f"/proc/self/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed by `close`
            self.path = str(Path(self._file.name).resolve())
        self.size = 0
        self.write(data)

    def write(self, data: bytes | memoryview) -> None:
        self.size += self._file.write(data)

    def ready(self) -> Self:
        """Everything written is in the file now."""
        self._file.flush()
        return self

    def read(self) -> bytes:
        """All of it."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
