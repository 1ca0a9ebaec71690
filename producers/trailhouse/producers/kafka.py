"""`KafkaTransport`: the only place of the SDK that knows kafka-python.

kafka-python 3 has habits to guard against; each guard below names its own. They touch private attributes of the
driver, so `tests/producers/test_kafka.py` pins every one of them.
"""
# ruff: noqa: SLF001 - said above

from __future__ import annotations

import random
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import (
    InvalidRecordError,
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.partitioner import Partitioner

from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.folder import destination_of
from trailhouse.producers.kafka_socket import CONNECTING, security_options
from trailhouse.producers.knock import knock
from trailhouse.producers.lifetime import call_in_forked_child
from trailhouse.producers.settings import KafkaSettings
from trailhouse.producers.transport import Receipt

CONNECT_TIMEOUT_MS: Final = 5_000
OTHER_WAYS: Final = frozenset({"bootstrap_servers", "socks5_proxy", "proxy_url", "kafka_client"})
"""options by which the driver goes elsewhere than to the settings' brokers"""
REFUSALS: Final = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidRecordError,
    InvalidTimestampError,
)

OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    # Large batches are cheap ones; the sender flushes when it has nothing more, so nobody waits for the linger.
    "batch_size": 256 * 1024,
    "linger_ms": 50,
    "bootstrap_timeout_ms": CONNECT_TIMEOUT_MS,
    "max_block_ms": CONNECT_TIMEOUT_MS,
    "reconnect_backoff_max_ms": 1_000,
    # A topic made by accident has the wrong partitions and the wrong clock; `trailhouse topics` makes it.
    "allow_auto_create_topics": False,
    # Nobody reads the driver's own metrics, and they cost a quarter of its time.
    "metrics_enabled": False,
}


class KafkaTransport:
    """Sends to the raw topic with kafka-python: acks=all, idempotent, lz4, no key, batches spread over partitions.

    `options` are those of `kafka.KafkaProducer` (timeouts, Kerberos, a proxy) and override ours.
    """

    def __init__(self, settings: KafkaSettings, **options: Any) -> None:
        self._settings = settings
        self.destination = destination_of(settings.bootstrap, settings.raw_topic)
        """names cluster and topic: the folder of the spool of events that go there"""
        self._options = OPTIONS | options
        self._producer: Any = None
        self._abandoned: list[Any] = []
        call_in_forked_child(self._abandon)

    def _abandon(self) -> None:
        """In a forked child: leave the parent's connection alone, which the driver shares without knowing.

        It is kept, marked closed, because being closed or collected would flush it.
        """
        if self._producer is not None:
            self._producer._closed = True
            self._abandoned.append(self._producer)
            self._producer = None

    def send(self, value: bytes) -> Receipt:
        """Hand one record over; blocks up to twice `CONNECT_TIMEOUT_MS` while it connects; raises as `Transport.send`."""
        producer = self._producer or self._connect()
        try:
            receipt: Receipt = producer.send(self._settings.raw_topic, value)
        except KafkaTimeoutError as error:
            raise DeliveryFailed(
                f"topic {self._settings.raw_topic} is not known at {self._settings.bootstrap} "
                f"(`trailhouse topics` creates it; may this client describe it?): {error}"
            ) from error
        except Exception as error:
            raise self.explain(error) from error
        return receipt

    def flush(self, timeout_s: float) -> None:
        """Push out and wait for what was handed over, at most `timeout_s` for each partition's batch."""
        if self._producer is not None:
            try:
                self._producer.flush(timeout=timeout_s)
            except KafkaError:
                # Out of time; or, "Future not done", a batch that is being split because the broker found it too large.
                return

    def close(self, timeout_s: float) -> None:
        """Drop the connection after at most `timeout_s`, and a second for the driver's thread to end."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if timeout_s > 0:
            try:
                producer.close(timeout=timeout_s)
            except KafkaTimeoutError:
                pass
            else:
                return
        # `close` gives up, and leaves its thread running, while anything is undelivered.
        producer._sender.force_close()
        producer._sender.join(1)
        producer._closed = True

    def explain(self, error: BaseException) -> DeliveryFailed:
        """The driver's errors in our words: only what says "this record, never" is a refusal."""
        if isinstance(error, REFUSALS):
            return DeliveryRefused(f"Kafka refuses the event: {error}")
        return DeliveryFailed(f"{self._settings.bootstrap}: {error}")

    def _connect(self) -> Any:
        options = {
            "bootstrap_servers": self._settings.bootstrap,
            "partitioner": _Sticky(),
            **security_options(self._settings.security),
            **self._options,
        }
        if self._options.keys().isdisjoint(OTHER_WAYS):
            self._knock()
            options = CONNECTING | options
        try:
            producer: Any = KafkaProducer(**options)
        except RuntimeError as error:
            # The interpreter is too far down to start the driver's thread: no retry can succeed.
            raise DeliveryRefused(f"cannot connect to Kafka any more: {error}") from error
        except Exception as error:
            raise DeliveryFailed(f"Kafka cannot be reached at {self._settings.bootstrap}: {error}") from error
        # Its exit hook would close it after a second, before ours has delivered what is left.
        producer._unregister_cleanup()
        # The option is taken and forgotten (kafka-python 3.0): unless told here, a metadata request creates the topic.
        producer._metadata.config["allow_auto_create_topics"] = self._options["allow_auto_create_topics"]
        self._producer = producer
        return producer

    def _knock(self) -> None:
        knock(self._settings.bootstrap)


class _Sticky(Partitioner):  # type: ignore[misc] # untyped upstream
    """One partition until its batch is full, then the next: full batches, spread evenly.

    As kafka-python's own, without sorting the partitions for each record.
    """

    def __init__(self) -> None:
        self._current: int | None = None

    def partition(  # noqa: PLR0913, PLR0917 - the driver's interface
        self, topic: str, key: Any, serialized_key: Any, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        if self._current is None:
            self._current = random.choice(_partitions(topic, cluster))
        return self._current

    def on_new_batch(self, topic: str, cluster: Any, prev_partition: int) -> None:
        partitions = _partitions(topic, cluster)
        later = [each for each in partitions if each > prev_partition]
        self._current = later[0] if later else partitions[0]


def _partitions(topic: str, cluster: Any) -> list[int]:
    return sorted(cluster.available_partitions_for_topic(topic) or cluster.partitions_for_topic(topic))
