"""Whether somebody listens, known at once."""

from __future__ import annotations

import socket

import pytest

from trailhouse.producers import DeliveryFailed
from trailhouse.producers.knock import knock


def test_one_broker_that_listens_is_enough() -> None:
    """The first may be away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        knock(f"127.0.0.1:1, 127.0.0.1:{server.getsockname()[1]}")


def test_none_that_listens_is_said() -> None:
    """With the addresses as they were given, and the reason of the last."""
    with pytest.raises(DeliveryFailed, match=r"cannot be reached at 127\.0\.0\.1:1: .*refused"):
        knock("127.0.0.1:1")
