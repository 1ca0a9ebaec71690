r"""Header names that are no UTF-8, read with escapes (`\xff`) where Kafka's clients give up.

Kafka keeps what a producer sends as the name of a header, and some clients take any bytes. To kafka-python such a record
is corrupt: whoever reads its partition comes as far and no further, for ever. What the worker's own client makes of it is
in `lenient.py`; both show the same name.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.record import memory_records

from trailhouse.stream.record_batch import QuickRecordBatch

# kafka-python has no types, and names its batch in the module that reads batches.
_READER: Final[Any] = memory_records


class LenientBytes(bytearray):
    """Bytes whose slices can always be decoded; header names are all that parsers of records decode."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return LenientBytes(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class LenientRecordBatch(QuickRecordBatch):
    """A batch which reads a record again when the name of a header cannot be decoded."""

    _buffer: bytearray

    def _read_msg(self, *options: Any) -> Any:
        try:
            return super()._read_msg(*options)
        except UnicodeDecodeError:
            # The position moves on only once a record is read. The rest of the batch is read slowly; others are not.
            self._buffer = LenientBytes(self._buffer)
            return super()._read_msg(*options)


def read_any_header_name() -> None:
    """Have kafka-python make this batch of what it fetches, in the whole process."""
    _READER.DefaultRecordBatch = LenientRecordBatch
