"""The pages made of reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT, lasting, link
from trailhouse.queries.dashboard.cells import behind_row
from trailhouse.queries.dashboard.chosen import NAMES
from trailhouse.queries.dashboard.comparison import CHOICES, OFF, PREVIOUS, words
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.freshness import Freshness, freshness_of
from trailhouse.queries.dashboard.page import MEMBERS, Page, Panel, period_words
from trailhouse.queries.dashboard.panel import CARDS, TO, View, ask_panel, asked_with, kind_of, may_compare
from trailhouse.queries.dashboard.people import people_of
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.dashboard.statistics_page import STATISTICS
from trailhouse.queries.errors import BadParameter, QueryError
from trailhouse.queries.key import Scope
from trailhouse.queries.report import Report
from trailhouse.queries.runner import prepare
from trailhouse.queries.store import ClickHouseStore
from trailhouse.queries.value import text_of
from trailhouse.sinks.clickhouse import Client

# Panels of one page that are asked at a time.
AT_ONCE: Final = 4
#: What the form of a period sends, beside which one it is.
_DAYS: Final = ("first", "last_day")


def routes(site: Site) -> APIRouter:
    """A route for each page."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)
    for page in site.pages:
        router.add_api_route(f"/{page.name}", _endpoint(site, page), methods=["GET"], name=page.name)
    return router


def _endpoint(site: Site, page: Page) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await site.answer(
            request, page.name, Scope.REPORTS_READ, lambda visit: build(site, page, visit)
        )

    return endpoint


def build(site: Site, page: Page, visit: Visit) -> Built | Response:
    """Ask every panel of a page at once; each is waited for where the page shows it, and one that fails is told in its place.

    That the page is read is recorded before any of it is. Raises `NotRecorded`.
    """
    if visit.params.get("period"):
        return _own_days(page, visit)
    tabs, page = tabs_of(page, visit)
    params = page_params(page, visit.asked)
    members = _members(site, page, visit)
    _record(site, page, visit)

    def ask(panel: Panel) -> View:
        with site.shared.client() as client:
            return ask_panel(
                client, panel, site.reports[panel.report], visit.visitor.caller, params, now=visit.now
            )

    workers = ThreadPoolExecutor(AT_ONCE, "panel")
    asked: dict[str, Future[View]] = {}

    def freshness() -> Freshness:
        # What stands around the panels is on its way: now they are asked, all of them, and none before it is known
        # until when everything is stored, or the page could say that it is fresher than they are.
        with site.shared.client() as client:
            landed = ClickHouseStore(client).landed_until()
            asked.update((panel.key, workers.submit(copy_context().run, ask, panel)) for panel in page.panels)
            zone = _zone(client, site.reports[page.panels[0].report], page.panels[0], visit, params)
        return freshness_of(landed, visit.now, zone)

    return "panels.html", {
        "the_page": page,
        "tabs": tabs,
        "view_of": lambda key: asked[key].result(),
        "links_of": lambda view: links(page, view, visit),
        "picked": params.get("last", ""),
        "picked_words": period_words(params.get("last", "")),
        "look": freshness,
        "comparison": comparison(page, site.reports, visit),
        "here": link(page.name, visit.asked),
        "search": page.name == STATISTICS.name
        and visit.visitor.allows(Scope.AUDIT_READ)
        and visit.visitor.caller.read_pii,
        "members": members,
        "many": page.name == MEMBERS.name and len(visit.chosen.orgs) > 1,
        "end": lambda: workers.shutdown(wait=False, cancel_futures=True),
    }


def _members(site: Site, page: Page, visit: Visit) -> Callable[[], dict[str, Any]] | None:
    """The list of everybody below the page's panels (WS1); None where it has none, or the visitor may not read it."""
    is_shown = page.name == MEMBERS.name and visit.visitor.allows(Scope.AUDIT_READ)
    if not is_shown or len(visit.chosen.orgs) != 1:
        return None
    return people_of(site, visit, page.name, more=("last", "compare"))


def _own_days(page: Page, visit: Visit) -> Response:
    """To the address with the two dates of a form, which every browser sends as two parameters, as one period."""
    key, days = visit.params["period"], []
    keys = ("last",) if page.picker else tuple(each.key for each in page.panels if not each.by)
    if key not in keys:
        raise BadParameter("period", key, "one of " + ", ".join(keys))
    for name in _DAYS:
        try:
            days.append(date.fromisoformat(visit.params.get(name, "")))
        except ValueError:
            raise BadParameter(name, visit.params.get(name, ""), "a date such as 2026-01-31") from None
    state = {name: text for name, text in visit.state.items() if name not in {"period", *_DAYS}}
    place = "" if page.picker else f"#{key}"
    return redirect(link(page.name, state, **{key: f"{min(days)}{TO}{max(days)}"}) + place)


def _zone(client: Client, report: Report, panel: Panel, visit: Visit, params: Mapping[str, str]) -> str:
    """The zone of every date on the page: that of its first answer, as all are asked with the same."""
    asked = asked_with(panel, report, params)
    try:
        return prepare(client, report, visit.visitor.caller, asked, now=visit.now).period.timezone
    except QueryError:  # the panels tell it
        return "UTC"


