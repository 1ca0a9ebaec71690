r"""Read records whose header names are no UTF-8, which aiokafka's parser gives up on.

Kafka keeps what a producer sends as the name of a header, and some clients take any bytes. One such record would end
every worker that fetches it, for ever. So what was fetched is kept until it is parsed, and parsed again when a name
cannot be decoded: by aiokafka's parser in Python, with undecodable bytes shown as escapes (`\xff`).
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

from trailhouse.stream.header_name import LenientBytes

LEGACY_MAGIC_MAX = 1


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """What a broker answered for one partition; `data` are its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)  # pyright: ignore[reportAbstractUsage]  # the compiled class is whole
        self.data = data


class KeptPartitionRecords(PartitionRecords):  # type: ignore[misc]
    """aiokafka's iterator over those, which can begin again."""

    def __init__(self, tp: Any, records: Any, aborted: Any, offset: int, *options: Any, **named: Any) -> None:
        super().__init__(tp, records, aborted, offset, *options, **named)
        # Copied: the iterator uses the list up.
        self._made_of = tp, records, list(aborted or ()), options, named

    def leniently(self, offset: int) -> KeptPartitionRecords:
        """The same from `offset` on, with every header name read."""
        tp, records, aborted, options, named = self._made_of
        return KeptPartitionRecords(tp, LenientRecords(records.data), aborted, offset, *options, **named)


class LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """Batches that read any header name. Batches of the old formats have no headers."""

    @property
    def data(self) -> bytes:
        found: bytes = self._buffer
        return found

    def next_batch(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # nobody passes its options
        piece: Any = self._next_slice
        batch: Any = super().next_batch()
        return batch if batch is None or batch.magic <= LEGACY_MAGIC_MAX else LenientBatch(piece)


class LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """One batch of the current format."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, LenientBytes):
            self._buffer = LenientBytes(self._buffer)


def keep_what_is_fetched() -> None:
    """Have aiokafka make these classes of what it fetches, in the whole process."""
    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords = KeptPartitionRecords
