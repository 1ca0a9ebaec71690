"""Sessions of the dashboard: a signed cookie that names a key's id or a person, and tokens for forms. Pure but for the clock given.

The cookie holds no key and no rights: both are looked up at each request, so a revoked key's session ends with it. Of
who came from an OpenID provider it holds what `Person.to_text` keeps. It is signed with a secret of the process, or `TRAILHOUSE_API_SESSION_SECRET` where several processes serve one dashboard.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from trailhouse.queries.dashboard.person import Person

LIFE_S: Final = 12 * 3600
PERSON_LENGTH_MAX: Final = 3_000
_COOKIE: Final = re.compile(
    rf"([0-9a-f]{{12}}|p[\w-]{{1,{PERSON_LENGTH_MAX}}})\.(\d{{10}})\.([0-9a-f]{{32}})\.([0-9a-f]{{64}})",
    re.ASCII,
)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TOKEN: Final = re.compile(r"([0-9a-f]{16})([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in with the key `key_id` at `since` (Unix seconds); `nonce` is this sign-in's own.

    `person` (then `key_id` is '') = as the OpenID provider named them.
    """

    key_id: str
    since: int
    nonce: str
    person: Person | None = None


class Sessions:
    """Begins, reads and ends sessions. `clock` gives Unix seconds, `person_life_s` is for persons. For any thread."""

    def __init__(
        self, secret: str = "", clock: Callable[[], float] = time.time, person_life_s: int = LIFE_S
    ) -> None:
        self._secret = secret.encode() or secrets.token_bytes(32)
        self._clock, self._lock = clock, threading.Lock()
        self._ended: dict[str, int] = {}
        self._elsewhere: Collection[str] = frozenset()
        self.person_life_s = min(person_life_s, LIFE_S)

    def begin(self, who: str | Person) -> tuple[Session, str]:
        """A new session of a key's id or a person, and its cookie's text."""
        person = who if isinstance(who, Person) else None
        session = Session("" if person else str(who), int(self._clock()), secrets.token_hex(16), person)
        named = f"p{person.to_text()}" if person else session.key_id
        body = f"{named}.{session.since:010d}.{session.nonce}"
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
        life_s = self.person_life_s if key_id.startswith("p") else LIFE_S
        if not 0 <= age + 1 <= life_s + 1 or self.is_ended(nonce):
            return None
        if not key_id.startswith("p"):
            return Session(key_id, int(since), nonce)
        person = Person.from_text(key_id[1:])
        return Session("", int(since), nonce, person) if person else None

    def end(self, session: Session) -> None:
        """Let its cookie be worth nothing in this process; `GuestBook.end` tells the others."""
        self.spend(session.nonce)

    def learn(self, ended: Collection[str]) -> None:
        """Take these marks for all of the sessions that were ended at any process."""
        self._elsewhere = ended

    def is_ended(self, nonce: str) -> bool:
        """Whether the session was ended, here or elsewhere as far as is known."""
        return nonce in self._ended or mark_of(nonce) in self._elsewhere

    def spend(self, nonce: str) -> bool:
        """Whether this is the first time that what can be used once is used; for as long as a session lives."""
        now = int(self._clock())
        with self._lock:
            self._ended = {each: at for each, at in self._ended.items() if now - at <= LIFE_S}
            is_first = nonce not in self._ended
            self._ended[nonce] = now
        return is_first

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def derive(self, purpose: str, text: str) -> str:
        """64 hex digits that only this process, or one with the same secret, can make of a text."""
        return self._sign(f"derived-{purpose}", text)

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


def mark_of(nonce: str) -> str:
    """Stands for a session where its nonce, which signs forms, need not be known: 32 hex digits."""
    return hashlib.sha256(nonce.encode()).hexdigest()[:32]


def new_nonce() -> str:
    """For the form of somebody who has not signed in yet."""
    return secrets.token_hex(16)


def is_nonce(text: str | None) -> bool:
    """Whether a cookie holds what `new_nonce` makes."""
    return _NONCE.fullmatch(text or "") is not None
