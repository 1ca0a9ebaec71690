"""One file of the spool: events one after another, owned by whoever holds its lock.

A header of 32 bytes (mark, cursor, CRC of the cursor), then for each event `length | crc32 | bytes`, little-endian. The
cursor says up to where Kafka has confirmed; it saves repeats and may lag. A process that dies leaves whole events and
at most one torn one at the end, which `emit` had not returned yet: it is cut at the first bad CRC.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from trailhouse.producers.transport import Record

log = logging.getLogger("trailhouse.producers")

SUFFIX: Final = ".seg"
HEADER_BYTES: Final = 32
MARK: Final = b"TRAILSP1"
READ_BYTES: Final = 512 * 1024
LENGTH_MAX: Final = READ_BYTES - 8

_HEADER: Final = struct.Struct("<8sQI")
_CURSOR: Final = struct.Struct("<Q")
_FRAME: Final = struct.Struct("<II")
_ID_START: Final = b'{"event_id":"'


class Segment:
    """An open, locked segment. One thread at a time appends, one (the sender) takes and settles.

    `written`, `read` and `settled` are offsets: the end of the last whole event, of the last one handed to the sender,
    of the last one confirmed. `appended` counts every byte there ever was, so that a segment that began again at its start
    is not taken for what it was before; `synced` = how much of that is on the disk. `is_own` = made by this producer, not
    left by a process that is gone. `trouble` = what the disk said when it lost what was appended: it says that once. Who
    needs the file open, or closes it, holds `use`.
    """

    __slots__ = (
        "__weakref__",
        "_is_damaged",
        "appended",
        "fd",
        "is_own",
        "is_sealed",
        "path",
        "read",
        "settled",
        "synced",
        "trouble",
        "use",
        "written",
    )

    def __init__(self, path: Path, fd: int, *, cursor: int, size: int, is_own: bool) -> None:
        self.path, self.fd, self.is_own = path, fd, is_own
        self.is_sealed = not is_own
        self.read = self.settled = cursor
        self.written = self.appended = size
        self.synced = 0
        # Re-entrant, because a signal handler may emit while its own thread is in here.
        self.use = threading.RLock()
        self._is_damaged = False
        self.trouble: OSError | None = None

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new segment of this process. Raises `OSError`, then nothing is left behind."""
        while True:
            path = folder / f"{os.getpid()}-{os.urandom(6).hex()}{SUFFIX}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # Between the two calls another process may have taken it for a leftover, and removed it.
                if _lock(fd, path):
                    os.write(fd, _header(HEADER_BYTES))
                    return cls(path, fd, cursor=HEADER_BYTES, size=HEADER_BYTES, is_own=True)
            except OSError:
                path.unlink(missing_ok=True)
                os.close(fd)
                raise
            os.close(fd)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """A segment whose owner is gone; None while it has one, or when another process was quicker."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        with contextlib.suppress(OSError):
            if _lock(fd, path):
                size = os.fstat(fd).st_size
                return cls(
                    path, fd, cursor=_cursor(os.pread(fd, HEADER_BYTES, 0), size), size=size, is_own=False
                )
        os.close(fd)
        return None

    @property
    def is_settled(self) -> bool:
        """Whether Kafka has everything."""
        return self.settled >= self.written

    def append(self, value: bytes) -> None:
        """Write one event at the end. Raises `OSError`, then nothing of it is in the file."""
        frame = _FRAME.pack(len(value), zlib.crc32(value)) + value
        size = len(frame)
        if _write(self.fd, frame, size) != size:
            self._write_again(frame)
        self.written += size
        self.appended += size

    def _write_again(self, frame: bytes) -> None:
        """Take back what was written in part, and find out what is wrong."""
        self._cut_back()
        try:
            done = os.write(self.fd, frame)
        except OSError:
            self._cut_back()
            raise
        if done != len(frame):
            self._cut_back()
            raise OSError(errno.ENOSPC, f"{done} of {len(frame)} bytes written")

    def _cut_back(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self.fd, self.written)
        os.lseek(self.fd, self.written, os.SEEK_SET)

    def take(self, events: int, size: int) -> list[Record]:
        """The next events, up to `events`, and `size` bytes: the one that crosses it is the last."""
        records: list[Record] = []
        end = self.written
        while self.read < end and len(records) < events and size > 0:
            data = os.pread(self.fd, min(READ_BYTES, end - self.read), self.read)
            at = 0
            while len(records) < events and size > 0 and at + 8 <= len(data):
                length, crc = _FRAME.unpack_from(data, at)
                value = data[at + 8 : at + 8 + length]
                if not length or len(value) < length or zlib.crc32(value) != crc:
                    break
                at += 8 + length
                size -= length
                records.append(Record(_id_of(value), value, self, self.read + at))
            if at == 0:
                self._cut(data)
                break
            self.read += at
        return records

    def _cut(self, data: bytes) -> None:
        """What begins at `read` is no event: end the segment there."""
        left = self.written - self.read
        length = _FRAME.unpack_from(data)[0] if len(data) >= 8 else 0
        is_torn = len(data) < 8 or (0 < length <= LENGTH_MAX and 8 + length >= left)
        if is_torn and not self.is_own:
            log.info("%s: the last %d bytes are an event that was never accepted whole; cut", self.path, left)
        else:
            self._is_damaged = self.is_sealed = True
            log.error(
                "%s: damaged at byte %d; the %d bytes from there are kept as *.damaged",
                self.path,
                self.read,
                left,
            )
        self.written = self.read

    def settle(self, end: int) -> None:
        """Kafka has everything up to `end`, or will never take it."""
        self.settled = end

    def save_cursor(self) -> None:
        """Write down how far it is settled; failing costs repeats only."""
        with contextlib.suppress(OSError):
            os.pwrite(self.fd, _header(self.settled), 0)

    def rewind(self) -> None:
        """Hand out again what is not settled."""
        self.read = self.settled

    def reset(self) -> None:
        """Begin at the start again; only when all is settled, and while nobody appends or takes."""
        self.read = self.settled = self.written = HEADER_BYTES
        self.save_cursor()
        self._cut_back()

    def sync(self, end: int | None = None) -> None:
        """Put everything appended so far on the disk itself, unless that is so already up to `end` (of `appended`).

        Raises `OSError`, and from then on always: what the disk lost once stays lost, whatever the next fdatasync says.
        """
        with self.use:
            if end is not None and self.synced >= end:
                return
            if self.trouble is not None:
                raise OSError(*self.trouble.args)
            if self.fd < 0:  # settled and removed
                return
            appended = self.appended
            try:
                os.fdatasync(self.fd)
            except OSError as error:
                self.trouble = error
                raise
            self.synced = max(self.synced, appended)

    def delete(self) -> None:
        """Remove it from the folder, then let go of it; a damaged one stays under another name."""
        with contextlib.suppress(OSError):
            if self._is_damaged:
                self.path.rename(self.path.with_suffix(".damaged"))
            else:
                self.path.unlink()
        self.close()

    def delete_unless_in_use(self) -> bool:
        """As `delete`, at once or not at all; returns whether it was."""
        if not self.use.acquire(blocking=False):
            return False
        try:
            self.delete()
        finally:
            self.use.release()
        return True

    def close(self) -> None:
        """Let go of it: it stays in the folder for whoever adopts it."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close


