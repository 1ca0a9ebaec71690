"""Gzip of the archive, and reading it within bounds: whoever may write to the target must not fill the reader's memory.

What is read piece by piece takes the memory of a piece, however much a file unpacks to; the bound says when to stop.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Final

from trailhouse.queries.archive.errors import ArchiveBroken

#: Bytes a file may have, as it lies there or unpacked, unless a target says otherwise (TRAILHOUSE_ARCHIVE_FILE_MB).
FILE_MAX: Final = 2 << 30
#: Bytes of a plan, a manifest, or what says whose folder it is: two hundred thousand organisations in one round.
DOCUMENT_MAX: Final = 64 << 20
#: Bytes of one record or entry; Kafka takes a hundredth of it.
LINE_MAX: Final = 64 << 20
PIECE: Final = 1 << 20
_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS
HINT: Final = "if the archive is yours and the file is right, raise TRAILHOUSE_ARCHIVE_FILE_MB"


def pack(lines: bytes) -> bytes:
    """Gzip without a time in it: the same lines are the same bytes."""
    return gzip.compress(lines, _LEVEL, mtime=0)


def unpack(content: bytes, path: str, most: int = FILE_MAX) -> bytes:
    """All of a file of at most `most` bytes unpacked, at once; raises `ArchiveBroken`."""
    return b"".join(_chunks(content, path, most))


def pieces(content: bytes, path: str, most: int = FILE_MAX) -> Iterator[bytes]:
    """The same file in whole lines, some at a time; raises `ArchiveBroken` as soon as it is too long."""
    rest = b""
    for chunk in _chunks(content, path, most):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
        if len(rest) > LINE_MAX:
            raise ArchiveBroken(f"{path} has a line of more than {LINE_MAX:,} bytes")
    if rest:
        yield rest


def too_large(path: str, size: str, most: int) -> ArchiveBroken:
    """What is said of a file beyond the bound: which, how large, and how large it may be."""
    return ArchiveBroken(f"{path} {size}; at most {most:,} bytes are read", HINT)


def _chunks(content: bytes, path: str, most: int) -> Iterator[bytes]:
    """What the one member of gzip unpacks to, at most `PIECE` bytes at a time."""
    unpacker, view, at, left = zlib.decompressobj(_GZIP), memoryview(content), 0, most
    while not unpacker.eof:
        some: bytes | memoryview = unpacker.unconsumed_tail
        if not some:
            some = view[at : at + PIECE]
            at += len(some)
        try:
            chunk = unpacker.decompress(some, PIECE)
        except zlib.error as error:
            raise ArchiveBroken(f"{path} cannot be unpacked: {type(error).__name__}") from None
        if not chunk and not some:
            raise ArchiveBroken(f"{path} cannot be unpacked: it ends too early")
        left -= len(chunk)
        if left < 0:
            raise too_large(path, f"has {len(content):,} bytes, which unpack to more than it may have", most)
        if chunk:
            yield chunk
    if unpacker.unused_data or at < len(view):
        raise ArchiveBroken(f"{path} cannot be unpacked: something follows its end")
