"""The other backend: the fixtures' Kafka and ClickHouse as containers."""

from __future__ import annotations

import clickhouse_connect
import pytest
from kafka import KafkaConsumer, KafkaProducer
from tests.containers import ContainerClickHouse, ContainerKafka, engine_trouble

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import create_topics

pytestmark = pytest.mark.containers


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """These tests need a Docker engine; where none answers they say so."""
    if trouble := engine_trouble():
        pytest.skip(trouble)


def test_a_broker_survives_a_kill() -> None:
    """The same address and the same records after a kill."""
    with ContainerKafka().running() as broker:
        settings = KafkaSettings(bootstrap=broker.bootstrap)
        create_topics(settings, 1)
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
        producer.send(settings.raw_topic, b"kept").get(timeout=30)
        producer.close()
        broker.kill()
        broker.restart()
        consumer = KafkaConsumer(
            settings.raw_topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        )
        assert [each.value for batch in consumer.poll(30_000).values() for each in batch] == [b"kept"]
        consumer.close()


def test_a_server_knows_the_identities() -> None:
    """Each gets in with its own password."""
    with ContainerClickHouse().running() as server:
        for identity in ("admin", "ingest", "reader", "api"):
            client = clickhouse_connect.get_client(dsn=server.dsn(identity).reveal())
            assert client.query("SELECT currentUser()").result_rows == [(identity,)]
            client.close()
