"""Peers: which servers show certificates, whom they are trusted by, and which of several ends first."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.certificates import Certificates
from tests.sinks.test_certificate import serving

from trailhouse.deploy.ports import free_ports
from trailhouse.producers.settings import KafkaSecurity, KafkaSettings, Secret
from trailhouse.producers.tls import Trust
from trailhouse.sinks.peer import Peer, clickhouse_peer, kafka_peer
from trailhouse.sinks.settings import ClickHouseSettings


def test_who_is_spoken_to_by_tls_is_a_peer() -> None:
    """With every address and the PEM files of the settings; who is not shows no certificate."""
    secure = KafkaSettings(
        bootstrap="a:9093, [::1]:9094", security=KafkaSecurity(protocol="SSL", ca="/k.pem")
    )
    store = ClickHouseSettings(dsn=Secret("https://api@ch.example.org/trailhouse"), ca="/c.pem")
    assert kafka_peer(secure) == Peer(
        "kafka", (("a", 9093), ("::1", 9094)), Trust("TRAILHOUSE_KAFKA_SSL", "/k.pem")
    )
    assert clickhouse_peer(store) == Peer(
        "clickhouse", (("ch.example.org", 8443),), Trust("TRAILHOUSE_CLICKHOUSE_SSL", "/c.pem")
    )
    assert (kafka_peer(KafkaSettings()), clickhouse_peer(ClickHouseSettings())) == (None, None)


def test_it_is_trusted_by_the_authority_of_the_settings(tmp_path: Path) -> None:
    """A company's own authority is the usual one for brokers; a broker that is away is left out."""
    made = Certificates(tmp_path)
    (away,) = free_ports(1)
    with serving(made.server) as port:
        peer = Peer("kafka", (("localhost", away), ("localhost", port)), Trust("T", str(made.authority)))
        assert peer.expires_at() > time.time()
    with serving(made.server) as port:
        stranger = replace(peer, addresses=(("localhost", port),), trust=Trust("T", str(made.stranger)))
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.expires_at()
    with pytest.raises(ConnectionRefusedError):
        replace(peer, addresses=(("localhost", away),)).expires_at()


def test_the_first_that_ends_counts() -> None:
    """Of three brokers, one of which says nothing."""

    def expiry(host: str, _port: int, _context: ssl.SSLContext) -> float:
        if host == "quiet":
            raise TimeoutError
        return {"late": 9e9, "soon": 5e9}[host]

    peer = Peer("kafka", (("late", 1), ("soon", 2), ("quiet", 3)), Trust("T"))
    assert peer.expires_at(expiry) == 5e9
