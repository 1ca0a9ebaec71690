"""Listeners that ask who comes."""

from __future__ import annotations

from pathlib import Path

from trailhouse.deploy.kafka.properties import server_properties
from trailhouse.deploy.kafka.secure import FILE, SecureListeners
from trailhouse.producers.settings import Secret

SECURE = SecureListeners(1003, 1004, Path("/pem/server.pem"), Path("/pem/ca.pem"), {"ada": Secret("opens")})


def test_they_are_listeners_beside_the_plain_one() -> None:
    """On loopback; SASL over TLS, and TLS that asks for a certificate."""
    text = server_properties(Path("/data"), 1001, 1002, SECURE)
    pairs = dict(line.split("=", 1) for line in text.splitlines())
    assert pairs["advertised.listeners"].split(",") == [
        "PLAINTEXT://127.0.0.1:1001",
        "SASL_SSL://127.0.0.1:1003",
        "SSL://127.0.0.1:1004",
    ]
    assert pairs["listener.name.ssl.ssl.client.auth"] == "required"
    assert pairs["inter.broker.listener.name"] == "PLAINTEXT"


def test_what_is_saved_comes_back_and_is_private(tmp_path: Path) -> None:
    """The broker's own process reads it; nobody else may."""
    assert SecureListeners.load(tmp_path) is None
    SECURE.save(tmp_path)
    assert SecureListeners.load(tmp_path) == SECURE
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert "opens" not in repr(SECURE)
