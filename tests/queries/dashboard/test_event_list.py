"""The latest events first, page by page, against the event log's own order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from tests.house import ORG, House

from trailhouse.queries.audit_filter import Filter, filter_of
from trailhouse.queries.dashboard.event_list import Before, Listing, latest, one
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import between

TODAY = datetime.now(UTC).date()


def walk(company: House, wanted: Filter, days: int, limit: int, **more: Any) -> list[dict[str, Any]]:
    """Every page from the latest event on."""
    found: list[dict[str, Any]] = []
    before: Before | None = None
    while True:
        asked = Listing(
            org=ORG, wanted=wanted,
            period=between(ZoneInfo("UTC"), TODAY - timedelta(days=days), TODAY + timedelta(days=1)),
            before=before, limit=limit, read_pii=True, **more,
        )  # fmt: skip
        page = latest(company.database, asked)
        found += map(dict, page.events)
        if page.before is None:
            return found
        assert len(page.events) == limit
        before = Before.from_text(page.before.to_text())


def test_pages_hold_every_event_once_the_latest_first(company: House) -> None:
    """As many as the store has, in the order of time, whatever the pages' size."""
    first = TODAY - timedelta(days=12)
    ((count,),) = company.database.query(
        "SELECT uniqExact(event_id) FROM events WHERE org_id = {org:String} AND toDate(occurred_at) >= {first:Date}",
        parameters={"org": ORG, "first": str(first)},
    ).result_rows
    found = walk(company, Filter(), 12, 211)
    assert len(found) == count > 400
    assert len({each["event_id"] for each in found}) == count
    times = [each["occurred_at"] for each in found]
    assert times == sorted(times, reverse=True)


def test_filters_reach_far_back(company: House) -> None:
    """Days are read until enough is found; nothing that passes is missed."""
    wanted = filter_of({"action": "user:deactivate"}, read_pii=True)
    everything = [each for each in walk(company, Filter(), 60, 2_000) if each["action"] == "user:deactivate"]
    assert walk(company, wanted, 60, 3) == everything


def test_what_trailhouse_records_can_be_left_out(company: House) -> None:
    """Reading the log leaves traces in it, which hide the rest."""
    sources = {each.get("source") for each in walk(company, Filter(), 10, 500, has_own=False)}
    assert "web" in sources
    assert "trailhouse" not in sources


def test_one_event(company: House) -> None:
    """By its id; personal data for those who may see it."""
    event = next(each for each in walk(company, Filter(), 3, 500) if each.get("actor_email"))
    (shown,) = one(company.database, ORG, event["event_id"], read_pii=True)
    (masked,) = one(company.database, ORG, event["event_id"], read_pii=False)
    assert shown == event
    assert "actor_email" not in masked
    assert one(company.database, "beta", event["event_id"], read_pii=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "x.y",
        "1.00000000-0000-0000-0000-00000000000g",
        "-1.a",
        "1." + 36 * "-",
        f"{10**15 - 1}.{UUID(int=0)}",
    ],
)
def test_places_are_what_links_gave(text: str) -> None:
    """Nothing else."""
    with pytest.raises(BadParameter):
        Before.from_text(text)
