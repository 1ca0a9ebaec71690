"""Content-Encoding of request bodies and Accept-Encoding of answers: lz4 frames, zstd, gzip."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import lz4.frame
import zstandard

from trailhouse.deploy.clickhouse.errors import refused

# Encodings the engine undoes by itself while it reads a file, by the name it gives them.
ENGINE_COMPRESSION: Final = {"": "none", "identity": "none", "gzip": "gz", "zstd": "zstd", "lz4": "lz4"}


@dataclass(frozen=True, slots=True)
class Encoder:
    """One compressor for a whole answer: `pack` each chunk, then `flush` once; `name` is the Content-Encoding."""

    name: str
    pack: Callable[[bytes], bytes]
    flush: Callable[[], bytes]


def decode(body: bytes, encoding: str) -> bytes:
    """A request body without its Content-Encoding; raises UNKNOWN_COMPRESSION_METHOD."""
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        "identity": bytes,
        "lz4": lz4.frame.decompress,
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "zstd": lambda data: (
            zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
        ),
    }
    try:
        return decoders[encoding](body)
    except KeyError:
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method {encoding!r}") from None
    except Exception as error:  # each library has errors of its own
        raise refused(
            89, "UNKNOWN_COMPRESSION_METHOD", f"Cannot decompress the body as {encoding!r}: {error}"
        ) from None


def encoder(accepted: str) -> Encoder:
    """The encoder for an Accept-Encoding header; one that changes nothing and has no name when none fits."""
    for name, make in (("lz4", _lz4), ("zstd", _zstd), ("gzip", _gzip)):
        if name in accepted:
            return make()
    return Encoder("", bytes, bytes)


def _lz4() -> Encoder:
    compressor: Any = lz4.frame.LZ4FrameCompressor(auto_flush=True)

    def begun() -> bytes:
        return b"" if compressor.started() else compressor.begin()

    return Encoder(
        "lz4", lambda data: begun() + compressor.compress(data), lambda: begun() + compressor.flush()
    )


def _zstd() -> Encoder:
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    return Encoder(
        "zstd",
        lambda data: compressor.compress(data) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        compressor.flush,
    )


def _gzip() -> Encoder:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return Encoder(
        "gzip", lambda data: compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush
    )
