"""Who looks at the dashboard: the holder of a key who signed in, or whoever may read without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl

from fastapi import Request, Response

from trailhouse.queries.api_access import Access, who_asks
from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.guest_book import GuestBook
from trailhouse.queries.dashboard.person import Person
from trailhouse.queries.dashboard.provider import Provider
from trailhouse.queries.dashboard.session import LIFE_S, Session, Sessions, is_nonce, new_nonce
from trailhouse.queries.errors import BadBody, BodyTooLarge, MissingScope, SignInFailed
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.self_audit import Who
from trailhouse.stream.host_guard import host_name, is_loopback

SESSION_COOKIE: Final = "trailhouse_session"
#: Of somebody who is about to sign in: binds the form to the browser it was given to.
FORM_COOKIE: Final = "trailhouse_form"
FIELDS_MAX: Final = 40
BODY_BYTES_MAX: Final = 8_192
#: In place of organisations in an address: all that the visitor may choose from.
ALL_ORGS: Final = "*"
#: Who has none of these opens no page.
READING: Final = (Scope.REPORTS_READ, Scope.AUDIT_READ)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody and their rights; `key` None = nobody signed in, where reports may be read so.

    `orgs` (None = every one) are all organisations they may choose from. `key` has the rights in those they ask about.
    """

    caller: Caller
    who: Who
    key: Key | None = None
    session: Session | None = None
    orgs: frozenset[str] | None = frozenset()

    @property
    def is_person(self) -> bool:
        """Whether the OpenID provider named them, so that they hold no key."""
        return self.session is not None and self.session.person is not None

    def allows(self, scope: Scope) -> bool:
        """Whether they may see pages of that kind; without a key reports alone."""
        return scope is Scope.REPORTS_READ if self.key is None else self.key.allows(scope)


class Door:
    """Lets people in, and remembers them by a cookie. For the event loop's thread.

    `book` is read with the keys of `access`; `provider` None = people sign in with keys alone.
    """

    def __init__(
        self,
        access: Access,
        sessions: Sessions,
        book: GuestBook,
        anonymous: Caller | None,
        *,
        provider: Provider | None = None,
    ) -> None:
        self.access, self.sessions, self.book = access, sessions, book
        self._anonymous, self.provider = anonymous, provider

    @property
    def is_open(self) -> bool:
        """Whether reports may be read without a key."""
        return self._anonymous is not None

    async def visitor(self, request: Request) -> Visitor | None:
        """Who sends the request; None when they must sign in. Raises `TooOften` and `StorageUnavailable`."""
        session = self.sessions.read(request.cookies.get(SESSION_COOKIE))
        if session is not None:
            # Another process may have ended it since this one last looked.
            await self.access.read()
            if not self.sessions.is_ended(session.nonce) and (found := self._found(request, session)):
                return found
        if self._anonymous is None:
            return None
        return Visitor(self._anonymous, who_asks(request), orgs=self._anonymous.orgs)

    def _found(self, request: Request, session: Session) -> Visitor | None:
        if session.person is not None:
            return self._person(request, session, session.person)
        key = self.access.holder(request, session.key_id)
        return Visitor(key.caller, who_asks(request), key, session, key.orgs) if key is not None else None

    async def enter(self, request: Request, text: str) -> tuple[Visitor, str]:
        """Sign in with a key's text: the visitor and the cookie's value; raises what `Access.shown` raises."""
        key = await self.access.shown(request, text.strip())
        if not any(key.allows(scope) for scope in READING):
            raise MissingScope(Scope.REPORTS_READ)
        session, cookie = self.sessions.begin(key.key_id)
        return Visitor(key.caller, who_asks(request), key, session, key.orgs), cookie

    def admit(self, request: Request, person: Person) -> tuple[Visitor, str]:
        """Sign in whom the provider named: as `enter`; raises `SignInFailed` for who may read nothing here."""
        session, cookie = self.sessions.begin(person)
        self.access.name(request, person.subject, person.username)
        visitor = self._person(request, session, person)
        if visitor is None:
            raise SignInFailed(
                "unmapped",
                "you have no rights here: none of your groups is named in TRAILHOUSE_OIDC_RIGHTS",
                "ask whoever runs this dashboard, and name your groups",
            )
        return visitor, cookie

    def _person(self, request: Request, session: Session, person: Person) -> Visitor | None:
        """With the rights of now, in the organisations asked about; None when there are none."""
        if self.provider is None:
            return None
        rights = person.rights(self.provider.settings)
        if not rights.any_of((*READING, Scope.ADMIN)):
            return None
        key = person.key(
            rights,
            asked_in(request),
            session.since,
            self.sessions.person_life_s,
            default_org=self.book.default_org(person.subject),
        )
        self.access.admit(request, key)
        return Visitor(key.caller, who_asks(request), key, session, rights.orgs)

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


def asked_in(request: Request) -> tuple[str, ...] | None:
    """The organisations a request is about, by its address; None = all of the visitor's, or a company's."""
    named = tuple(org for text in request.query_params.getlist("org") for org in text.split(",") if org)
    return None if ALL_ORGS in named or request.query_params.get("company") else named


def is_on_this_machine(request: Request) -> bool:
    """Whether the browser asks this machine for itself, where there is no TLS."""
    return request.url.scheme != "https" and is_loopback(host_name(request.headers.get("host", "")))


def origin(request: Request) -> str:
    """Where the API is for who asks, to be typed: the Host it came with, which the API's guard let in because it knows it.

    A proxy with TLS stands before it wherever it is not asked by this machine itself.
    """
    return f"http{'' if is_on_this_machine(request) else 's'}://{request.headers.get('host', '')}"


def keep(  # noqa: PLR0913 - each is something of a cookie
    response: Response,
    request: Request,
    name: str,
    value: str,
    life_s: int = LIFE_S,
    *,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Give the browser a cookie that no script reads and no other site sends; '' takes it away.

    `lax`: it also comes along where another site sends the browser here, as a provider does after signing in.
    """
    response.set_cookie(
        name,
        value,
        max_age=life_s if value else 0,
        path=ROOT,
        # Anywhere but on this machine a session must not travel in the open.
        secure=not is_on_this_machine(request),
        httponly=True,
        samesite=samesite,
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
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise BadBody("the form cannot be read") from None
    return dict(fields)
