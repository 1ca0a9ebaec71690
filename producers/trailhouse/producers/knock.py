"""Whether any broker listens, known at once: the drivers would try for seconds, at full load."""

from __future__ import annotations

import encodings.idna
import socket
from typing import Final

from trailhouse.producers.errors import DeliveryFailed

# Looking a host up imports this codec, on the sender's thread. A process forked meanwhile would wait for that import for
# ever: whoever makes a producer has it already.
_CODEC: Final = encodings.idna.__name__
KNOCK_TIMEOUT_S: Final = 1.0


def knock(bootstrap: str) -> None:
    """Raise `DeliveryFailed` when no broker of `bootstrap` (`host:port`, separated by commas) takes a connection."""
    trouble: OSError | None = None
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), KNOCK_TIMEOUT_S).close()
        except OSError as error:
            trouble = error
        else:
            return
    raise DeliveryFailed(f"Kafka cannot be reached at {bootstrap}: {trouble}")
