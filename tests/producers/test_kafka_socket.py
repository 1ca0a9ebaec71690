"""`kafka_socket`: a broker that is away leaves no open socket and no thread behind, one that refuses us says why."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from tests.certificates import Certificates

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers.kafka_socket import CONNECTING, refusal, security_options
from trailhouse.producers.settings import KafkaSecurity, Secret


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """No garbage collector tidies up."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_sockets() -> set[int]:
    return {
        each.fileno()
        for each in gc.get_objects()
        if isinstance(each, socket.socket) and each.family == socket.AF_INET and each.fileno() != -1
    }


@pytest.mark.parametrize("client", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_connections_that_fail_are_closed(client: Callable[..., Any]) -> None:
    """Each try's socket is, without the garbage collector's help; and the client's thread ends."""
    before, threads = open_sockets(), set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(KafkaError):
        client(
            bootstrap_servers=f"127.0.0.1:{port}",
            bootstrap_timeout_ms=600,
            reconnect_backoff_ms=50,
            **CONNECTING,
        )
    assert open_sockets() <= before
    # Threads of earlier tests may end meanwhile.
    assert set(threading.enumerate()) <= threads


def test_it_connects_as_without_it(kafka_broker: LocalKafka) -> None:
    """No proxy is asked."""
    client = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap, **CONNECTING)
    try:
        assert client.list_topics() is not None
    finally:
        client.close()


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (SaslAuthenticationFailedError("Invalid credentials"), "TRAILHOUSE_KAFKA_SASL_USERNAME"),
        (UnsupportedSaslMechanismError("PLAIN is not one"), "TRAILHOUSE_KAFKA_SASL_MECHANISM"),
        (KafkaConnectionError("Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED]"), "KAFKA_SSL_CA"),
        (KafkaConnectionError("Handshake failed: [SSL: WRONG_VERSION_NUMBER]"), "KAFKA_SECURITY"),
        (KafkaConnectionError("socket disconnected"), "KAFKA_SECURITY"),
        (KafkaConnectionError("[SSL] tlsv13 alert certificate required"), "KAFKA_SSL_CERT"),
    ],
    ids=["password", "mechanism", "authority", "no TLS there", "TLS there", "certificate"],
)
def test_a_refusal_names_the_setting(error: KafkaError, named: str) -> None:
    """Whoever reads it knows where to look; the password is nowhere."""
    configs = {"sasl_plain_username": "ada", "sasl_plain_password": "opens", "sasl_mechanism": "PLAIN"}
    found = refusal(error, configs)
    assert found is not None
    assert named in str(found)
    assert "opens" not in f"{found!r} {found}"


def test_an_absent_broker_is_no_refusal() -> None:
    """Waiting cures it: the driver's own error stays."""
    assert refusal(KafkaConnectionError("[Errno 111] ECONNREFUSED"), {}) is None


def test_options_of_each_protocol(tmp_path: Path) -> None:
    """A plain connection has none of the others' options; a user is given only where SASL is spoken."""
    assert security_options(KafkaSecurity()) == {"security_protocol": "PLAINTEXT"}
    authority = Certificates(tmp_path).authority
    encrypted = security_options(KafkaSecurity(protocol="SSL", ca=str(authority)))
    assert set(encrypted) == {"security_protocol", "ssl_context"}
    both = security_options(
        KafkaSecurity(protocol="SASL_SSL", ca=str(authority), username="ada", password=Secret("opens"))
    )
    assert (both["sasl_mechanism"], both["sasl_plain_username"]) == ("SCRAM-SHA-512", "ada")
    assert both["sasl_plain_password"] == "opens"
