"""`header_name`: kafka-python reads a record whatever its header names are, and still refuses what is corrupt."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import CorruptRecordError
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from tests.stream.factories import Name

from trailhouse.stream.header_name import LenientRecordBatch, read_any_header_name


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For these tests alone."""
    name = "DefaultRecordBatch"
    monkeypatch.setattr(memory_records, name, getattr(memory_records, name))
    read_any_header_name()


def batch(names: list[bytes], compression: int) -> bytearray:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for index, name in enumerate(names):
        headers = [(Name(name), b"1"), ("good", None)] if name else []
        builder.append(index, 1000, b"key", b"value %d" % index, headers)
    return bytearray(builder.build())


def read(data: bytearray) -> list[Any]:
    records = MemoryRecords(bytes(data))
    return [record for batch in records for record in batch]


@pytest.mark.parametrize("compression", [0, 1, 3], ids=["none", "gzip", "lz4"])
def test_every_record_is_read(compression: int) -> None:
    """Before it, itself and behind it, keys and values as bytes; in whichever compression."""
    found = read(batch([b"", "é".encode(), b"a\xff\xfeb", b"x", b"\xc0"], compression))
    assert [(each.offset, each.key, each.value) for each in found] == [
        (n, b"key", b"value %d" % n) for n in range(5)
    ]
    assert {type(each.value) for each in found} == {bytes}
    assert [each.headers[0][0] if each.headers else "" for each in found] == [
        "",
        "é",
        "a\\xff\\xfeb",
        "x",
        "\\xc0",
    ]
    assert found[2].headers == [("a\\xff\\xfeb", b"1"), ("good", None)]


def test_what_is_corrupt_is_refused() -> None:
    """A record that says another length than it has."""
    data = batch([b"\xff"], 0)
    data[61] += 2
    with pytest.raises(CorruptRecordError, match="Invalid record size"):
        read(data)


def test_good_records_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own bytes, whose slices cost nothing more."""
    (only,) = MemoryRecords(bytes(batch([b"good", b""], 0)))
    assert isinstance(only, LenientRecordBatch)
    assert len(list(only)) == 2
    assert type(only._buffer) is bytearray
