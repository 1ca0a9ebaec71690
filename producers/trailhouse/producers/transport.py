"""What carries records to the raw topic: the `Transport` protocol, and one that keeps them in memory for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from trailhouse.producers.errors import DeliveryFailed, SettingsError
from trailhouse.producers.settings import KafkaSettings, SendingSettings

if TYPE_CHECKING:
    from trailhouse.producers.segment import Segment

OnDelivery = Callable[[str, DeliveryFailed | None], None]


class Record(NamedTuple):
    """One event as it goes to Kafka; sent again after a failure, the bytes are the same.

    Read from the spool it knows its `segment`, and where it ends there.
    """

    event_id: str
    value: bytes
    segment: Segment | None = None
    end: int = 0

    @property
    def is_own(self) -> bool:
        """Accepted by this producer, in this process; not left by one that is gone."""
        return self.segment is None or self.segment.is_own


class Receipt(Protocol):
    """What becomes of one record. Once `is_done`, it is in Kafka unless there is an `exception`."""

    @property
    def is_done(self) -> bool: ...
    @property
    def exception(self) -> BaseException | None: ...


class Transport(Protocol):
    """Carries records' bytes to the raw topic. One thread at a time uses it."""

    def send(self, value: bytes) -> Receipt:
        """Hand one record over; connects when there is no connection.

        Blocks for at most some seconds, while it connects. Raises `DeliveryFailed` when there is no connection to be
        had now, `DeliveryRefused` when this record can never be sent; then the record was not taken.
        """
        ...

    def flush(self, timeout_s: float) -> None:
        """Push out what was handed over and wait until every receipt is done, at most `timeout_s`. Raises nothing."""
        ...

    def close(self, timeout_s: float) -> None:
        """Drop the connection after at most `timeout_s` and a moment; receipts not done by then fail or stay open.

        Raises nothing. A later `send` connects anew.
        """
        ...

    def explain(self, error: BaseException) -> DeliveryFailed:
        """A receipt's exception in our words: `DeliveryRefused` when sending the same bytes again is of no use."""
        ...


def kafka_transport(settings: KafkaSettings, environ: Mapping[str, str] = os.environ) -> Transport:
    """The way to Kafka with the client that `TRAILHOUSE_SEND_CLIENT` names; raises `SettingsError` when it is not installed.

    A driver is loaded here and not before, so importing the SDK loads none.
    """
    if SendingSettings.from_env(environ).client == "kafka-python":
        from trailhouse.producers.kafka import KafkaTransport  # noqa: PLC0415 - said above

        return KafkaTransport(settings)
    try:
        from trailhouse.producers.confluent import ConfluentTransport  # noqa: PLC0415 - said above
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        wanted = "kafka-python, or the extra `confluent` installed"
        raise SettingsError("TRAILHOUSE_SEND_CLIENT", "confluent-kafka", wanted) from None
    return ConfluentTransport(settings)


@dataclass(frozen=True, slots=True)
class Settled:
    """A receipt that was known at once."""

    exception: BaseException | None = None
    is_done: bool = True


class MemoryTransport:
    """Keeps what was sent, for tests of code that emits: `AuditProducer(transport=MemoryTransport())`."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events sent so far, decoded; `flush` or `close` the producer before looking."""
        return [orjson.loads(value) for value in self.values]

    def send(self, value: bytes) -> Receipt:
        """Keep the record; never blocks or raises."""
        self.values.append(value)
        return Settled()

    def flush(self, timeout_s: float) -> None:
        """Nothing is ever under way."""

    def close(self, timeout_s: float) -> None:
        """Nothing to drop: what was sent stays readable."""

    def explain(self, error: BaseException) -> DeliveryFailed:
        """Never needed: nothing fails here."""
        return DeliveryFailed(str(error))
