"""Signing in with an API key, and out again."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries.api_problems import record_refusal
from trailhouse.queries.dashboard.address import ROOT, inside, link
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.site import Site
from trailhouse.queries.dashboard.visitor import (
    FORM_COOKIE,
    SESSION_COOKIE,
    Visitor,
    keep,
    read_form,
)
from trailhouse.queries.errors import BadBody, QueryError
from trailhouse.queries.self_audit import homes_of

FORM_LIFE_S = 3_600


def routes(site: Site) -> APIRouter:
    """`sign-in` and `sign-out`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/sign-in")
    async def ask(request: Request) -> Response:
        return form_page(site, request, inside(request.query_params.get("next")))

    @router.post("/sign-in")
    async def enter(request: Request) -> Response:
        to = ROOT
        try:
            form = await read_form(request)
            to = inside(form.get("next"))
            if not site.door.is_own_form(request, form):
                raise BadBody("this form is too old, or the browser keeps no cookies", "send it once more")
            visitor, cookie = await site.door.enter(request, form.get("key", ""))
            await run_in_threadpool(record_session, site, visitor, "session:create")
        except QueryError as error:
            if error.refusal:
                record_refusal(request, error)
            return form_page(site, request, to, error)
        answer = redirect(to)
        keep(answer, request, SESSION_COOKIE, cookie)
        keep(answer, request, FORM_COOKIE, "")
        return answer

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        try:
            form = await read_form(request)
            if not site.door.is_own_form(request, form):
                raise BadBody("this form is too old", "go back and send it once more")
            visitor = await site.door.visitor(request)
            if visitor is not None and visitor.session is not None:
                await run_in_threadpool(site.door.book.end, visitor.session)
                await run_in_threadpool(record_session, site, visitor, "session:delete")
        except QueryError as error:
            return site.refuse(request, error)
        answer = redirect(link("sign-in", {}))
        keep(answer, request, SESSION_COOKIE, "")
        return answer

    return router


def form_page(site: Site, request: Request, to: str, error: QueryError | None = None) -> Response:
    """The page to sign in on, with what was wrong; whoever signs in there goes on at `to`."""
    provider = site.door.provider
    nonce = site.door.form_nonce(request)
    context = {
        "to": to,
        "error": error,
        "token": site.door.sessions.token(nonce),
        "is_open": site.door.is_open,
        "provider": provider.settings.name if provider else "",
        "oidc": link("sign-in/oidc", {"next": to if to != ROOT else None}),
        "look": link(site.pages[0].name, {}) if site.pages else ROOT,
    }
    answer = site.frame.page(
        request, "sign_in.html", context, error.status if error is not None else HTTPStatus.OK
    )
    if error is not None:
        answer.headers.update({name: value for name, value in error.headers.items() if name == "Retry-After"})
    if request.cookies.get(SESSION_COOKIE) is None or not site.door.sessions.read(
        request.cookies.get(SESSION_COOKIE)
    ):
        keep(answer, request, FORM_COOKIE, nonce, FORM_LIFE_S)
    return answer


def record_session(site: Site, visitor: Visitor, action: str) -> None:
    """In the log of each organisation of the key or person; raises `NotRecorded`: then nobody is let in."""
    details = {"sign_in": "oidc" if visitor.is_person else "key"}
    for org in homes_of(visitor.orgs) or (None,):
        site.audit.record(action, org, visitor.who, details=details)