def _writer() -> Callable[[int, bytes, int], int]:
    """write(2) for the emitter's thread, which keeps the interpreter's lock: two microseconds into the page cache.

    `os.write` lets go of it, a busy thread takes it, and one call in a hundred waits for milliseconds. It returns less
    than was asked for when something is wrong, and does not say what.
    """
    try:
        import ctypes  # noqa: PLC0415 - a few Pythons are built without

        function = ctypes.PyDLL(None).write
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
        function.restype = ctypes.c_ssize_t
    except (ImportError, OSError, AttributeError):
        return lambda *_: 0
    return function


_write: Final = _writer()


def _lock(fd: int, path: Path) -> bool:
    """Whether the lock of the file at `path` is ours now; a file that was removed meanwhile does not count."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _header(cursor: int) -> bytes:
    return _HEADER.pack(MARK, cursor, zlib.crc32(_CURSOR.pack(cursor))).ljust(HEADER_BYTES, b"\0")


def _cursor(header: bytes, size: int) -> int:
    """Where to go on reading; from the first event where the header does not say."""
    if len(header) < HEADER_BYTES:
        return size
    mark, cursor, crc = _HEADER.unpack_from(header)
    is_sound = mark == MARK and crc == zlib.crc32(_CURSOR.pack(cursor)) and HEADER_BYTES <= cursor <= size
    return cursor if is_sound else HEADER_BYTES


def _id_of(value: bytes) -> str:
    """The event's id for callbacks and the log: the emitter writes it first."""
    start = len(_ID_START)
    return value[start : start + 36].decode("ascii", "replace") if value.startswith(_ID_START) else "?"