def tabs_of(page: Page, visit: Visit) -> tuple[list[tuple[str, str, bool]], Page]:
    """Of a page that shows one section at a time: each section's words, address and whether it is shown; and that one.

    Any other page has no tabs and is shown whole.
    """
    if not page.is_tabbed:
        return [], page
    wanted = visit.params.get("area") or page.sections[0].key
    shown = next((each for each in page.sections if each.key == wanted), None)
    if shown is None:
        raise BadParameter("area", wanted, "one of " + ", ".join(each.key for each in page.sections))
    kept = lasting(visit.state)
    tabs = [(each.title, link(page.name, kept, area=each.key), each is shown) for each in page.sections]
    return tabs, replace(page, sections=(replace(shown, title=""),))


def page_params(page: Page, asked: Mapping[str, str]) -> dict[str, str]:
    """What the panels are asked with: one period for all where the page has one, else each panel's own."""
    params = {name: value for name, value in asked.items() if value and name != "last"}
    if page.picker:
        for panel in page.panels:
            params.pop(panel.key, None)
        params["last"] = asked.get("last") or page.last
    return params


def links(page: Page, view: View, visit: Visit) -> dict[str, Any]:
    """Where a panel's menu leads: its file, its SQL, the events behind it, itself."""
    asked = {**{name: text for name, text in view.asked.items() if name not in NAMES}, **visit.chosen.place}
    period = view.result.question.period if view.result else None
    behind = {
        **visit.chosen.place,
        "timezone": visit.params.get("timezone"),
        "since": text_of(period.since) if period else None,
        "until": text_of(period.until) if period else None,
    }
    state = visit.state
    choices = [] if page.picker else _choices(page, view, state)
    files = {form: link(f"export/{view.report.name}.{form}", asked) for form in ("csv", "json")}
    own = {name: value for name, value in asked.items() if name != "compare"}
    return {
        **files,
        "svg": link(f"export/{view.report.name}.svg", asked) if view.has_picture else "",
        "api": link("", own).replace(ROOT, f"/api/v1/reports/{view.report.name}"),
        "sql": link(f"sql/{view.report.name}", asked),
        "events": _behind(view) or (link("log", behind) if visit.visitor.allows(Scope.AUDIT_READ) else ""),
        "self": link(page.name, state) + f"#{view.panel.key}",
        "periods": choices,
        # A stretch of the chart that is drawn over with the pointer becomes the period; this puts it back.
        "zoom": link(page.name, {**state, (_param(page, view)): "FIRST..LAST"}) + f"#{view.panel.key}"
        if view.kind == "chart" and not view.panel.by and (choices or page.picker)
        else "",
        "unzoom": link(page.name, {**state, _param(page, view): None}) + f"#{view.panel.key}"
        if TO in view.chosen
        else "",
    }


def _param(page: Page, view: View) -> str:
    return "last" if page.picker else view.panel.key


def comparison(page: Page, reports: Mapping[str, Report], visit: Visit) -> list[tuple[str, str, bool]]:
    """What the page's figures may be compared with: words, address, whether it is so now; none where nothing could be."""
    shown = [reports[panel.report] for panel in page.panels]
    has_cards = any(kind_of(report) in CARDS for report in shown)
    if not any(may_compare(report, is_one_org=len(visit.chosen.orgs) == 1) for report in shown):
        return []
    chosen = visit.params.get("compare") or (PREVIOUS if has_cards else OFF)
    names = {**{each: words(each) for each in CHOICES}, chosen: words(chosen)}
    return [
        (text, link(page.name, visit.asked, compare=each), each == chosen) for each, text in names.items()
    ]


def _behind(view: View) -> str:
    """Of a single figure, the page with its events; other panels' rows have one each."""
    if view.kind != "number" or view.result is None or not view.result.rows:
        return ""
    return behind_row(view.result, 0)


def _choices(page: Page, view: View, state: Mapping[str, str]) -> list[tuple[str, str, bool, str]]:
    """The panel's own periods: words, address, whether it is the one shown, its name in the address."""
    chosen = view.chosen
    named = dict(view.panel.periods)
    if not named:
        return []
    named.setdefault(chosen, period_words(chosen))
    return [
        (
            words,
            link(page.name, {**state, view.panel.key: period}) + f"#{view.panel.key}",
            period == chosen,
            period,
        )
        for period, words in named.items()
    ]


def _record(site: Site, page: Page, visit: Visit) -> None:
    known = {*visit.orgs, *(visit.visitor.caller.orgs or ())}
    real = [org for org in visit.chosen.orgs if org in known]
    for org in real or (None,):
        site.audit.record(
            "analytics:read",
            org,
            visit.visitor.who,
            details={
                "report": f"dashboard/{page.name}",
                "panels": " ".join(panel.report for panel in page.panels),
                "asked_org": "" if real else visit.org,
                "format": "html",
                "pii_shown": visit.visitor.caller.read_pii,
            },
        )
