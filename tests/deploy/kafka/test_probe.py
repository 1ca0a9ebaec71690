"""The question whether a broker is ready."""

from __future__ import annotations

import socket
import struct
import threading

from trailhouse.deploy.kafka.probe import answers, has_broker, request
from trailhouse.deploy.ports import LOOPBACK


def test_a_broker_that_counts_itself_is_ready() -> None:
    """An answer without brokers, or to another question, is none."""
    assert has_broker(struct.pack(">ii", 1, 1))
    assert not has_broker(struct.pack(">ii", 1, 0))
    assert not has_broker(struct.pack(">ii", 2, 1))
    assert struct.unpack(">i", request()[:4])[0] == len(request()) - 4


def test_nobody_answers() -> None:
    """A closed port and one that hangs up are both not ready."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert not answers(LOOPBACK, port)
        thread.join()
    assert not answers(LOOPBACK, port)
