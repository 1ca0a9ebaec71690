"""One contract, every transport: what tests of services use in memory behaves as the real Kafka does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from trailhouse.producers import AuditProducer, KafkaSettings, MemoryTransport
from trailhouse.producers.confluent import ConfluentTransport
from trailhouse.producers.errors import DeliveryFailed
from trailhouse.producers.kafka import KafkaTransport
from trailhouse.producers.transport import Receipt, Transport

Arrived = Callable[[], list[bytes]]


def read_all(settings: KafkaSettings) -> list[bytes]:
    """The values on the raw topic, whatever their partition."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, auto_offset_reset="earliest")
    try:
        partitions = [
            TopicPartition(settings.raw_topic, each)
            for each in consumer.partitions_for_topic(settings.raw_topic) or ()
        ]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        values: list[bytes] = []
        while any(consumer.position(each) < ends[each] for each in partitions):
            values += [record.value for batch in consumer.poll(1000).values() for record in batch]
        return values
    finally:
        consumer.close()


def create_raw_topic(settings: KafkaSettings, partitions: int = 3, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    admin.create_topics([NewTopic(settings.raw_topic, partitions, 1, topic_configs=configs)])
    admin.close()


@pytest.fixture(params=["memory", "kafka", "confluent"])
def carried(request: pytest.FixtureRequest) -> Iterator[tuple[Transport, Arrived]]:
    """A transport, and what has arrived at its other end."""
    if request.param == "memory":
        memory = MemoryTransport()
        yield memory, lambda: list(memory.values)
        return
    settings: KafkaSettings = request.getfixturevalue("kafka_settings")
    create_raw_topic(settings)
    transport = (KafkaTransport if request.param == "kafka" else ConfluentTransport)(settings)
    yield transport, lambda: read_all(settings)
    transport.close(0)


def settled(receipt: Receipt) -> bool:
    return receipt.is_done and receipt.exception is None


def test_what_was_sent_has_arrived_when_its_receipt_is_done(carried: tuple[Transport, Arrived]) -> None:
    """`send` hands over, `flush` waits, the receipt says so."""
    transport, arrived = carried
    receipts = [transport.send(b"%d" % index) for index in range(100)]
    transport.flush(30)
    assert all(map(settled, receipts))
    assert sorted(arrived(), key=int) == [b"%d" % index for index in range(100)]


def test_bytes_arrive_unchanged(carried: tuple[Transport, Arrived]) -> None:
    """Any bytes, the largest event's size included."""
    transport, arrived = carried
    values = [b"", bytes(range(256)), b"x" * 256 * 1024]
    for value in values:
        transport.send(value)
    transport.flush(30)
    assert sorted(arrived()) == sorted(values)


def test_flushing_and_closing_with_nothing_sent_does_nothing(carried: tuple[Transport, Arrived]) -> None:
    """At any time, as often as one likes."""
    transport, _ = carried
    started = time.monotonic()
    for _ in range(2):
        transport.flush(30)
        transport.close(30)
    assert time.monotonic() - started < 20


def test_after_closing_it_connects_anew(carried: tuple[Transport, Arrived]) -> None:
    """Closing ends a connection, not the transport."""
    transport, arrived = carried
    first = transport.send(b"1")
    transport.flush(30)
    transport.close(30)
    second = transport.send(b"2")
    transport.flush(30)
    assert settled(first)
    assert settled(second)
    assert sorted(arrived()) == [b"1", b"2"]


def test_a_flush_of_no_time_raises_nothing(carried: tuple[Transport, Arrived]) -> None:
    """It pushes, and leaves the receipts to settle by themselves."""
    transport, _ = carried
    receipt = transport.send(b"1")
    transport.flush(0)
    transport.flush(30)
    assert settled(receipt)


def test_an_unknown_error_is_one_to_try_again(carried: tuple[Transport, Arrived]) -> None:
    """Only what certainly never succeeds may be given up."""
    transport, _ = carried
    told = transport.explain(OSError("odd"))
    assert type(told) is DeliveryFailed
    assert told.retriable
    assert "odd" in str(told)


def test_a_producer_works_alike_on_both(carried: tuple[Transport, Arrived]) -> None:
    """Each event once, and the same count."""
    transport, arrived = carried
    with AuditProducer(transport=transport) as trail:
        names = [trail.emit("a:b", org_id="acme") for _ in range(500)]
    values = arrived()
    assert len(values) == len(set(names)) == 500
    assert all(any(name.encode() in value for value in values) for name in names[::50])


def test_memory_shows_its_events_decoded() -> None:
    """For assertions in a service's own tests."""
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:
        trail.emit("project:delete", org_id="acme", response_code=200)
    (event,) = memory.events
    assert (event["action"], event["org_id"], event["response_code"]) == ("project:delete", "acme", 200)
