"""`lenient`: a header name that is no UTF-8 is read with escapes, and its record like any other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.record.default_records import DefaultRecordBatchBuilder, _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition
from tests.stream.factories import Name

from trailhouse.stream.lenient import KeptPartitionRecords, KeptRecords
from trailhouse.stream.transport import drain

TP = TopicPartition("audit.events", 0)


def batch(first: int, names: list[bytes], compression: int, *, producer: int = -1) -> bytes:
    """A record for each name, from offset `first` on."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, int(producer >= 0), producer, 0, 0, 1 << 20)
    for index, name in enumerate(names):
        headers = [(Name(name), b"1"), ("good", None)] if name else []
        builder.append(index, 1000, b"key", b"value %d" % (first + index), headers)
    data = builder.build()
    data[0:8] = first.to_bytes(8, "big")
    return bytes(data)


class State:
    """aiokafka's state of an assigned partition."""

    def __init__(self, position: int) -> None:
        self._position, self.paused, self.highwater = position, False, None

    @property
    def position(self) -> int:
        return self._position

    def consumed_to(self, position: int) -> None:
        self._position = position


def result_of(data: bytes, position: int, aborted: list[tuple[int, int]] | None = None) -> Any:
    state = State(position)
    assignment: Any = SimpleNamespace(active=True, state_value=lambda _tp: state)
    kept: Any = KeptRecords
    records = KeptPartitionRecords(TP, kept(data), aborted, position, None, None, False, READ_COMMITTED)
    return FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)


def drained(result: Any, most: int = 100) -> list[tuple[int, bytes, list[tuple[str, bytes | None]]]]:
    fetched = drain(result, most)
    assert fetched is not None
    return [(each.offset, each.value or b"", list(each.headers)) for each in fetched.records]


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4], ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_record_is_read(compression: int) -> None:
    """Before it, itself, and behind it, in this batch and the next; in whichever compression."""
    data = batch(10, [b"", "é".encode(), b"a\xff\xfeb", b"x"], compression) + batch(
        14, [b"", b"\xc0"], compression
    )
    found = drained(result_of(data, 10))
    assert [offset for offset, _, _ in found] == [10, 11, 12, 13, 14, 15]
    assert [value for _, value, _ in found] == [b"value %d" % offset for offset in range(10, 16)]
    names = [headers[0][0] if headers else "" for _, _, headers in found]
    assert names == ["", "é", "a\\xff\\xfeb", "x", "", "\\xc0"]
    assert found[2][2] == [("a\\xff\\xfeb", b"1"), ("good", None)]


def test_pieces_join(caplog: pytest.LogCaptureFixture) -> None:
    """Where some of what was fetched had been taken before the bad name came up, nothing is lost or taken twice."""
    result = result_of(batch(10, [b"", b"", b"", b"\xff", b"", b"\xfe"], 0), 10)
    pieces = [drained(result, 2) for _ in range(3)]
    assert [[offset for offset, _, _ in piece] for piece in pieces] == [[10, 11], [12, 13], [14, 15]]
    assert "no UTF-8" in caplog.text


def test_aborted_records_stay_aborted() -> None:
    """The list of aborted transactions is used up by the first try."""
    data = batch(0, [b"", b""], 0, producer=7) + batch(2, [b"\xff"], 0, producer=8) + batch(3, [b""], 0)
    assert [offset for offset, _, _ in drained(result_of(data, 0, [(7, 0)]))] == [2, 3]


def test_good_records_take_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's own parser, once."""
    monkeypatch.setattr(KeptPartitionRecords, "leniently", lambda *_: pytest.fail("parsed twice"))
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 1000, None, b"v", [])
    assert drained(result_of(bytes(builder.build()), 0)) == [(0, b"v", [])]
