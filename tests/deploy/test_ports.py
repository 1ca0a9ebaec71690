"""Free ports."""

from __future__ import annotations

import random
import socket

from trailhouse.deploy.ports import LOOPBACK, RANGE, free_ports, is_free


def test_a_port_with_a_listener_is_not_free() -> None:
    """A port is taken while somebody listens, and free again at once afterwards."""
    (port,) = free_ports(1)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
    assert is_free(port)


def test_free_ports_are_distinct_and_below_the_kernels_range() -> None:
    """Ports drawn together differ, avoid those named, and outgoing connections never take them."""
    first = free_ports(5, rng=random.Random(1))
    second = free_ports(5, besides=first, rng=random.Random(1))
    assert len({*first, *second}) == 10
    assert all(port in RANGE and port < 32_768 for port in (*first, *second))
