"""What the API sees around it and no other part would tell: the room on ClickHouse's disk, and its certificate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.store import Pool
from trailhouse.sinks.certificate import CertificateExpired, expires_at
from trailhouse.sinks.settings import ClickHouseSettings

PEER: Final = "clickhouse"
CERTIFICATE_EVERY_S: Final = 600.0
log = logging.getLogger(__name__)


class Surroundings:
    """Looks every time it is told to, at the certificate less often. What fails is logged and counted."""

    def __init__(
        self,
        clickhouse: ClickHouseSettings,
        metrics: ApiMetrics,
        *,
        expiry: Callable[[str, int], float] = expires_at,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clickhouse, self._metrics = clickhouse, metrics
        self._expiry, self._clock = expiry, clock
        self._certificate_at = float("-inf")

    def look(self, pool: Pool) -> None:
        """Publish what is seen now; raises nothing."""
        try:
            with pool.client() as client:
                # Functions, not `system.disks`: they need no grant, and tell of the disk that fills.
                ((free, size),) = client.query(
                    "SELECT filesystemAvailable(), filesystemCapacity()"
                ).result_rows
            self._metrics.disk_free.set(free)
            self._metrics.disk_size.set(size)
            if self._clickhouse.is_secure and self._clock() - self._certificate_at >= CERTIFICATE_EVERY_S:
                self._metrics.certificate.labels(PEER).set(self._expires_at())
                self._certificate_at = self._clock()
        except Exception as error:  # whatever ClickHouse or TLS raise; the next look may succeed
            self._metrics.look_failures.inc()
            log.warning("cannot look around: %s: %s", type(error).__name__, str(error).partition("\n")[0])

    def _expires_at(self) -> float:
        try:
            return self._expiry(self._clickhouse.host, self._clickhouse.port)
        except CertificateExpired:
            return time.time()
