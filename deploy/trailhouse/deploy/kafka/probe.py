"""Is a broker ready? Asked with one Metadata request, because importing a client takes longer than the broker's start."""

from __future__ import annotations

import socket
import struct
from typing import Final

_METADATA: Final = 3
_VERSION: Final = 1
_CORRELATION: Final = 1


def answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether a broker at that address answers a request and counts at least one broker in its cluster."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(request())
            size = struct.unpack(">i", _exactly(connection, 4))[0]
            return has_broker(_exactly(connection, size))
    except (OSError, EOFError, struct.error):
        return False


def request() -> bytes:
    """A Metadata request for no topic, with its size in front."""
    body = struct.pack(">hhihi", _METADATA, _VERSION, _CORRELATION, -1, 0)
    return struct.pack(">i", len(body)) + body


def has_broker(answer: bytes) -> bool:
    """Whether an answer to `request` (without its size) lists a broker."""
    correlation, brokers = struct.unpack_from(">ii", answer)
    return bool(correlation == _CORRELATION and brokers > 0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        if not (more := connection.recv(size - len(data))):
            raise EOFError
        data += more
    return data
