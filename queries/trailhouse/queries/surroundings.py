"""What the API sees around it and no other part would tell: the room on ClickHouse's disk, and the servers' certificates."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.store import Pool
from trailhouse.sinks.certificate import CertificateExpired, expires_at
from trailhouse.sinks.peer import Expiry, Peer, clickhouse_peer, kafka_peer
from trailhouse.sinks.settings import ClickHouseSettings

CERTIFICATE_EVERY_S: Final = 600.0
log = logging.getLogger(__name__)


class Surroundings:
    """Looks every time it is told to, at certificates less often. What fails is logged and counted, each by itself."""

    def __init__(
        self,
        clickhouse: ClickHouseSettings,
        kafka: KafkaSettings,
        metrics: ApiMetrics,
        *,
        expiry: Expiry = expires_at,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peers = [each for each in (clickhouse_peer(clickhouse), kafka_peer(kafka)) if each]
        self._metrics, self._expiry, self._clock = metrics, expiry, clock
        self._certificates_at = float("-inf")

    def look(self, pool: Pool) -> None:
        """Publish what is seen now; raises nothing."""
        with self._counted(), pool.client() as client:
            # Functions, not `system.disks`: they need no grant, and tell of the disk that fills.
            ((free, size),) = client.query("SELECT filesystemAvailable(), filesystemCapacity()").result_rows
            self._metrics.disk_free.set(free)
            self._metrics.disk_size.set(size)
        if self._clock() - self._certificates_at < CERTIFICATE_EVERY_S:
            return
        # Also when it fails: servers that say nothing would be waited for at every look.
        self._certificates_at = self._clock()
        for peer in self._peers:
            with self._counted():
                # First the time: a label without one would be served as 0, a certificate that ended long ago.
                until = self._expires_at(peer)
                self._metrics.certificate.labels(peer.name).set(until)

    def _expires_at(self, peer: Peer) -> float:
        try:
            return peer.expires_at(self._expiry)
        except CertificateExpired:
            return time.time()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever ClickHouse or TLS raise; the next look may succeed
            self._metrics.look_failures.inc()
            log.warning("cannot look around: %s: %s", type(error).__name__, str(error).partition("\n")[0])
