"""Who sends a request: the key in its Authorization header, and what is done about wrong ones."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from trailhouse.producers.event import ActorType
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import LockedOut, MissingScope, NotAuthenticated, TooOften
from trailhouse.queries.key import Key, Scope, id_of, is_match, is_of
from trailhouse.queries.key_ring import KeyRing
from trailhouse.queries.lockout import Lockout
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.queries.rate import Rates
from trailhouse.queries.self_audit import Who

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key"},
    "basic": {"type": "http", "scheme": "basic", "description": "user name and API key"},
}
# What OpenAPI says of a route that takes keys.
SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"basic": []}]
# What any request may be answered with, and what one that takes a key may be: every one a problem document.
ANSWERS: Final = {"421": "the Host header does not name this machine"}
KEYED_ANSWERS: Final = {
    "400": "a parameter cannot be used",
    "401": "no key, or one that is not valid",
    "403": "the key lacks the scope, or the organisation is not the key's",
    "429": "too many wrong keys, or too many requests with this one; see Retry-After",
    "503": "the store does not answer, or what is read cannot be recorded; see Retry-After",
}
# A key nobody knows may have been made a moment ago: the table is looked at again, so often at most.
NEW_KEY_S: Final = 1.0
_HEADER_LENGTH_MAX: Final = 1024
log = logging.getLogger(__name__)


class Access:
    """Finds the key of a request. For the event loop's thread; only reading the keys anew takes another.

    A wrong secret for a key that exists counts against that key and the sender's address together, anything else
    against the address. Locking out saves the work of answering guesses; it never keeps out a right secret, or anybody
    behind the same proxy could lock out a key whose id they know. Nobody guesses 256 random bits meanwhile. Keys that
    are revoked or expired are refused, but nobody guessed them.
    """

    def __init__(
        self,
        ring: KeyRing,
        lockout: Lockout,
        rates: Rates,
        metrics: ApiMetrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ring, self._lockout, self._rates, self._metrics, self._now = ring, lockout, rates, metrics, now
        self._refresh: asyncio.Future[None] | None = None

    async def key(self, request: Request, scope: Scope) -> Key:
        """The request's key; raises `NotAuthenticated`, `LockedOut`, `MissingScope`, `TooOften`, `StorageUnavailable`."""
        header = authorization(request)
        if header is None:
            raise NotAuthenticated("this needs an API key")
        username, text = credentials(header)
        key = await self.shown(request, text, username)
        self._admit(key, scope)
        return key

    async def shown(self, request: Request, text: str, username: str | None = None) -> Key:
        """The active key whose text somebody shows; raises as `key`, save for scopes and rates."""
        address = address_of(request)
        found = await self._find(text, address)
        if found is not None:
            request.state.who = Who.guessing(found, _client(request))
        key = self._check(found, username, text, address)
        request.state.who = Who.of_key(key, _client(request))
        return key

    def holder(self, request: Request, key_id: str) -> Key | None:
        """The key of somebody who has shown it before, as of the last `read`; None when it is not active any more.

        Raises `TooOften` and `StorageUnavailable`.
        """
        key = self._ring.find(key_id)
        if key is None or key.status(self._now()) != "active":
            return None
        request.state.who = Who.of_key(key, _client(request))
        self._admit(key)
        return key

    def admit(self, request: Request, key: Key) -> None:
        """Count a request of somebody whom another than us has named, and who holds no key; raises `TooOften`."""
        request.state.who = Who.of_key(key, _client(request))
        self._admit(key)

    def name(self, request: Request, subject: str, username: str) -> None:
        """Say who sends a request, so that a refusal is recorded with it."""
        request.state.who = Who(ActorType.USER, username, subject, _client(request))

    async def read(self) -> None:
        """Read the keys, and what is read with them, unless they are current; raises `StorageUnavailable`."""
        if not self._ring.is_current:
            await self._read_keys()

    async def renew(self) -> None:
        """Read the keys anew, as one of them has just changed; raises as `key`."""
        await self._read_keys(0.0)

    def _admit(self, key: Key, scope: Scope | None = None) -> None:
        if scope is not None and not key.allows(scope):
            self._metrics.key_checks.labels("scope").inc()
            raise MissingScope(scope)
        if (wait_s := self._rates.take(key.key_id)) > 0:
            self._metrics.key_checks.labels("limited").inc()
            raise TooOften(wait_s)
        self._metrics.key_checks.labels("ok").inc()

    async def _find(self, text: str, address: str) -> Key | None:
        """The key whose id `text` has, if there is one. One made a moment ago is found, too, if it takes a moment."""
        await self.read()
        key_id = id_of(text)
        if key_id is None:
            return None
        key = self._ring.find(key_id)
        if key is None and not self._lockout.locked_for(address):
            await asyncio.sleep(max(0.0, NEW_KEY_S - self._ring.age_s))
            await self._read_keys(NEW_KEY_S)
            key = self._ring.find(key_id)
        return key

    def _check(self, key: Key | None, username: str | None, text: str, address: str) -> Key:
        if not is_match(key, text):
            subject = address if key is None else (address, key.key_id)
            if (wait_s := self._lockout.locked_for(subject)) > 0:
                self._metrics.key_checks.labels("locked").inc()
                raise LockedOut(wait_s)
            self._metrics.key_checks.labels("wrong").inc()
            if self._lockout.fail(subject):
                # No address: it may be a person's.
                log.warning("too many wrong keys from one address: locked out for a while")
            raise NotAuthenticated
        assert key is not None  # nothing else matches
        if key.status(self._now()) != "active" or (username is not None and not is_of(key, username)):
            self._metrics.key_checks.labels("stale").inc()
            raise NotAuthenticated
        return key

    async def _read_keys(self, older_s: float | None = None) -> None:
        """All requests that find the keys too old wait for one reading of them."""
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.ensure_future(run_in_threadpool(self._ring.refresh, older_s))
            # A failure nobody waits for any more is not the loop's business.
            self._refresh.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._refresh)


