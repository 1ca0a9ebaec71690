"""The pages made of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT, lasting, link
from trailhouse.queries.dashboard.cells import behind_row
from trailhouse.queries.dashboard.chosen import NAMES
from trailhouse.queries.dashboard.comparison import CHOICES, OFF, PREVIOUS, words
from trailhouse.queries.dashboard.freshness import freshness_of
from trailhouse.queries.dashboard.page import MEMBERS, Page, period_words
from trailhouse.queries.dashboard.panel import TO, View, ask_panel
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.key import Scope
from trailhouse.queries.value import text_of

# Panels of one page that are asked at a time.
AT_ONCE: Final = 4


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


def build(site: Site, page: Page, visit: Visit) -> Built:
    """Ask every panel of a page, and record that it was read; a panel that fails is told in its place."""
    tabs, page = tabs_of(page, visit)
    params = page_params(page, visit.asked)

    def ask(panel: Any) -> View:
        with site.pool.client() as client:
            return ask_panel(
                client, panel, site.reports[panel.report], visit.visitor.caller, params, now=visit.now
            )

    with ThreadPoolExecutor(AT_ONCE, "panel") as workers:
        views = list(workers.map(ask, page.panels))
    _record(site, page, visit, views)
    by_key = {view.panel.key: view for view in views}
    return "panels.html", {
        "the_page": page,
        "tabs": tabs,
        "views": by_key,
        "picked": params.get("last", ""),
        "freshness": freshness_of(freshest(views), visit.now, zone_of(views)),
        "failed": [view for view in views if view.error],
        "comparison": comparison(page, views, visit),
        "here": link(page.name, visit.asked),
        "links": {view.panel.key: links(page, view, visit) for view in views},
        "members": page.name == MEMBERS.name and visit.visitor.allows(Scope.AUDIT_READ),
    }


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


def comparison(page: Page, views: Iterable[View], visit: Visit) -> list[tuple[str, str, bool]]:
    """What the page's figures may be compared with: words, address, whether it is so now; none where nothing could be."""
    views = tuple(views)
    has_cards = any(view.kind in {"number", "figures"} for view in views)
    if not has_cards and not any(view.drawing and len(view.drawing.series) == 1 for view in views):
        return []
    chosen = visit.params.get("compare") or (PREVIOUS if has_cards else OFF)
    names = {**{each: words(each) for each in CHOICES}, chosen: words(chosen)}
    return [
        (text, link(page.name, visit.asked, compare=each), each == chosen) for each, text in names.items()
    ]


def zone_of(views: Iterable[View]) -> str:
    """The zone of every date on the page; that of its answers, as all are asked with the same."""
    return next((view.result.question.period.timezone for view in views if view.result), "UTC")


def _behind(view: View) -> str:
    """Of a single figure, the page with its events; other panels' rows have one each."""
    if view.kind != "number" or view.result is None or not view.result.rows:
        return ""
    return behind_row(view.result, 0)


def freshest(views: Iterable[View]) -> Any:
    """Up to when everything is stored, as the panels found it."""
    return max(
        (view.result.landed_until for view in views if view.result and view.result.landed_until), default=None
    )


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


def _record(site: Site, page: Page, visit: Visit, views: Iterable[View]) -> None:
    told = [view for view in views if view.result is not None]
    unknown = {org for view in told if view.result for org in view.result.unknown_orgs}
    real = [
        org for org in visit.chosen.orgs if org in (visit.visitor.caller.orgs or ()) or org not in unknown
    ]
    for org in real or (None,):
        site.audit.record(
            "analytics:read",
            org,
            visit.visitor.who,
            details={
                "report": f"dashboard/{page.name}",
                "panels": " ".join(view.report.name for view in told),
                "asked_org": "" if real else visit.org,
                "format": "html",
                "rows": sum(len(view.result.rows) for view in told if view.result),
                "pii_shown": visit.visitor.caller.read_pii,
            },
        )
