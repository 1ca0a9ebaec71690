"""Certificates: how long they hold, and how that reads."""

from __future__ import annotations

import pytest

from trailhouse.deploy.doctor.certificates import look
from trailhouse.producers.tls import Trust
from trailhouse.sinks.certificate import CertificateExpired
from trailhouse.sinks.peer import Peer

NOW, DAY_S = 1_000_000.0, 86_400
PEER = Peer("kafka", (("kafka.example.org", 9093),), Trust("T"))


@pytest.mark.parametrize(
    ("days", "level", "found"),
    [
        (90, "ok", "holds 90 days"),
        (10, "warn", "holds 10 days"),
        (1, "fail", "holds 1 days"),
        (None, "fail", "the certificate of kafka.example.org:9093 has expired"),
        ("away", "warn", "not known: ConnectionRefusedError"),
    ],
)
def test_a_certificate_is_judged(days: int | str | None, level: str, found: str) -> None:
    """Three weeks are time enough to renew it, three days are not."""

    def expiry(host: str, port: int, _: object) -> float:
        if days is None:
            raise CertificateExpired(f"the certificate of {host}:{port} has expired")
        if isinstance(days, str):
            raise ConnectionRefusedError
        return NOW + days * DAY_S

    (finding,) = look("Kafka", PEER, NOW, expiry)
    assert (finding.area, finding.name, finding.level, finding.found) == (
        "certificates",
        "Kafka",
        level,
        found,
    )


def test_without_tls_there_is_none() -> None:
    """Nobody is told of what is not there."""

    def expiry(*_: object) -> float:
        raise AssertionError

    assert list(look("Kafka", None, NOW, expiry)) == []
