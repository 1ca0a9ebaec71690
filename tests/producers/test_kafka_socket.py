"""`kafka_socket`: a broker that is away leaves no open socket and no thread behind."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from trailhouse.deploy.kafka import LocalKafka
from trailhouse.producers.kafka_socket import CONNECTING


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
