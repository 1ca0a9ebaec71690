"""A real Apache Kafka broker on loopback, out of Python packages alone."""

from trailhouse.deploy.kafka.broker import LocalKafka

__all__ = ["LocalKafka"]
