"""Which of several `alerts` processes looks and delivers: the one to which Kafka gives partition 0 of the enriched topic.

They are one consumer group, which reads nothing. Before each turn the leader commits an offset, which the broker takes
from a member of the group's present generation alone; from that moment on it may lead for one session timeout, because
so long the broker gives its partition to nobody. A process that was killed, stopped or cut off thus ceases to lead by
its own clock before another begins. What it had handed to a receiver may still be under way: where a predecessor did
not say that it ended, the successor first waits for as long as a receiver may take.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from trailhouse.producers.kafka_socket import connecting
from trailhouse.queries.alerts.settings import AlertsSettings

POLL_MS: Final = 200
COMMIT_MS: Final = 3_000
#: For storing how the last delivery went.
MARGIN_S: Final = 1.0
#: Where no broker answers the role goes round again soon, and can be told to stop; the driver would try for 30 s.
BOOTSTRAP_MS: Final = 5000
_ENDED: Final = "ended"
log = logging.getLogger(__name__)


class Leader(ConsumerRebalanceListener):  # type: ignore[misc] # kafka-python is untyped
    """One process of the group. `turn` is called again and again from one thread, `leads` from any.

    `clock` gives seconds that only grow, also while the process is stopped.
    """

    def __init__(self, settings: AlertsSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._name = uuid.uuid4().hex
        self._session_s = settings.session_timeout_s
        self._consumer: Any = None
        self._is_new = True
        self._begins, self._ends, self._committed_at = 0.0, 0.0, -1e9

    @property
    def leads(self) -> bool:
        """Whether this process may look and send at this moment."""
        return self._begins <= self._clock() < self._ends

    def turn(self) -> bool:
        """Take part in the group for some 100 ms; returns `leads`. While Kafka is away nobody becomes the leader."""
        try:
            self._turn()
        except KafkaError as error:
            log.warning("cannot tell who leads: %s", type(error).__name__)
        return self.leads

    def leave(self) -> None:
        """Leave the group, saying that nothing is under way: the next one begins at once."""
        if self._consumer is None:
            return
        try:
            if self.leads:
                self._commit(_ENDED)
        except KafkaError as error:
            log.warning("cannot say that this process ended: %s", type(error).__name__)
        self._ends = 0.0
        self._consumer.close(autocommit=False, timeout_ms=COMMIT_MS)

    # The listener runs on the consumer's I/O thread, where no consumer method may block.
    def on_partitions_revoked(self, revoked: Any) -> None:
        # As in the sink: the driver (kafka-python 3.0.12) may leave this unset and then never takes up its join.
        self._consumer._coordinator.request_rejoin()  # noqa: SLF001
        self._lose()

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._lose()

    def on_partitions_lost(self, lost: Any) -> None:
        self._lose()

    def _lose(self) -> None:
        self._ends, self._is_new, self._committed_at = 0.0, True, -1e9

    def _turn(self) -> None:
        if self._consumer is None:
            self._join()
        consumer: Any = self._consumer
        consumer.poll(0 if self.leads else POLL_MS)
        if mine := consumer.assignment():
            consumer.pause(*mine)
        if self._place is None:
            self._ends = 0.0
            return
        if self._is_new:
            self._is_new = False
            self._begins = self._clock() + self._wait_s()
        if self._clock() - self._committed_at >= self._session_s / 4:
            self._commit(self._name)

    @property
    def _place(self) -> Any:
        """Partition 0, if it is ours."""
        return next((each for each in self._consumer.assignment() if each.partition == 0), None)

    def _commit(self, text: str) -> None:
        """Have the broker confirm that the partition is ours; raises `KafkaError` where it is not."""
        began, place = self._clock(), self._place
        self._consumer.commit({place: OffsetAndMetadata(0, text, -1)}, timeout_ms=COMMIT_MS)
        if not self._is_new:
            self._committed_at, self._ends = began, began + self._session_s

    def _wait_s(self) -> float:
        """For how long something of a predecessor may be under way."""
        kept = self._consumer.committed(self._place, metadata=True, timeout_ms=COMMIT_MS)
        if kept is None or kept.metadata in {_ENDED, self._name}:
            return 0.0
        return self._settings.timeout_s + MARGIN_S

    def _join(self) -> None:
        kafka = self._settings.kafka
        self._consumer = consumer = KafkaConsumer(
            client_id="trailhouse-alerts",
            group_id=self._settings.group,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=1024,
            fetch_max_bytes=1024,
            session_timeout_ms=int(self._session_s * 1000),
            heartbeat_interval_ms=int(self._session_s * 250),
            **connecting(kafka),
        )
        # First of all the topic's partitions, and what the driver then compares: as in the sink.
        try:
            consumer.partitions_for_topic(kafka.enriched_topic)
            consumer.subscribe([kafka.enriched_topic], listener=self)
        except KafkaError:
            self._consumer = None
            consumer.close(autocommit=False, timeout_ms=COMMIT_MS)
            raise
        coordinator = consumer._coordinator  # noqa: SLF001
        coordinator._handle_metadata_update(coordinator._cluster)  # noqa: SLF001