@dataclass(frozen=True, slots=True)
class Reading:
    """Who may read: holders of a key with `scope`, and with `anonymous` rights, if any, whoever brings no key."""

    access: Access
    scope: Scope
    anonymous: Caller | None = None

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """For OpenAPI."""
        return [*SECURITY, *([{}] if self.anonymous else [])]

    async def caller(self, request: Request) -> Caller:
        """Whose rights a request reads with; a key that is not valid never falls back on `anonymous`."""
        if self.anonymous is not None and authorization(request) is None:
            return self.anonymous
        return (await self.access.key(request, self.scope)).caller


def who_asks(request: Request) -> Who:
    """Who sent a request, for the self-audit; whose key it is once `Access.key` has found it good."""
    known: Who = getattr(request.state, "who", None) or Who(address=_client(request))
    return known


def authorization(request: Request) -> str | None:
    """The Authorization header; raises `NotAuthenticated` when there are several or it is longer than any key needs."""
    found = request.headers.getlist("authorization")
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > _HEADER_LENGTH_MAX:
        raise NotAuthenticated
    return found[0]


def credentials(header: str) -> tuple[str | None, str]:
    """(user name, key) of `Basic` or (None, key) of `Bearer`; an empty key for anything else."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return None, rest.strip()
    if scheme.lower() == "basic":
        try:
            username, _, text = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None, ""
        return username, text
    return None, ""


def address_of(request: Request) -> str:
    """Where a request comes from, for counting: an IPv6 client has a whole /64 to change its address in."""
    host = _client(request)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def describe(app: FastAPI) -> None:
    """Say in OpenAPI how keys are sent, and how requests are refused."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        document.setdefault("components", {})["securitySchemes"] = SCHEMES
        for operations in document["paths"].values():
            for operation in operations.values():
                known = ANSWERS | (KEYED_ANSWERS if "security" in operation else {})
                for status, text in known.items():
                    answer = {"description": text, "content": {"application/problem+json": {}}}
                    operation["responses"].setdefault(status, answer)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # the way FastAPI's docs say
