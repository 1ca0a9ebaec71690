"""How our Kafka clients open connections: a socket whose connection fails is closed, and the next try is soon.

The driver (kafka-python 3.0.12) forgets it, open, at each try. While a broker is away a process then collects open files
until the garbage collector happens to find them, and for ever where a service has switched that off.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.net.inet import KafkaNetSocket

# What every client is made with, unless it goes through a proxy: the driver chooses how to connect by this scheme. Its
# own pause between tries grows to 30 seconds, for which a broker that is back would wait.
CONNECTING: Final[dict[str, Any]] = {"proxy_url": "trailhouse://direct", "reconnect_backoff_max_ms": 1_000}


class ClosingSocket(KafkaNetSocket):  # type: ignore[misc] # untyped upstream
    """Connects as the driver does without a proxy."""

    SCHEMES = ("trailhouse",)

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:  # cancelled tries too
            sock.close()
            raise
