"""A server on loopback that takes what analytics SDKs upload, so that nothing leaves the machine.

`python bench/endpoint.py PORTFILE` writes its port there. While events come in it keeps the bodies as they are; `GET /found`
reads them: how many events, of how many people.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

READY_TIMEOUT_S = 30.0
_BODIES: list[bytes] = []


def count(bodies: Iterable[bytes]) -> tuple[int, int]:
    """(events, people) in uploads of PostHog (`distinct_id`) and of Segment (`userId`), gzipped or not."""
    events, persons = 0, set()
    for body in bodies:
        told = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        for event in told.get("batch", ()):
            events += 1
            persons.add(event.get("distinct_id") or event.get("userId"))
    return events, len(persons)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        _BODIES.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self._answer({"status": 1})

    def do_GET(self) -> None:
        events, persons = count(_BODIES)
        self._answer({"found": events, "persons": persons})

    def _answer(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the overridden method's argument
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    from bench.process import ROOT, running

    port_file = folder / "endpoint.port"
    port_file.unlink(missing_ok=True)
    argv = [sys.executable, str(ROOT / "bench/endpoint.py"), str(port_file)]
    with running(argv, folder / "endpoint.log") as process:
        until = time.monotonic() + READY_TIMEOUT_S
        while not port_file.exists():
            if not process.is_alive or time.monotonic() > until:
                raise RuntimeError(f"the endpoint did not start: {process.end_of_log()}")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port_file.read_text()}"


def found(address: str) -> dict[str, int]:
    """What arrived at the server so far."""
    with urllib.request.urlopen(f"{address}/found") as answer:
        told: dict[str, int] = json.loads(answer.read())
    return told


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    named = Path(sys.argv[1])
    written = named.with_suffix(".new")
    written.write_text(str(server.server_port))
    written.rename(named)
    server.serve_forever()
