"""The servers that roles connect to by TLS, and until when the certificates they show hold."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from trailhouse.producers.kafka_socket import trust_of
from trailhouse.producers.settings import KafkaSettings
from trailhouse.producers.tls import Trust
from trailhouse.sinks.certificate import expires_at
from trailhouse.sinks.settings import ClickHouseSettings

Expiry = Callable[[str, int, ssl.SSLContext], float]


@dataclass(frozen=True, slots=True)
class Peer:
    """Servers of one kind: `name` is the metric's label, `addresses` are hosts and ports, `trust` is as clients have it."""

    name: str
    addresses: tuple[tuple[str, int], ...]
    trust: Trust

    def expires_at(self, expiry: Expiry = expires_at) -> float:
        """Unix seconds at which the first of their certificates ends; of several servers one may be away.

        Raises `CertificateExpired`, `SettingsError` for a PEM file that cannot be used, and `OSError` (`ssl.SSLError`
        among them) when none answers with a certificate that is to be trusted.
        """
        context = self.trust.context()
        found: list[float] = []
        trouble: OSError | None = None
        for host, port in self.addresses:
            try:
                found.append(expiry(host, port, context))
            except OSError as error:  # a broker that is restarted must not hide the others' certificates
                trouble = error
        if not found and trouble is not None:
            raise trouble
        return min(found)


def clickhouse_peer(settings: ClickHouseSettings) -> Peer | None:
    """ClickHouse, where it is asked over https."""
    if not settings.is_secure:
        return None
    return Peer("clickhouse", ((settings.host, settings.port),), settings.trust)


def kafka_peer(settings: KafkaSettings) -> Peer | None:
    """The brokers that the settings name, where they are spoken to by TLS."""
    if not settings.security.is_encrypted:
        return None
    pairs = [each.strip().rpartition(":") for each in settings.bootstrap.split(",")]
    addresses = tuple((host.strip("[]"), int(port)) for host, _, port in pairs)
    return Peer("kafka", addresses, trust_of(settings.security))
