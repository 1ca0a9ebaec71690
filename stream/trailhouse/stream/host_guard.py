"""A check of the Host header: a web page whose name was made to resolve to this machine sends its own name.

Such a page is of the same origin for the visitor's browser, which would let it read every answer. An address cannot be
rebound, so addresses are known; names are, when they are `localhost` or were told to us.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class HostGuard:
    """A WSGI application in front of `app`: a request whose Host is a foreign name is answered with 421."""

    def __init__(self, app: WsgiApp, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = frozenset({"localhost", *(name.lower() for name in names)})

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if self._is_known(environ.get("HTTP_HOST", "")):
            return self._app(environ, start)
        start("421 Misdirected Request", [("Content-Type", "text/plain")])
        return [
            b"the Host header does not name this machine; use its address, or set TRAILHOUSE_METRICS_NAMES\n"
        ]

    def _is_known(self, header: str) -> bool:
        name = host_name(header)
        return name in self._names or is_address(name)


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets, lower case."""
    name = re.sub(r":\d{1,5}$", "", header).lower()
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def is_address(name: str) -> bool:
    """Whether `name` is an IP address and no name at all."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether `name` is a loopback address or `localhost`."""
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)
