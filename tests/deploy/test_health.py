"""Whether processes of the stack are well."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from trailhouse.deploy.health import STARTING_S, is_healthy, is_role_well, state_of
from trailhouse.deploy.ports import LOOPBACK, free_ports


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A port where every request is answered with that status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_it_is_what_it_says() -> None:
    """200 is well, anything else is not."""
    with answering(200) as port:
        assert is_healthy(port)
    with answering(503) as port:
        assert not is_healthy(port)
    assert not is_healthy(free_ports(1)[0])


def test_no_answer_in_time_is_no_good_answer() -> None:
    """A process that hangs still accepts connections."""
    with socket.create_server((LOOPBACK, 0)) as hanging:
        assert not is_healthy(hanging.getsockname()[1], timeout_s=0.1)


@pytest.mark.parametrize(
    ("state", "uptime_s", "is_well", "expected"),
    [
        ("running", 1, True, "running"),
        ("running", 1, False, "starting"),
        ("running", STARTING_S, False, "unhealthy"),
        ("restarting", 0, False, "restarting"),
        ("stopped", 100, False, "stopped"),
    ],
)
def test_a_running_process_that_is_not_well_is_shown(
    state: str, uptime_s: float, expected: str, *, is_well: bool
) -> None:
    """The supervisor only knows that it runs."""
    assert state_of(state, uptime_s, is_well=is_well) == expected


def test_the_health_check_of_a_container() -> None:
    """Whichever role runs there: the api at its own port, the others at that of their metrics."""
    with answering(200) as port:
        nobody = str(free_ports(1)[0])
        for environ in (
            {"TRAILHOUSE_METRICS_PORT": str(port), "TRAILHOUSE_API_PORT": nobody},
            {"TRAILHOUSE_METRICS_PORT": nobody, "TRAILHOUSE_API_PORT": str(port)},
        ):
            assert is_role_well(environ)
        assert not is_role_well({"TRAILHOUSE_METRICS_PORT": "0", "TRAILHOUSE_API_PORT": nobody})
    with answering(503) as port:
        assert not is_role_well({"TRAILHOUSE_METRICS_PORT": str(port), "TRAILHOUSE_API_PORT": nobody})
