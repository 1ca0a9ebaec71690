"""Is a process of the local stack well? Each says so itself, under `/healthz` of its port."""

from __future__ import annotations

import http.client
from typing import Final

from trailhouse.deploy.ports import LOOPBACK

# A process that started so recently may still be loading; later it is unhealthy.
STARTING_S: Final = 15.0
# How long `status` waits for an answer: processes that share a busy machine are slow, not ill.
PATIENCE_S: Final = 3.0


def is_healthy(port: int, timeout_s: float = 1.0, path: str = "/healthz") -> bool:
    """Whether the process with that port answers in time, and says that it is."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def state_of(state: str, uptime_s: float, *, is_well: bool) -> str:
    """The supervisor's word for a process, unless it runs and is not well."""
    if state != "running" or is_well:
        return state
    return "starting" if uptime_s < STARTING_S else "unhealthy"
