"""HTTP to addresses that customers name, which must not lead into our own network.

The name is resolved once, every address of it is looked at, and the connection goes to that very address: a name that
changes in between leads nowhere else. Redirects are not followed. A receiver gets so many seconds for everything
together, however slowly it drips.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from trailhouse.queries.alerts.settings import networks

ANSWER_BYTES: Final = 16_384
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
#: Nobody's on the internet (RFC 3879, 6890, 7526, 9637), which Python's `is_global` does not know of, or not in each version.
_NOT_GLOBAL: Final = tuple(
    map(ipaddress.ip_network, ("fec0::/10", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24"))
)
Resolve = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Undelivered(Exception):
    """It was not delivered; the message says why, without the address. `wait_s`: how long the receiver asks to wait."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name; raises `OSError`."""
    return list(
        dict.fromkeys(str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Sends; `allow` are the private networks it may reach, as `TRAILHOUSE_ALERTS_ALLOW` has them."""

    allow: str = ""
    timeout_s: float = 10.0
    resolve: Resolve = resolve

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """POST and return the beginning of the answer; raises `Undelivered` for anything but a 2xx."""
        parts = urlsplit(url)
        host, is_secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        address = self._address(host, port, is_secure=is_secure)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = _Pinned(host, port, address, is_secure=is_secure, timeout_s=self.timeout_s)
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            connection.cut()

        timer = threading.Timer(self.timeout_s, end)
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", path, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            if is_late.is_set() or isinstance(error, TimeoutError):
                raise Undelivered(f"no answer within {self.timeout_s:g} s") from None
            raise Undelivered(_reason(error)) from None
        finally:
            timer.cancel()
            connection.close()
        if is_late.is_set():
            raise Undelivered(f"no whole answer within {self.timeout_s:g} s")
        if 300 <= answer.status < 400:
            raise Undelivered(f"answered {answer.status}: redirects are not followed")
        if not 200 <= answer.status < 300:
            raise Undelivered(f"answered {answer.status}", _wait(answer.getheader("Retry-After", "")))
        return text

    def _address(self, host: str, port: int, *, is_secure: bool) -> str:
        try:
            found = [ipaddress.ip_address(each.partition("%")[0]) for each in self.resolve(host, port)]
        except (OSError, ValueError):
            found = []
        if not found:
            raise Undelivered("its name cannot be resolved")
        allowed = networks(self.allow)
        for address in map(_plain, found):
            is_allowed = any(address in each for each in allowed if each.version == address.version)
            if not is_allowed and not is_public(address):
                raise Undelivered(
                    "its address is private, and not allowed (TRAILHOUSE_ALERTS_ALLOW says which may be)"
                )
            if not is_secure and not is_allowed:
                raise Undelivered("only https is sent to public addresses")
        return str(found[0])


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's: no loopback, link-local, private, shared or multicast one."""
    is_nobodys = any(address in each for each in _NOT_GLOBAL if each.version == address.version)
    return address.is_global and not (is_nobodys or address.is_multicast or address.is_reserved)


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo or (address, address))[1]
    return address


class _Pinned(http.client.HTTPConnection):
    """A connection to `address`, which is who `host` was found to be; the certificate must still be the host's."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool, timeout_s: float) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._address, self._is_secure = address, is_secure
        self._is_cut = False
        self._spare: socket.socket | None = None

    def connect(self) -> None:
        self.sock: Any = socket.create_connection((self._address, self.port), self.timeout)
        # TLS takes the socket over while it shakes hands; its double can be cut at any time.
        self._spare = self.sock.dup()
        if self._is_secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
        if self._is_cut:
            raise TimeoutError

    def cut(self) -> None:
        """End it from another thread."""
        self._is_cut = True
        if self._spare is not None:
            with contextlib.suppress(OSError):
                self._spare.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._spare is not None:
            self._spare.close()


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return f"the connection failed: {type(error).__name__}"


def _wait(text: str) -> float:
    return min(float(text), 3_600.0) if text.isascii() and text.isdecimal() else 0.0
