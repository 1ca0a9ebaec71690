"""Is a process well? Each says so itself, under `/healthz` of its port.

`python -m trailhouse.deploy.health` is the health check of a container: 0 when the role in it is well, 1 when not.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping
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


def is_role_well(environ: Mapping[str, str]) -> bool:
    """Whether the one role that runs here is: the api answers at its own port, every other role at that of its metrics."""
    ports = (environ.get("TRAILHOUSE_METRICS_PORT", "0"), environ.get("TRAILHOUSE_API_PORT", "8080"))
    return any(is_healthy(int(port), PATIENCE_S) for port in ports if port.isdigit() and int(port))


if __name__ == "__main__":
    sys.exit(0 if is_role_well(os.environ) else 1)
