"""Records read quickly are the records that kafka-python reads, of any batch, sound or broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from trailhouse.stream.header_name import LenientRecordBatch
from trailhouse.stream.record_batch import QuickRecordBatch

Written = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
FIELDS = ("offset", "timestamp", "timestamp_type", "key", "value", "headers", "size_in_bytes", "checksum")
CODECS = (DefaultRecordBatch.CODEC_NONE, DefaultRecordBatch.CODEC_GZIP, DefaultRecordBatch.CODEC_ZSTD)

texts = st.none() | st.binary(max_size=3) | st.integers(0, 40_000).map(lambda size: b"x" * size)
headers = st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2)
records: st.SearchStrategy[list[Written]] = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 63, 64, 9_000, 20_000]),
        st.sampled_from([1_000, 999, 1_001, 1_063, 1_064, 1 << 41]),
        texts,
        texts,
        st.just([]) | headers,
    ),
    min_size=1,
    max_size=8,
)
#: Little but structure, so that what is broken is seldom a value; sizes of one byte and of two.
small: st.SearchStrategy[list[Written]] = st.lists(
    st.tuples(
        st.sampled_from([1, 64]),
        st.just(1_000),
        st.none() | st.just(b""),
        st.sampled_from([b"", b"x" * 70]),
        st.just([]),
    ),
    min_size=1,
    max_size=3,
)


def written(records: Sequence[Written], codec: int = 0, *, is_append_time: bool = False) -> bytes:
    """A batch with these (offset beyond the one before, time, key, value, headers)."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 24,
    )
    offset = -1
    for beyond, moment, key, value, named in records:
        offset += beyond
        builder.append(offset, moment, key, value, named)
    data = bytearray(builder.build())
    if is_append_time:  # the broker's own time, which is the batch's
        data[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.TIMESTAMP_TYPE_MASK
    return bytes(data)


def read(batch: Any) -> Iterator[Any]:
    """Each record's fields; last the error that ended them, by its type."""
    try:
        for record in batch:
            yield tuple(getattr(record, name) for name in FIELDS)
    except Exception as error:  # which one is what is compared
        yield type(error)


@given(records, st.sampled_from(CODECS), st.booleans())
def test_every_record_is_read_as_kafka_python_does(
    made: list[Written], codec: int, is_append_time: bool
) -> None:
    data = written(made, codec, is_append_time=is_append_time)
    wanted = list(read(DefaultRecordBatch(data)))
    assert len(wanted) == len(made)
    for batch in (QuickRecordBatch, LenientRecordBatch):
        assert list(read(batch(data))) == wanted


@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_broken_batches_break_off_where_kafka_python_does(data: st.DataObject) -> None:
    """Any byte of any record changed, or bytes added or taken away: the same records, then the same error."""
    sound = bytearray(written(data.draw(small | records)))
    first = DefaultRecordBatch.HEADER_STRUCT.size
    at = data.draw(st.integers(first, len(sound) - 1))
    sound[at] = data.draw(st.integers(0, 255))
    broken = data.draw(st.sampled_from([bytes(sound), bytes(sound[:at]), bytes(sound) + b"\x00"]))
    wanted = list(read(DefaultRecordBatch(broken)))
    # Who cannot decode a header's name says so; broken records are compared, not names.
    assert list(read(QuickRecordBatch(broken))) == wanted


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_batch_may_be_read_in_part_by_next(count: int) -> None:
    """As kafka-python does with control batches; iterating goes on from there."""
    data = written([(1, 5, None, b"value", [])] * 5)
    batch = QuickRecordBatch(data)
    batch._maybe_uncompress()
    taken = [next(batch).offset for _ in range(count)]
    assert taken + [record.offset for record in batch] == [0, 1, 2, 3, 4]


def test_control_records_stay_what_they_are() -> None:
    data = bytearray(written([(1, 5, b"\x00\x00\x00\x01", b"\x00\x00\x00\x00\x00\x00", [])]))
    data[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.CONTROL_MASK
    (wanted,), (found,) = list(DefaultRecordBatch(bytes(data))), list(QuickRecordBatch(bytes(data)))
    assert type(found) is type(wanted)
    assert (found.version, found.type) == (wanted.version, wanted.type)
