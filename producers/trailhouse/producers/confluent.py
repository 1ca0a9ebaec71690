"""`ConfluentTransport`: the only place of the SDK that knows confluent-kafka (extra `confluent`).

The driver is librdkafka, a library in C with threads of its own; its confirmations come when it is polled, which is on
the thread that sends.
"""

from __future__ import annotations

import ctypes
import logging
import time
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, admin

from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.folder import destination_of
from trailhouse.producers.knock import knock
from trailhouse.producers.lifetime import call_in_forked_child
from trailhouse.producers.settings import KafkaSecurity, KafkaSettings
from trailhouse.producers.tls import Trust, meaning
from trailhouse.producers.transport import Receipt

log = logging.getLogger("confluent_kafka")

# The driver imports this when it is first asked for topics, on the sender's thread; a process forked meanwhile would wait
# for that import for ever.
_ADMIN: Final = admin.__name__
CONNECT_TIMEOUT_S: Final = 5.0
#: Records between two polls: each costs a call, and confirmations may wait for some.
POLL_EVERY: Final = 64
ROOM_S: Final = 0.05
#: How long what was purged may take to say so.
PURGE_S: Final = 1.0
_TLS: Final = "TRAILHOUSE_KAFKA_SSL"
_SIGN_IN: Final = "check TRAILHOUSE_KAFKA_SASL_USERNAME, _PASSWORD and _MECHANISM"
REFUSALS: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
    }
)

# As `trailhouse.producers.kafka.OPTIONS`, by the names of librdkafka.
OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    # Large batches are cheap ones; the sender flushes when it has nothing more, so nobody waits for the linger.
    "batch.size": 256 * 1024,
    "linger.ms": 50,
    "delivery.timeout.ms": 120_000,
    "reconnect.backoff.max.ms": 1_000,
    # A topic made by accident has the wrong partitions and the wrong clock; `trailhouse topics` makes it.
    "allow.auto.create.topics": False,
    # Errors. It warns by the hundred of a topic that is new, and of connections that brokers close because nothing comes.
    "log_level": 3,
    "log.connection.close": False,
}


class Confirmation:
    """The receipt of one record."""

    __slots__ = ("exception", "is_done")

    def __init__(self) -> None:
        self.is_done = False
        self.exception: BaseException | None = None

    def settle(self, error: KafkaError | None, _: object) -> None:
        """The driver's callback."""
        if error is not None:
            self.exception = KafkaException(error)
        self.is_done = True


class ConfluentTransport:
    """Sends to the raw topic with confluent-kafka: acks=all, idempotent, lz4, no key, batches spread over partitions.

    `options` are librdkafka's, by its names (`{"client.id": "billing"}`), and override ours.
    """

    def __init__(self, settings: KafkaSettings, options: dict[str, Any] | None = None) -> None:
        self._settings = settings
        self.destination = destination_of(settings.bootstrap, settings.raw_topic)
        """names cluster and topic: the folder of the spool of events that go there, whichever client sends"""
        self._options = OPTIONS | (options or {})
        self._producer: Producer | None = None
        self._unpolled = 0
        self._said = ""
        call_in_forked_child(self._abandon)

    def _abandon(self) -> None:
        """In a forked child: leave the parent's connection alone. Its threads are not here, and being freed it would wait
        for them; one more reference than there is keeps the interpreter from that, even at its end.
        """
        if self._producer is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
            self._producer = None

    def send(self, value: bytes) -> Receipt:
        """Hand one record over; blocks up to `CONNECT_TIMEOUT_S` while it connects, as long while the driver's queue is
        full; raises as `Transport.send`.
        """
        producer = self._producer or self._connect()
        receipt = Confirmation()
        try:
            self._produce(producer, value, receipt)
        except KafkaException as error:
            raise self.explain(error) from error
        except BufferError as error:
            raise DeliveryFailed(f"{self._settings.bootstrap}: {error}") from error
        self._unpolled += 1
        if self._unpolled >= POLL_EVERY:
            self._unpolled = 0
            producer.poll(0)
        return receipt

    def _produce(self, producer: Producer, value: bytes, receipt: Confirmation) -> None:
        until = time.monotonic() + CONNECT_TIMEOUT_S
        while True:
            try:
                producer.produce(self._settings.raw_topic, value, on_delivery=receipt.settle)
            except BufferError:
                if time.monotonic() > until:
                    raise
                producer.poll(ROOM_S)
            else:
                return

    def flush(self, timeout_s: float) -> None:
        """Push out and wait for what was handed over, at most `timeout_s`."""
        if self._producer is not None:
            self._producer.flush(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Drop the connection after at most `timeout_s`, and a moment for the driver's threads to end."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if timeout_s > 0:
            producer.flush(timeout_s)
        # What is under way fails at once, its receipts say so, and the driver has nothing left to wait for.
        producer.purge()
        producer.flush(PURGE_S)
        producer.close()

    def explain(self, error: BaseException) -> DeliveryFailed:
        """The driver's errors in our words: only what says "this record, never" is a refusal."""
        cause = error.args[0] if isinstance(error, KafkaException) and error.args else None
        if isinstance(cause, KafkaError):
            if cause.code() in REFUSALS:
                return DeliveryRefused(f"Kafka refuses the event: {cause.str()}")
            return DeliveryFailed(f"{self._settings.bootstrap}: {cause.str()}")
        return DeliveryFailed(f"{self._settings.bootstrap}: {error}")

    def _connect(self) -> Producer:
        knock(self._settings.bootstrap)
        self._said = ""
        producer = Producer(
            {
                "bootstrap.servers": self._settings.bootstrap,
                **security_options(self._settings.security),
                "error_cb": self._note,
                "logger": log,
                **self._options,
            }
        )
        topic = self._settings.raw_topic
        try:
            found = producer.list_topics(topic, CONNECT_TIMEOUT_S).topics.get(topic)
        except KafkaException as error:
            producer.poll(0)
            producer.close()
            raise DeliveryFailed(
                f"Kafka cannot be reached at {self._settings.bootstrap}: {self._said or self.explain(error)}"
            ) from error
        if found is None or found.error is not None:
            producer.close()
            raise DeliveryFailed(
                f"topic {topic} is not known at {self._settings.bootstrap} (`trailhouse topics` creates it; may this client describe it?)"
            )
        self._producer = producer
        return producer

    def _note(self, error: KafkaError) -> None:
        """What the driver says of its connections: why none came about, in words of settings where they are to blame."""
        text = error.str()
        if hint := meaning(text, _TLS):
            self._said = hint
        elif error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - how the driver names its own errors
            self._said = f"{text}; {_SIGN_IN}"
        else:
            self._said = self._said or text


def security_options(security: KafkaSecurity) -> dict[str, Any]:
    """What librdkafka calls it; raises `SettingsError` when a PEM file cannot be used."""
    options: dict[str, Any] = {"security.protocol": security.protocol}
    if security.is_encrypted:
        # Says which file is wrong; the driver's own words do not.
        Trust(_TLS, security.ca, security.cert, security.key, security.key_password).context()
        files = {
            "ssl.ca.location": security.ca,
            "ssl.certificate.location": security.cert,
            "ssl.key.location": security.key or security.cert,
            "ssl.key.password": security.key_password.reveal(),
        }
        options |= {name: value for name, value in files.items() if value}
    if security.is_sasl:
        options |= {
            "sasl.mechanism": security.mechanism,
            "sasl.username": security.username,
            "sasl.password": security.password.reveal(),
        }
    return options
