"""Who looks at the dashboard: the holder of a key who signed in, or whoever may read without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request, Response

from trailhouse.queries.api_access import Access, who_asks
from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.session import LIFE_S, Session, Sessions, is_nonce, new_nonce
from trailhouse.queries.errors import BadBody, BodyTooLarge, MissingScope
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.self_audit import Who
from trailhouse.stream.host_guard import host_name, is_loopback

SESSION_COOKIE: Final = "trailhouse_session"
#: Of somebody who is about to sign in: binds the form to the browser it was given to.
FORM_COOKIE: Final = "trailhouse_form"
BODY_BYTES_MAX: Final = 8_192


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody and their rights; `key` None = nobody signed in, where reports may be read so."""

    caller: Caller
    who: Who
    key: Key | None = None
    session: Session | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether they may see pages of that kind; without a key reports alone."""
        return scope is Scope.REPORTS_READ if self.key is None else self.key.allows(scope)


class Door:
    """Lets people in, and remembers them by a cookie. For the event loop's thread."""

    def __init__(self, access: Access, sessions: Sessions, anonymous: Caller | None) -> None:
        self._access, self.sessions, self._anonymous = access, sessions, anonymous

    @property
    def is_open(self) -> bool:
        """Whether reports may be read without a key."""
        return self._anonymous is not None

    async def visitor(self, request: Request) -> Visitor | None:
        """Who sends the request; None when they must sign in. Raises `TooOften` and `StorageUnavailable`."""
        session = self.sessions.read(request.cookies.get(SESSION_COOKIE))
        key = await self._access.holder(request, session.key_id) if session else None
        if key is not None:
            return Visitor(key.caller, who_asks(request), key, session)
        return None if self._anonymous is None else Visitor(self._anonymous, who_asks(request))

    async def enter(self, request: Request, text: str) -> tuple[Visitor, str]:
        """Sign in with a key's text: the visitor and the cookie's value; raises what `Access.shown` raises."""
        key = await self._access.shown(request, text.strip())
        if not any(key.allows(scope) for scope in (Scope.REPORTS_READ, Scope.AUDIT_READ)):
            raise MissingScope(Scope.REPORTS_READ)
        session, cookie = self.sessions.begin(key.key_id)
        return Visitor(key.caller, who_asks(request), key, session), cookie

    def form_nonce(self, request: Request) -> str:
        """What a form of this browser is bound to: its session, or before there is one a cookie of its own."""
        session = self.sessions.read(request.cookies.get(SESSION_COOKIE))
        if session is not None:
            return session.nonce
        kept = request.cookies.get(FORM_COOKIE)
        return kept if kept is not None and is_nonce(kept) else new_nonce()

    def is_own_form(self, request: Request, form: Mapping[str, str]) -> bool:
        """Whether a form was given to this very browser, and comes from a page of ours."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        return site in {"same-origin", "none"} and self.sessions.is_token(
            self.form_nonce(request), form.get("token", "")
        )


def keep(response: Response, request: Request, name: str, value: str, life_s: int = LIFE_S) -> None:
    """Give the browser a cookie that no script reads and no other site sends; '' takes it away."""
    response.set_cookie(
        name,
        value,
        max_age=life_s if value else 0,
        path=ROOT,
        # On this machine there is no TLS; anywhere else a session must not travel in the open.
        secure=request.url.scheme == "https" or not is_loopback(host_name(request.headers.get("host", ""))),
        httponly=True,
        samesite="strict",
    )


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; raises `BadBody` for what no form of ours sends."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise BadBody("this is no form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BodyTooLarge("the form is too long")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise BadBody("the form cannot be read") from None
    return dict(fields)
