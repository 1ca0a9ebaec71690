"""`batches`: what Kafka gets is a record batch of zstd that holds every line once, in order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.stream.batches import BATCH_BYTES_MAX, LineBatch, batches, packed

ZSTD = 4


def read(batch: Any) -> list[Any]:
    """The records of a batch that was built, as a consumer sees them."""
    found: Any = MemoryRecords(bytes(batch._build()))
    read_batch = found.next_batch()
    assert read_batch.validate_crc()
    assert not found.has_next()
    return list(read_batch)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=40))
def test_every_line_is_read_back(lines: Sequence[bytes]) -> None:
    """With offsets that count, and neither key nor headers."""
    (batch,) = batches(lines)
    records = read(batch)
    assert [record.value for record in records] == lines
    assert [record.offset for record in records] == list(range(len(lines)))
    assert {(record.key, len(record.headers)) for record in records} == {(None, 0)}
    assert batch.record_count() == len(lines)
    assert batch.closed()


def test_lines_beyond_a_batch_begin_another() -> None:
    """None is lost at the border, and no batch is larger than it may be."""
    lines = [os.urandom(400) for _ in range(5000)]
    made = list(batches(lines))
    assert [record.value for batch in made for record in read(batch)] == lines
    assert len(made) == 3
    assert max(len(batch._build()) for batch in made) <= BATCH_BYTES_MAX


def test_alike_lines_are_packed() -> None:
    """By zstd, as the attributes say; the same bytes however often they are asked for."""
    (batch,) = batches([b'{"action":"page:view","org_id":"acme"}'] * 1000)
    unpacked = batch.size()
    built = batch._build()
    assert unpacked > 30_000
    assert len(built) < 2000
    assert batch.size() == len(built)
    assert int.from_bytes(built[21:23], "big") == ZSTD
    assert batch._build() is built


def test_what_packing_makes_larger_stays_as_it_is() -> None:
    """A single short line."""
    (batch,) = batches([b"x"])
    assert batch._build()[21:23] == b"\0\0"
    assert [record.value for record in read(batch)] == [b"x"]
    assert packed(batch._build()) == batch._build()


def test_no_lines_make_no_batch() -> None:
    """Kafka takes no empty ones."""
    assert list(batches([])) == []


def test_a_line_that_fits_no_batch_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than going round for ever."""
    monkeypatch.setattr(LineBatch, "take", lambda _self, _lines, first: first)
    with pytest.raises(ValueError, match="a line of 3 bytes"):
        list(batches([b"abc"]))
