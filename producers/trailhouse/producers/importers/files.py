"""Input files: plain or compressed, a path or standard input, read line by line with the progress known in bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from trailhouse.producers.importers.errors import UnreadableInput

CHUNK_BYTES: Final = 1 << 20
LINE_BYTES_MAX: Final = 16 << 20
COMPRESSED: Final = (".gz", ".bz2", ".zst")


class InputFile:
    """One file being read; `name` is without folder and compression, so that ids made from it survive both.

    `size` is its size on disk in bytes (None for a pipe), `position` how many of them were read so far.
    """

    def __init__(self, name: str, stream: BinaryIO, size: int | None = None) -> None:
        self.name, self.size = name, size
        self._counted = _Counted(stream)
        self._read = _decompressed(io.BufferedReader(self._counted, CHUNK_BYTES), name)

    @property
    def position(self) -> int:
        return self._counted.position

    def lines(self) -> Iterator[bytes]:
        """Lines without their line ends; one longer than `LINE_BYTES_MAX` is cut to a byte more than that.

        Raises `UnreadableInput` when the file breaks off or its compression is damaged.
        """
        rest, number, is_cutting = b"", 0, False
        try:
            while chunk := self._read(CHUNK_BYTES):
                parts = (rest + chunk).split(b"\n")
                rest = parts.pop()
                if is_cutting and parts:
                    del parts[0]
                    is_cutting = False
                yield from parts
                number += len(parts)
                if is_cutting:
                    rest = b""
                elif len(rest) > LINE_BYTES_MAX:
                    yield rest[: LINE_BYTES_MAX + 1]
                    rest, number, is_cutting = b"", number + 1, True
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableInput(
                f"{self.name} breaks off after line {number}: {error}",
                "the lines before were read; mend the file and import it again, nothing is counted twice",
            ) from None
        if rest:
            yield rest


@contextmanager
def open_input(path: str, stdin: BinaryIO) -> Iterator[InputFile]:
    """Open a path, or standard input for `-`; the compression is told from the content. Raises `UnreadableInput`."""
    if path == "-":
        yield InputFile("-", stdin)
        return
    file = Path(path)
    try:
        stream = file.open("rb", buffering=0)
    except OSError as error:
        raise UnreadableInput(f"cannot read {path}: {error.strerror}") from None
    with stream:
        name = file.name.removesuffix(file.suffix) if file.suffix in COMPRESSED else file.name
        yield InputFile(name, stream, file.stat().st_size if file.is_file() else None)


class _Counted(io.RawIOBase):
    """Passes reads on and counts their bytes."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.position = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # read1 where there is one: a pipe's lines are handed on as they come
        data = getattr(self._stream, "read1", self._stream.read)(len(buffer))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def _decompressed(stream: io.BufferedReader, name: str) -> Any:
    """A `read(size)` of the plain bytes."""
    head = stream.peek(10)[:10]
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=stream).read1
    if head.startswith(b"BZh") and head[4:] in {b"1AY&SY", b"\x17rE8P\x90"}:
        return bz2.BZ2File(stream).read1
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstandard(stream, name)
    return stream.read1


def _zstandard(stream: io.BufferedReader, name: str) -> Any:
    try:
        import zstandard  # noqa: PLC0415  optional: the bare SDK does without it
    except ImportError:
        raise UnreadableInput(
            f"{name} is compressed with zstd, which needs a package", "pip install zstandard"
        ) from None
    return _Frames(stream, zstandard).read


class _Frames:
    """Reads zstd frames one after another and, unlike the package's own reader, notices when the last is cut off."""

    def __init__(self, stream: io.BufferedReader, zstandard: Any) -> None:
        self._stream, self._zstandard = stream, zstandard
        self._frame: Any = None
        self._rest = b""

    def read(self, _: int) -> bytes:
        """The next plain bytes, empty at the end; raises `OSError` or `EOFError` when the file is damaged."""
        while True:
            # Small pieces: each may unpack to thousands of times its size.
            piece = self._rest or self._stream.read1(1 << 14)
            if not piece:
                if self._frame is not None:
                    raise EOFError("the last zstd frame is cut off")
                return b""
            if self._frame is None:
                self._frame = self._zstandard.ZstdDecompressor().decompressobj()
            try:
                plain: bytes = self._frame.decompress(piece)
            except self._zstandard.ZstdError as error:
                raise OSError(str(error)) from None
            self._rest = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
            if plain:
                return plain
