"""Compression of bodies and answers."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard

from trailhouse.deploy.clickhouse.codec import decode, encoder
from trailhouse.deploy.clickhouse.errors import EngineError

CHUNKS = [b"first " * 100, b"", b"second " * 1000]


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()


@pytest.mark.parametrize(
    ("name", "unpack"), [("lz4", lz4.frame.decompress), ("zstd", unzstd), ("gzip", gzip.decompress)]
)
def test_an_answer_is_one_document(name: str, unpack: Callable[[bytes], bytes]) -> None:
    """Chunks packed one by one unpack as a whole, and each can be read before the next."""
    packed = encoder(f"br, {name};q=1")
    assert packed.name == name
    data = b"".join(packed.pack(chunk) for chunk in CHUNKS) + packed.flush()
    assert unpack(data) == b"".join(CHUNKS)


def test_no_encoding_changes_nothing() -> None:
    """What nobody asked to compress goes as it is."""
    packed = encoder("identity, br")
    assert (packed.name, packed.pack(b"x"), packed.flush()) == ("", b"x", b"")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lz4.frame.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
    ],
)
def test_bodies(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Every encoding the server knows is undone; damage and unknown names are errors with the server's code."""
    assert decode(pack(b"data" * 100), encoding) == b"data" * 100
    for bad, name in ((b"junk", encoding or "br"), (b"", "br")):
        with pytest.raises(EngineError) as caught:
            decode(bad, name)
        assert caught.value.code == 89
