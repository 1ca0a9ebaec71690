"""`refill`: the lines of raw records that were lost, written again as they were, on a real broker."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from tests.stream.factories import PEPPER, RULES, Name, encoded

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.gaps import GapRequests, Range
from trailhouse.stream.letter import Letter
from trailhouse.stream.metrics import StreamMetrics
from trailhouse.stream.refill import RawDataGone, Refiller, refill
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.topics import TopicIds, admin, create_topics

VALUES = [encoded(event_id=str(uuid.uuid4())) if number % 7 else b"broken" for number in range(60)]


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> StreamSettings:
    """Two partitions; 60 raw records in the second, every seventh of them broken."""
    create_topics(kafka_settings, 2)
    producer = KafkaProducer(bootstrap_servers=kafka_settings.bootstrap, linger_ms=5)
    for value in VALUES:
        producer.send(kafka_settings.raw_topic, value, partition=1, headers=[("own", b"header")])
    producer.close()
    return StreamSettings(
        kafka=kafka_settings, pepper=Secret(PEPPER.decode()), sink_groups=f"sink-{uuid.uuid4().hex[:6]}"
    )


def epoch_of(settings: StreamSettings) -> str:
    ids = TopicIds(settings.kafka)
    try:
        return ids.read(settings.kafka.raw_topic)
    finally:
        ids.close()


def read(settings: StreamSettings, topic: str) -> list[Any]:
    """All records of a topic's two partitions."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka.bootstrap, enable_auto_commit=False)
    tps = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(tps)
    consumer.seek_to_beginning(*tps)
    ends, found = consumer.end_offsets(tps), []
    while any(consumer.position(tp) < ends[tp] for tp in tps):
        for records in consumer.poll(500).values():
            found += records
    consumer.close()
    return found


def test_the_lines_are_those_the_worker_would_have_written(
    settings: StreamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, in order, to the same partition, in chunks; rejected records have their dead letters again."""
    monkeypatch.setattr("trailhouse.stream.refill.CHUNK_RECORDS", 9)
    epoch = epoch_of(settings)
    assert refill(settings, Range(epoch, 1, 10, 40)) == (31, 4)
    raw = read(settings, settings.kafka.raw_topic)[10:41]
    wanted = enrich_bundle(raw, epoch=epoch, partition=1, from_offset=10, rules=RULES)
    found = read(settings, settings.kafka.enriched_topic)
    assert [record.value for record in found] == wanted.lines
    assert {record.partition for record in found} == {1}
    letters = [Letter.from_record(r.value, r.headers) for r in read(settings, settings.kafka.rejected_topic)]
    assert sorted(each.place.offset for each in letters if each) == [14, 21, 28, 35]
    assert all(
        each and each.value == b"broken" and dict(each.headers)["own"] == b"header" for each in letters
    )


@pytest.mark.parametrize("compression", [None, "gzip", "lz4"])
def test_header_names_that_are_no_utf8(settings: StreamSettings, compression: str | None) -> None:
    """The lines are those the worker writes, who reads such names with escapes; so are those of what lies around it."""
    values = [encoded(event_id=str(uuid.uuid4())) for _ in range(5)]
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap, linger_ms=50, compression_type=compression
    )
    for number, value in enumerate(values):
        name = Name(b"a\xffb" if number in {1, 3} else "é".encode())
        producer.send(settings.kafka.raw_topic, value, partition=0, headers=[(name, b"%d" % number)])
    producer.send(settings.kafka.raw_topic, b"broken", partition=0, headers=[(Name(b"\xfe"), b"own")])
    producer.close()
    epoch = epoch_of(settings)
    assert refill(settings, Range(epoch, 0, 0, 5)) == (6, 1)
    found = [orjson.loads(each.value) for each in read(settings, settings.kafka.enriched_topic)]
    assert [line["offset"] for line in found] == list(range(6))
    assert [line.get("event_id") for line in found[:5]] == [orjson.loads(each)["event_id"] for each in values]
    (record,) = read(settings, settings.kafka.rejected_topic)
    letter = Letter.from_record(record.value, record.headers)
    assert letter is not None
    assert dict(letter.headers)["\\xfe"] == b"own"


def test_control_records_at_the_end_are_covered_by_the_next_line(settings: StreamSettings) -> None:
    """A range that ends in a transaction's marker can only be covered by the record that follows it."""
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap, transactional_id=f"t-{uuid.uuid4().hex[:6]}"
    )
    producer.init_transactions()
    for _ in range(2):  # 60, marker 61, 62, marker 63
        producer.begin_transaction()
        producer.send(settings.kafka.raw_topic, encoded(), partition=1)
        producer.commit_transaction()
    producer.close()
    epoch = epoch_of(settings)
    assert refill(settings, Range(epoch, 1, 60, 61)) == (2, 0)
    lines = [record.value for record in read(settings, settings.kafka.enriched_topic)]
    assert [b'"from":60,"offset":60' in lines[0], b'"from":61,"offset":62' in lines[1]] == [True, True]


