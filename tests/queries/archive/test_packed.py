"""Reading within bounds: a forged file ends reading before it fills anything."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from trailhouse.queries.archive import packed
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.packed import LINE_MAX, pack, pieces, unpack


def bomb(size: int, line: bytes = b"\n") -> bytes:
    """Gzip of `size` bytes of the same line, a thousandth of that long, made piece by piece."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), line * ((1 << 20) // len(line))
    parts = [packer.compress(piece) for _ in range(size // len(piece))]
    return b"".join((*parts, packer.flush()))


def test_what_is_packed_comes_back() -> None:
    """The same bytes for the same lines; whole lines whatever a piece is, the last one, too, when nothing ends it."""
    lines = b"".join(b"%d\n" % number for number in range(500_000)) + b"end"
    assert pack(lines) == pack(lines)
    assert unpack(pack(lines), "f") == lines
    found = list(pieces(pack(lines), "f"))
    assert len(found) > 3
    assert b"".join(found) == lines
    assert all(piece.endswith(b"\n") for piece in found[:-1])
    assert unpack(pack(b""), "f", 0) == b""


def test_the_bound_is_a_bound() -> None:
    """To the byte, and file, size and bound are said."""
    content = pack(b"x" * 1000)
    assert unpack(content, "f", 1000) == b"x" * 1000
    with pytest.raises(
        ArchiveBroken, match=rf"^f has {len(content)} bytes.*at most 999 bytes are read"
    ) as told:
        unpack(content, "f", 999)
    assert "TRAILHOUSE_ARCHIVE_FILE_MB" in told.value.hint


def test_a_bomb_fills_nothing() -> None:
    """128 MB in 130 KB, in lines and without: pieces take a few megabytes, and what is unpacked at once its bound."""
    for line, most in ((b"x" * 63 + b"\n", 1 << 30), (b"x" * 64, 16 << 20)):
        content = bomb(128 << 20, line)
        tracemalloc.start()
        try:
            if line.endswith(b"\n"):
                assert sum(map(len, pieces(content, "f", most))) == 128 << 20
            with pytest.raises(ArchiveBroken, match="bytes are read"):
                sum(map(len, pieces(content, "f", 16 << 20)))
            with pytest.raises(ArchiveBroken, match="bytes are read"):
                unpack(content, "f", 4 << 20)
            assert tracemalloc.get_traced_memory()[1] < 40 << 20
        finally:
            tracemalloc.stop()


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file as a whole may be longer."""
    monkeypatch.setattr(packed, "LINE_MAX", 3 << 20)
    assert LINE_MAX > 3 << 20
    with pytest.raises(ArchiveBroken, match="f has a line of more than"):
        list(pieces(bomb(8 << 20, b"x"), "f"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"abc")[:-9],
        gzip.compress(b"abc")[:-8] + b"\0" * 8,
        gzip.compress(b"abc") + b"more",
        gzip.compress(b"abc") * 2,
    ],
    ids=["empty", "other", "cut", "wrong sum", "more behind", "two"],
)
def test_what_is_no_gzip_is_said(content: bytes) -> None:
    """Of which file."""
    with pytest.raises(ArchiveBroken, match=r"^f cannot be unpacked"):
        unpack(content, "f")
