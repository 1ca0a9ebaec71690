"""What an HTTP request says about who acts: bound for the events it leads to, never trusted to be sound."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trailhouse.producers.field import CHECKS, TEXT_LENGTH_MAX

ID_LENGTH_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class RequestFields:
    """How a request becomes fields: actor_ip, user_agent, correlation_id, and `describe` for the rest.

    `proxies` = how many reverse proxies of your own stand before the service and append to `X-Forwarded-For`; with 0
    the header is ignored, because anybody can send it. `describe` gets the framework's own view of the request (the ASGI
    scope, the WSGI environ) and returns further fields, as `org_id` and `actor_user_id`; what it raises is the
    request's error.
    """

    proxies: int = 0
    describe: Callable[[Any], Mapping[str, Any]] | None = None

    def read(self, peer: str | None, header: Callable[[str], str | None], request: Any) -> dict[str, Any]:
        """The fields of one request; a value that breaks the contract is left out, so no event fails for it.

        `peer` is the address of the connection's other end; `header` takes a name in lower case.
        """
        fields = {
            "actor_ip": self._address(peer, header("x-forwarded-for")),
            "user_agent": (header("user-agent") or "")[:TEXT_LENGTH_MAX] or None,
            "correlation_id": request_id(header),
        }
        sound = {
            name: value for name, value in fields.items() if value is not None and not CHECKS[name](value)
        }
        return {**sound, **(self.describe(request) if self.describe else {})}

    def _address(self, peer: str | None, forwarded: str | None) -> str | None:
        if self.proxies and forwarded:
            # Each proxy appends whom it saw: count from the end, the beginning is anybody's invention.
            hops = [each.strip() for each in forwarded.split(",")]
            peer = hops[-self.proxies] if len(hops) >= self.proxies else hops[0]
        return _ip(peer)


def _ip(text: str | None) -> str | None:
    """An address without port or brackets; None when it is none, as a Unix socket's or a test client's name."""
    if not text:
        return None
    for each in (text, text.strip("[]"), text.rpartition(":")[0].strip("[]")):
        try:
            return str(ipaddress.ip_address(each))
        except ValueError:
            continue
    return None


def request_id(header: Callable[[str], str | None]) -> str:
    """The request's own id, its W3C trace id, or a new one."""
    if (
        (given := header("x-request-id"))
        and len(given) <= ID_LENGTH_MAX
        and given.isascii()
        and given.isprintable()
    ):
        return given
    parts = (header("traceparent") or "").split("-")
    if len(parts) >= 4 and len(parts[1]) == 32:
        return parts[1]
    return uuid.uuid4().hex