def test_what_expired_is_not_refilled(settings: StreamSettings) -> None:
    """Nothing is written for a range whose first records are gone: the sink could not take the rest anyway."""
    epoch = epoch_of(settings)
    with admin(settings.kafka) as client:
        client.delete_records({TopicPartition(settings.kafka.raw_topic, 1): 20})
    with pytest.raises(RawDataGone, match="begins at offset 20"):
        refill(settings, Range(epoch, 1, 10, 40))
    with pytest.raises(RawDataGone, match="another topic"):
        refill(settings, Range("an older id", 1, 20, 40))
    assert read(settings, settings.kafka.enriched_topic) == []
    assert refill(settings, Range(epoch, 1, 20, 40)) == (21, 3)


@contextmanager
def refilling(settings: StreamSettings, *ours: int) -> Iterator[tuple[Refiller, GapRequests, StreamMetrics]]:
    """A refiller that owns these partitions; it looks when told to."""
    metrics, requests = StreamMetrics(), GapRequests(settings.kafka, settings.sinks[0])
    yield Refiller(settings, metrics, lambda partition: partition in ours), requests, metrics
    requests.close()


def test_a_request_is_answered_once_by_who_owns_the_partition(settings: StreamSettings) -> None:
    """Looking again writes nothing again, also while the sink takes the range in; another range is another request."""
    epoch = epoch_of(settings)
    with refilling(settings, 1) as (refiller, requests, metrics), refilling(settings, 0) as (other, _, idle):
        requests.write({1: Range(epoch, 1, 10, 19)})
        for _ in range(2):
            other.look()
            refiller.look()
        requests.write({1: Range(epoch, 1, 15, 19)})
        refiller.look()
        assert metrics.refilled._value.get() == 10
        requests.write({1: Range(epoch, 1, 30, 32)})
        refiller.look()
        assert metrics.refilled._value.get() == 13
        assert idle.refilled._value.get() == 0


def test_what_cannot_be_refilled_is_said_and_tried_again_later(
    settings: StreamSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """Gone data are a critical line with the range; a broker in trouble is an error, and neither ends the thread."""
    with refilling(settings, 1) as (refiller, requests, metrics), caplog.at_level(logging.WARNING):
        requests.write({1: Range("an older id", 1, 3, 4)})
        refiller.look()
        assert "raw offsets an older id/1/3-4 cannot be refilled" in caplog.text
        broken = replace(settings, kafka=replace(settings.kafka, enriched_topic="not there"))
        refiller._settings = broken
        requests.write({1: Range(epoch_of(settings), 1, 3, 4)})
        refiller.look()
        assert f"refilling raw offsets {epoch_of(settings)}/1/3-4 failed" in caplog.text
        assert metrics.refilled._value.get() == 0
