"""A visit: who, which organisation, which page; what each page does before its own work, and how it is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from trailhouse.queries.alerts.desk import Desk
from trailhouse.queries.api_problems import record_refusal
from trailhouse.queries.api_reports import single
from trailhouse.queries.dashboard.address import lasting, link
from trailhouse.queries.dashboard.chosen import NAMES, Chosen, choose, companies_of
from trailhouse.queries.dashboard.frame import Frame, redirect
from trailhouse.queries.dashboard.page import Page
from trailhouse.queries.dashboard.pages import PAGES
from trailhouse.queries.dashboard.visitor import ALL_ORGS, SESSION_COOKIE, Door, Visitor, origin
from trailhouse.queries.errors import (
    BadParameter,
    MissingScope,
    OrgNeeded,
    QueryError,
)
from trailhouse.queries.key import Scope
from trailhouse.queries.orgs import OrgSet
from trailhouse.queries.report import Report
from trailhouse.queries.self_audit import SelfAudit
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.shared_answers import SharedAnswers
from trailhouse.queries.store import ClickHouseStore, Pool

Built = tuple[str, dict[str, Any]]
TEXT_LENGTH_MAX: Final = 4_096
#: Pages of their own making: name, title, the right they need, before (True) or after those of reports.
_OWN: Final = (
    ("", "Users", Scope.AUDIT_READ, True),
    ("log", "Audit log", Scope.AUDIT_READ, False),
    ("pipeline", "Pipeline health", Scope.REPORTS_READ, False),
    ("settings", "Settings", Scope.REPORTS_READ, False),
    ("notifications", "Notifications", Scope.ADMIN, False),
)
#: Pages about one organisation, where several are chosen about one of these.
_ABOUT_ONE: Final = frozenset({"", "users.sql", "log", "log.sql", "settings", "notifications"})
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at a page: `params` are the query's, each once; `orgs` and `companies` those one may choose from."""

    visitor: Visitor
    page: str
    params: Mapping[str, str]
    chosen: Chosen
    orgs: tuple[str, ...]
    now: datetime
    companies: tuple[str, ...] = ()

    @property
    def org(self) -> str:
        """The organisation of a page that is about one."""
        return self.chosen.org

    @property
    def asked(self) -> dict[str, str]:
        """The parameters with the organisations named, whichever way they were found."""
        return {**self._others, **self.chosen.asked}

    @property
    def state(self) -> dict[str, str]:
        """The parameters as the address of this very page has them."""
        of = {"of": self.params["of"]} if self.params.get("of") else {}
        return {**self.chosen.place, **of, **self._others}

    @property
    def _others(self) -> dict[str, str]:
        return {name: value for name, value in self.params.items() if name not in NAMES}


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages need. `shared` lends clients for what many look at, `pool` those for what has to be of this moment.

    `writers` lends clients that may write settings; None = none is changed here.
    """

    settings: ApiSettings
    door: Door
    pool: Pool
    shared: SharedAnswers
    reports: Mapping[str, Report]
    audit: SelfAudit
    desk: Desk
    writers: Pool | None = None
    frame: Frame = field(default_factory=Frame)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def pages(self) -> tuple[Page, ...]:
        """The pages of reports that have something to show."""
        return tuple(page for each in PAGES if (page := each.having(self.reports)).sections)

    async def answer(
        self,
        request: Request,
        page: str,
        scope: Scope,
        build: Callable[[Visit], Built | Response],
        named: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        """Let the visitor in, find the organisation, and let `build` make the page in a thread; what is `named` goes before the query's.

        What `build` raises is told on a page of its own. A context with `look`, for the template to call, is sent part by part (`Frame.stream`).
        """
        visitor: Visitor | None = None
        if request.headers.get("sec-fetch-site") == "cross-site" and SESSION_COOKIE not in request.cookies:
            # A link in a mail comes without our cookies; asked for again from here it comes with them.
            return self.frame.page(request, "again.html", {"here": _here(request)})
        try:
            visitor = await self.door.visitor(request)
            if visitor is None or (visitor.key is None and not visitor.allows(scope)):
                return self._ask_to_sign_in(request)
            if not visitor.allows(scope):
                raise MissingScope(scope)
            made = await run_in_threadpool(self._visit, request, visitor, page, build, named)
        except OrgNeeded as error:
            assert visitor is not None  # nobody else is asked for one
            return self._choose(request, visitor, page, error)
        except QueryError as error:
            return self.refuse(request, error, visitor, page)
        if isinstance(made, Response):
            return made
        template, context = made
        status = context.get("http_status", HTTPStatus.OK)
        if "look" in context:
            return self.frame.stream(request, template, context, lambda error: _note(request, error), status)
        return self.frame.page(request, template, context, status)

    def zone(self, visit: Visit) -> str:
        """The name of the time zone of a page about one organisation: its address's, else the organisation's own, as of reports."""
        asked = visit.params.get("timezone")
        if asked:
            return asked
        with self.pool.client() as client:  # one row, read anew: what was just set counts at once
            said = tuple(ClickHouseStore(client).settings([visit.org]))
        return OrgSet((visit.org,), settings=said).timezone(None)[0]

    def refuse(
        self, request: Request, error: QueryError, visitor: Visitor | None = None, page: str = ""
    ) -> Response:
        """A page that says what happened and what to do, as the API's problem documents do."""
        _note(request, error)
        context = self.around(request, visitor, page) | {
            "error": error,
            "choices": (),
            "every": "",
            "wants_org": False,
        }
        answer = self.frame.page(request, "message.html", context, error.status)
        answer.headers.update({name: value for name, value in error.headers.items() if name == "Retry-After"})
        return answer

    def around(
        self, request: Request, visitor: Visitor | None, page: str, visit: Visit | None = None
    ) -> dict[str, Any]:
        """What stands around every page."""
        state = visit.state if visit else dict(request.query_params)
        given = lasting(state)
        nav = []
        if visitor is not None:
            reports = [(each.name, each.title, Scope.REPORTS_READ) for each in self.pages]
            before = [each[:3] for each in _OWN if each[3]]
            after = [each[:3] for each in _OWN if not each[3]]
            nav = [
                {"name": name, "title": title, "href": link(name, given), "is_here": name == page,
                 "needs_key": not visitor.allows(scope)}
                for name, title, scope in (*before, *reports, *after)
                if visitor.key is None or visitor.allows(scope)
            ]  # fmt: skip
        nonce = self.door.form_nonce(request)
        return {
            "page": page,
            "nav": nav,
            "visitor": visitor,
            "visit": visit,
            "given": given,
            "state": state,
            "others": {name: value for name, value in state.items() if name not in NAMES},
            "shows_one": _is_about_one(page),
            "token": self.door.sessions.token(nonce),
            "next": _here(request),
            "origin": origin(request),
        }

    def _visit(
        self,
        request: Request,
        visitor: Visitor,
        page: str,
        build: Callable[[Visit], Built | Response],
        named: Mapping[str, str],
    ) -> Built | Response:
        params = _params(request) | dict(named)
        with self.shared.client() as client:
            store = ClickHouseStore(client)
            orgs = _orgs(visitor, store)
            chosen = choose(params, visitor.caller, store)
            companies = companies_of(store.said(), orgs) if len(orgs) > 1 else []
        visit = Visit(visitor, page, params, chosen, orgs, self.now(), tuple(companies))
        made = build(visit)
        if isinstance(made, Response):
            return made
        template, context = made
        around = self.around(request, visitor, page, visit)
        assert not around.keys() & context.keys(), "a page hides what stands around every page"
        return template, around | context

    def _ask_to_sign_in(self, request: Request) -> Response:
        return redirect(link("sign-in", {"next": _here(request)}))

    def _choose(self, request: Request, visitor: Visitor, page: str, error: OrgNeeded) -> Response:
        params = {name: value for name, value in request.query_params.items() if name not in NAMES}
        context = self.around(request, visitor, page) | {
            "error": error,
            "choices": [(org, link(page, params, org=org)) for org in error.orgs or ()],
            "every": link(page, params, org=ALL_ORGS) if error.orgs and not _is_about_one(page) else "",
            "wants_org": error.orgs is None,
        }
        status = HTTPStatus.OK if error.orgs or error.orgs is None else HTTPStatus.NOT_FOUND
        return self.frame.page(request, "message.html", context, status)


def _is_about_one(page: str) -> bool:
    return page in _ABOUT_ONE or page.startswith("sheet/")


def _note(request: Request, error: QueryError) -> None:
    if error.refusal:
        record_refusal(request, error)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s: %s", request.url.path, error, exc_info=error.__cause__)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _orgs(visitor: Visitor, store: ClickHouseStore) -> tuple[str, ...]:
    """Organisations to choose from; who shows no key is told none."""
    if not visitor.caller.is_known:
        return ()
    return tuple(store.orgs() if visitor.orgs is None else sorted(visitor.orgs))


def _params(request: Request) -> dict[str, str]:
    for name, value in request.query_params.multi_items():
        if len(value) > TEXT_LENGTH_MAX or "\x00" in value:
            raise BadParameter(name, value, f"at most {TEXT_LENGTH_MAX} characters")
    return single(request, many=("org",))
