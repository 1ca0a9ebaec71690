"""Free ports on loopback.

Ports are drawn from below the range the kernel gives to outgoing connections: a port from that range can be taken
by any client between two runs of a stack, and a client polling it can even connect to itself.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from typing import Final

from trailhouse.deploy.errors import StartFailed

LOOPBACK: Final = "127.0.0.1"
RANGE: Final = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether nothing listens on `port` of loopback (a socket lingering after a close does not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, besides: Iterable[int] = (), rng: random.Random | None = None) -> list[int]:
    """`count` distinct free ports, none of `besides`; raises `StartFailed` when the range is used up."""
    found: list[int] = []
    taken = set(besides)
    for port in (rng or random.SystemRandom()).sample(RANGE, len(RANGE)):
        if len(found) == count:
            return found
        if port not in taken and is_free(port):
            found.append(port)
    raise StartFailed(
        f"no {count} free ports between {RANGE.start} and {RANGE.stop - 1}", hint="stop something"
    )
