"""The page Pipeline health: how fresh the store is, whether the books balance, what lags, what was refused."""

from __future__ import annotations

import math
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.figure import exact
from trailhouse.queries.dashboard.freshness import Freshness
from trailhouse.queries.dashboard.page import Page, Panel, Section
from trailhouse.queries.dashboard.patience import within
from trailhouse.queries.dashboard.report_pages import build as build_panels
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.key import Scope
from trailhouse.queries.metrics import BALANCE_TIMESTAMP, CONFLICTS, UNACCOUNTED, ApiMetrics
from trailhouse.sinks.balance import read_positions

HEALTH: Final = Page(
    "pipeline",
    "Pipeline health",
    "Whether everything that was sent has arrived, and how soon.",
    (
        Section(
            "What arrived, and what did not",
            (
                Panel("rejected", "rejected_by_reason", last="30d", width="full"),
                Panel("books", "balance_by_hour", last="2d", width="full"),
                Panel("readers", "who_read_what", last="30d", width="full"),
            ),
        ),
    ),
)

PATIENCE_S: Final = 2.0


def routes(site: Site, metrics: ApiMetrics) -> APIRouter:
    """`pipeline`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)
    page = HEALTH.having(site.reports)

    @router.get("/pipeline")
    async def health(request: Request) -> Response:
        return await site.answer(
            request, "pipeline", Scope.REPORTS_READ, lambda visit: _build(site, metrics, page, visit)
        )

    return router


def _build(site: Site, metrics: ApiMetrics, page: Page, visit: Visit) -> Built | Response:
    made = build_panels(site, page, visit)
    if isinstance(made, Response):
        return made
    _, context = made

    def cards(fresh: Freshness) -> list[dict[str, Any]]:
        found = [_freshness(fresh)]
        # The books and the lag are the whole installation's.
        if visit.visitor.caller.is_operator:
            found += [*_books(metrics), _lag(site)]
        return found

    return "pipeline.html", context | {"cards": cards}


def _freshness(fresh: Freshness) -> dict[str, Any]:
    if not fresh.state:
        return _card(
            "Freshness", "nothing yet", "no event is stored; `trailhouse demo` shows how it looks", ""
        )
    return _card(
        "Freshness",
        fresh.since,
        f"stored through {fresh.at} {fresh.zone}",
        {"good": "good", "late": "warn", "old": "bad"}[fresh.state],
    )


def _books(metrics: ApiMetrics) -> list[dict[str, Any]]:
    read = metrics.registry.get_sample_value
    at = read(BALANCE_TIMESTAMP) or 0
    unaccounted, conflicts = read(UNACCOUNTED), read(CONFLICTS)
    if not at or unaccounted is None or conflicts is None or math.isnan(unaccounted):
        text = "closed every half minute by the API; not since it started"
        return [_card("Unaccounted", "\N{EN DASH}", text, "")]
    state = "good" if unaccounted == 0 else "bad"
    return [
        _card("Unaccounted", exact(unaccounted), "raw records that are nowhere; must be 0", state),
        _card("Conflicts", exact(conflicts), "ids that came with other contents", "good" if not conflicts else "warn"),
    ]  # fmt: skip


def _lag(site: Site) -> dict[str, Any]:
    try:
        marks, ends, epoch = within(
            PATIENCE_S, lambda: read_positions(site.settings.kafka, site.settings.sink_group)
        )
    except Exception as error:  # whatever Kafka raises when it is away
        return _card("In flight", "\N{EN DASH}", f"Kafka does not answer: {type(error).__name__}", "bad")
    behind = sum(
        max(0, end - 1 - (marks[number].hwm(epoch) if number in marks else start - 1))
        for number, (start, end) in ends.items()
    )
    return _card(
        "In flight",
        exact(behind),
        "records received and not stored yet",
        "good" if behind < 10_000 else "warn",
    )


def _card(title: str, value: str, text: str, state: str) -> dict[str, Any]:
    return {"title": title, "value": value, "text": text, "state": state}
