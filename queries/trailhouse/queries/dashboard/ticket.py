"""A sign-in with the OpenID provider that is under way: a signed cookie, from which everything else of it is made. Pure.

The cookie holds a random seed and where to go on. State, nonce and PKCE verifier are derived from the seed with the
secret of the sessions, so that whoever reads the cookie has none of them, and nothing is stored meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import Final

from trailhouse.queries.dashboard.address import inside
from trailhouse.queries.dashboard.provider import Ask
from trailhouse.queries.dashboard.session import Sessions, new_nonce

LIFE_S: Final = 600
TO_LENGTH_MAX: Final = 2_000
_COOKIE: Final = re.compile(r"([0-9a-f]{32})\.(\d{10})\.([\w-]{0,4000})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """`to` = the page of ours to go on at; `seed` is this sign-in's own."""

    seed: str
    since: int
    to: str

    def to_text(self, sessions: Sessions) -> str:
        """For the cookie."""
        return f"{self._body()}.{sessions.derive('ticket', self._body())}"

    def ask(self, sessions: Sessions, back: str) -> Ask:
        """What the provider is asked with; `back` = where it sends the browser."""
        state, nonce, verifier = (
            sessions.derive(purpose, self.seed) for purpose in ("state", "nonce", "verifier")
        )
        return Ask(state, nonce, verifier, back)

    def _body(self) -> str:
        to = base64.urlsafe_b64encode(self.to.encode()).rstrip(b"=").decode()
        return f"{self.seed}.{self.since:010d}.{to}"


def new_ticket(sessions: Sessions, to: str) -> Ticket:
    """For somebody who is sent to the provider now."""
    return Ticket(new_nonce(), sessions.now(), to if len(to) <= TO_LENGTH_MAX else inside(None))


def read_ticket(sessions: Sessions, cookie: str | None) -> Ticket | None:
    """The ticket of a cookie; None when it is not ours, or too old."""
    found = _COOKIE.fullmatch(cookie or "")
    if found is None:
        return None
    seed, since, to, mark = found.groups()
    if not hmac.compare_digest(mark, sessions.derive("ticket", f"{seed}.{since}.{to}")):
        return None
    if not 0 <= sessions.now() - int(since) <= LIFE_S:
        return None
    try:
        page = base64.urlsafe_b64decode(to + "=" * (-len(to) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return Ticket(seed, int(since), inside(page))
