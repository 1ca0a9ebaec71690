"""`LocalKafka` as a process."""

from __future__ import annotations

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers.settings import KafkaSettings


def test_records_survive_a_kill(kafka_broker: LocalKafka, kafka_settings: KafkaSettings) -> None:
    """A broker killed with SIGKILL comes back on the same address with what it had acknowledged."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    admin.create_topics([NewTopic(kafka_settings.raw_topic, 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap, acks="all")
    producer.send(kafka_settings.raw_topic, b"kept").get(timeout=30)
    producer.close()

    kafka_broker.kill()
    kafka_broker.restart()

    consumer = KafkaConsumer(
        kafka_settings.raw_topic, bootstrap_servers=kafka_broker.bootstrap, auto_offset_reset="earliest"
    )
    records = [record.value for batch in consumer.poll(30_000).values() for record in batch]
    consumer.close()
    assert records == [b"kept"]
