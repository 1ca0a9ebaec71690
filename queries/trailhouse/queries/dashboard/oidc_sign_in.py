"""Signing in with an OpenID provider: to the provider, and back from it with a code."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries.api_problems import record_refusal
from trailhouse.queries.dashboard.address import ROOT, inside
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.person import person_of
from trailhouse.queries.dashboard.provider import Ask, Provider
from trailhouse.queries.dashboard.sign_in import form_page, record_session
from trailhouse.queries.dashboard.site import Site
from trailhouse.queries.dashboard.ticket import LIFE_S, Ticket, new_ticket, read_ticket
from trailhouse.queries.dashboard.visitor import (
    FORM_COOKIE,
    SESSION_COOKIE,
    is_on_this_machine,
    keep,
)
from trailhouse.queries.errors import QueryError, SignInFailed

TICKET_COOKIE: Final = "trailhouse_sign_in"
BACK: Final = f"{ROOT}sign-in/oidc/back"
#: Of the threads that answer requests, so many may wait for the provider.
AT_ONCE: Final = 4
CODE_LENGTH_MAX: Final = 2_048


def routes(site: Site) -> APIRouter:
    """`sign-in/oidc` and `sign-in/oidc/back`; none without a provider."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)
    provider = site.door.provider
    if provider is None:
        return router
    turn = asyncio.Semaphore(AT_ONCE)

    @router.get("/sign-in/oidc")
    async def leave(request: Request) -> Response:
        ticket = new_ticket(site.door.sessions, inside(request.query_params.get("next")))
        try:
            async with turn:
                to = await run_in_threadpool(provider.address, ticket.ask(site.door.sessions, _back(request)))
        except QueryError as error:
            return form_page(site, request, ticket.to, error)
        answer = redirect(to)
        text = ticket.to_text(site.door.sessions)
        # The provider sends the browser back from its own site: a strict cookie would stay away.
        keep(answer, request, TICKET_COOKIE, text, LIFE_S, samesite="lax")
        return answer

    @router.get("/sign-in/oidc/back")
    async def arrive(request: Request) -> Response:
        ticket = read_ticket(site.door.sessions, request.cookies.get(TICKET_COOKIE))
        to = ticket.to if ticket else ROOT
        try:
            code, ask = code_of(site, provider, request.query_params, ticket, _back(request))
            async with turn:
                claims = await run_in_threadpool(provider.claims, code, ask)
            visitor, cookie = site.door.admit(request, person_of(claims, provider.settings))
            await run_in_threadpool(record_session, site, visitor, "session:create")
        except QueryError as error:
            if error.refusal:
                record_refusal(request, error)
            answer = form_page(site, request, to, error)
            keep(answer, request, TICKET_COOKIE, "", samesite="lax")
            return answer
        # Asked for from here, not from the provider, the next page comes with the strict cookie.
        answer = site.frame.page(request, "again.html", {"here": to})
        keep(answer, request, SESSION_COOKIE, cookie, site.door.sessions.person_life_s)
        keep(answer, request, TICKET_COOKIE, "", samesite="lax")
        keep(answer, request, FORM_COOKIE, "")
        return answer

    return router


def code_of(
    site: Site, provider: Provider, params: Mapping[str, str], ticket: Ticket | None, back: str
) -> tuple[str, Ask]:
    """The code that came back with the state of this browser's own ticket, once; raises `SignInFailed`."""
    if ticket is None:
        raise SignInFailed(
            "state", "this sign-in did not begin in this browser, or more than ten minutes ago"
        )
    ask = ticket.ask(site.door.sessions, back)
    if not hmac.compare_digest(params.get("state", "").encode(), ask.state.encode()):
        raise SignInFailed("state", "this answer belongs to another sign-in")
    if not site.door.sessions.spend(ticket.seed):
        raise SignInFailed("code", "this answer was used before")
    if params.get("iss", provider.settings.issuer) != provider.settings.issuer:
        raise SignInFailed("issuer", "the answer is another provider's")
    code = params.get("code", "")
    if "error" in params or not 1 <= len(code) <= CODE_LENGTH_MAX:
        is_refused = params.get("error") == "access_denied"
        raise SignInFailed(
            "provider", "the provider refused" if is_refused else "the provider could not sign you in"
        )
    return code, ask


def _back(request: Request) -> str:
    scheme = "http" if is_on_this_machine(request) else "https"
    return f"{scheme}://{request.headers.get('host', '')}{BACK}"
