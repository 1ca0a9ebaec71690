"""Nothing is sent by accident: under pytest, a producer made for Kafka keeps its events in memory."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from trailhouse.producers.settings import SendingSettings
from trailhouse.producers.transport import MemoryTransport, Receipt, Settled

if TYPE_CHECKING:
    from trailhouse.producers.client import AuditProducer

FLUSH_S: Final = 10.0
KEPT_AT_MOST: Final = 100_000


def is_silent(environ: Mapping[str, str]) -> bool:
    """Whether producers made for Kafka keep what they are given instead of sending it."""
    send = SendingSettings.from_env(environ).send
    return send == "never" or (
        send == "auto" and bool({"PYTEST_VERSION", "PYTEST_CURRENT_TEST"} & environ.keys())
    )


class Kept(MemoryTransport):
    """The transport of every silent producer of this process; of what they took it keeps the latest."""

    def __init__(self) -> None:
        super().__init__()
        self._latest: deque[bytes] = deque(maxlen=KEPT_AT_MOST)
        self._producers: weakref.WeakSet[AuditProducer] = weakref.WeakSet()

    def add(self, producer: AuditProducer) -> None:
        """A silent producer was made."""
        self._producers.add(producer)

    def send(self, value: bytes) -> Receipt:
        """Keep the record; never blocks or raises."""
        self._latest.append(value)
        return Settled()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event accepted so far, decoded, oldest first."""
        for producer in list(self._producers):
            producer.flush(FLUSH_S)
        return [orjson.loads(value) for value in list(self._latest)]

    def clear(self) -> None:
        """Forget them, also what is under way."""
        for producer in list(self._producers):
            producer.flush(FLUSH_S)
        self._latest.clear()


KEPT: Final = Kept()
