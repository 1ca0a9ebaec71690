"""Record batches of lines: as few as their size allows, laid out by aiokafka's builder and packed here.

aiokafka packs at zstd's level 3. Lines are so much alike that level 1 makes batches as small in three quarters of the
time, and what it packs need not be copied first. The builder is asked directly, because its wrapper costs as much again
for each line.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import cramjam
from aiokafka.producer.message_accumulator import BatchBuilder
from crc32c import crc32c

BATCH_BYTES_MAX: Final = 900_000
ZSTD_LEVEL: Final = 1

# Record batches, https://kafka.apache.org/documentation/#recordbatch: the length counts from behind itself, the checksum
# from behind itself as well, and the codec stands in the lowest bits of the attributes.
_HEADER_BYTES: Final = 61
_LENGTH_AT, _LENGTH_FROM, _CHECKSUM_AT, _ATTRIBUTES_AT = 8, 12, 17, 21
_ZSTD: Final = 4


class LineBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka is untyped
    """A batch that takes lines without keys, many at once, and is packed when it is built."""

    def __init__(self, size: int = BATCH_BYTES_MAX) -> None:
        super().__init__(size, 0)  # no codec: `packed` is it
        self._packed: bytearray | None = None

    def take(self, lines: Sequence[bytes], first: int) -> int:
        """Append the lines from index `first` on; returns the index of the first that did not fit."""
        append, now, no_headers = self._builder.append, int(time.time() * 1000), []  # type: ignore[var-annotated]
        done = first
        for done, line in enumerate(lines[first:], first):  # where it stopped is the answer
            if append(done - first, now, None, line, no_headers) is None:
                break
        else:
            done = len(lines)
        self._relative_offset = done - first
        self.close()
        return done

    def _build(self) -> bytearray:
        """The bytes of the batch; the first call takes long, and may be made in any thread."""
        if self._packed is None:
            self._packed = packed(super()._build())
        return self._packed

    def size(self) -> int:
        found: int = len(self._packed) if self._packed is not None else super().size()
        return found


def batches(lines: Sequence[bytes], size: int = BATCH_BYTES_MAX) -> Iterator[Any]:
    """Batches of all the lines, in order; raises `ValueError` for a line that fits none."""
    done = 0
    while done < len(lines):
        batch = LineBatch(size)
        after = batch.take(lines, done)
        if after == done:
            message = f"a line of {len(lines[done])} bytes does not fit a batch of {size}"
            raise ValueError(message)
        done = after
        yield batch


def packed(plain: bytearray) -> bytearray:
    """A record batch without a codec as one of zstd; as it is where that gains nothing."""
    records = cramjam.zstd.compress(memoryview(plain)[_HEADER_BYTES:], level=ZSTD_LEVEL)
    if len(records) >= len(plain) - _HEADER_BYTES:
        return plain
    made = bytearray(plain[:_HEADER_BYTES])
    made += records
    struct.pack_into(">i", made, _LENGTH_AT, len(made) - _LENGTH_FROM)
    (attributes,) = struct.unpack_from(">h", plain, _ATTRIBUTES_AT)
    struct.pack_into(">h", made, _ATTRIBUTES_AT, attributes | _ZSTD)
    struct.pack_into(">I", made, _CHECKSUM_AT, crc32c(memoryview(made)[_ATTRIBUTES_AT:]))
    return made
