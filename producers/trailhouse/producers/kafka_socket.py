"""How our Kafka clients open connections: what fails is closed, and the next try is soon.

The driver (kafka-python 3.0.12) forgets a socket whose connection fails, open, at each try; and where no broker answers
while a client is made, it leaves the client's thread behind, which tries for ever. A service that asks again and again
while a broker is away would collect open files and threads.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector


class ClosingSocket(KafkaNetSocket):  # type: ignore[misc] # untyped upstream
    """Connects as the driver does without a proxy."""

    SCHEMES = ("trailhouse",)

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:  # cancelled tries too
            sock.close()
            raise


class ClosingManager(KafkaConnectionManager):  # type: ignore[misc] # untyped upstream
    """Ends its thread when the first broker cannot be reached: nobody gets a client that could close it."""

    def bootstrap(self, timeout_ms: float | None = None, refresh: bool = True) -> None:  # noqa: FBT001, FBT002 - the driver's own
        try:
            super().bootstrap(timeout_ms, refresh)
        except BaseException:
            if self.broker_version_data is None:
                self.close()
                self._net.close()
            raise


def _client(**configs: Any) -> KafkaNetClient:
    net = NetworkSelector(**configs)
    return KafkaNetClient(net=net, manager=ClosingManager(net, **configs))


# What every client is made with, unless it goes through a proxy: the driver chooses how to connect by this scheme. Its
# own pause between tries grows to 30 seconds, for which a broker that is back would wait.
CONNECTING: Final[dict[str, Any]] = {
    "proxy_url": "trailhouse://direct",
    "reconnect_backoff_max_ms": 1_000,
    "kafka_client": _client,
}
