"""Sessions of the dashboard: a signed cookie that names a key's id, and tokens for forms. Pure but for the clock given.

The cookie holds no key and no rights: both are looked up at each request, so a revoked key's session ends with it. It is
signed with a secret of the process, or `TRAILHOUSE_API_SESSION_SECRET` where several processes serve one dashboard.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LIFE_S: Final = 12 * 3600
_COOKIE: Final = re.compile(r"([0-9a-f]{12})\.(\d{10})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TOKEN: Final = re.compile(r"([0-9a-f]{16})([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in with the key `key_id` at `since` (Unix seconds); `nonce` is this sign-in's own."""

    key_id: str
    since: int
    nonce: str


class Sessions:
    """Begins, reads and ends sessions. `clock` gives Unix seconds. For any thread."""

    def __init__(self, secret: str = "", clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode() or secrets.token_bytes(32)
        self._clock, self._lock = clock, threading.Lock()
        self._ended: dict[str, int] = {}

    def begin(self, key_id: str) -> tuple[Session, str]:
        """A new session and its cookie's text."""
        session = Session(key_id, int(self._clock()), secrets.token_hex(16))
        body = f"{session.key_id}.{session.since:010d}.{session.nonce}"
        return session, f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None when it is not ours, too old, or was ended."""
        found = _COOKIE.fullmatch(cookie or "")
        if found is None:
            return None
        key_id, since, nonce, mark = found.groups()
        if not hmac.compare_digest(mark, self._sign("session", f"{key_id}.{since}.{nonce}")):
            return None
        age = self._clock() - int(since)
        if not 0 <= age + 1 <= LIFE_S + 1 or nonce in self._ended:
            return None
        return Session(key_id, int(since), nonce)

    def end(self, session: Session) -> None:
        """Let its cookie be worth nothing, wherever a copy of it may be."""
        now = int(self._clock())
        with self._lock:
            self._ended = {nonce: at for nonce, at in self._ended.items() if now - at <= LIFE_S}
            self._ended[session.nonce] = now

    def token(self, nonce: str) -> str:
        """A form's token for whoever holds the cookie with `nonce`; another one each time, so no page can be probed for it."""
        salt = secrets.token_hex(8)
        return salt + self._sign("form", f"{salt}.{nonce}")

    def is_token(self, nonce: str, token: str) -> bool:
        """Whether a form that came back was given to whoever holds the cookie with `nonce`."""
        found = _TOKEN.fullmatch(token)
        return found is not None and hmac.compare_digest(found[2], self._sign("form", f"{found[1]}.{nonce}"))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}.{text}".encode(), hashlib.sha256).hexdigest()


def new_nonce() -> str:
    """For the form of somebody who has not signed in yet."""
    return secrets.token_hex(16)


def is_nonce(text: str | None) -> bool:
    """Whether a cookie holds what `new_nonce` makes."""
    return _NONCE.fullmatch(text or "") is not None
