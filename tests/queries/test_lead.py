"""What is counted from before a period: so many dates, or the week or month before its first whole one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from tests.queries.conftest import EDGES

from trailhouse.queries.lead import fault_in, lead_of
from trailhouse.queries.parameter import Parameter
from trailhouse.queries.periods import Period, between, start_of

PER = Parameter("per", "String", "week", "", ("week", "month"))
DAY = date(2025, 11, 5)


def dates(period: Period) -> set[date]:
    """Every local date with an instant in it, an hour at a time."""
    zone, found = ZoneInfo(period.timezone), set()
    for span in period.spans:
        for moment in (*range(span.since, span.until, 3_600_000), span.until - 1):
            found.add(datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).date())
    return found


@pytest.mark.parametrize(
    ("unit", "week_start", "first"),
    [
        ("week", 1, date(2025, 11, 3)),
        ("week", 3, date(2025, 11, 5)),
        ("week", 4, date(2025, 10, 30)),
        ("week", 7, date(2025, 11, 2)),
        ("month", 1, date(2025, 11, 1)),
    ],
)
def test_the_week_or_month_before_leads(unit: str, week_start: int, first: date) -> None:
    """All of the one before that in which the period begins, which counts whole (`start_of`)."""
    zone = ZoneInfo("Europe/Berlin")
    assert start_of(unit, DAY, week_start) == first
    lead = lead_of(between(zone, first, DAY), unit, week_start)
    eve = first - timedelta(days=1)
    before = eve.replace(day=1) if unit == "month" else first - timedelta(days=7)
    assert lead.spans == between(zone, before, eve).spans


@pytest.mark.parametrize("timezone", EDGES)
def test_dates_that_lead_existed_and_lie_before(timezone: str) -> None:
    """As many as asked for, whatever the clock did, and none of the period's."""
    random, zone = Random(timezone), ZoneInfo(timezone)
    for text in EDGES[timezone]:
        day = date.fromisoformat(text[:10]) + timedelta(days=random.randrange(20))
        middle = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(minutes=random.randrange(2000))
        for period in (
            between(zone, day - timedelta(days=1), day + timedelta(days=1)),
            between(zone, middle, middle + timedelta(minutes=random.randrange(1, 5000))),
        ):
            lead = lead_of(period, "29d", 1)
            assert len(dates(lead)) == 29
            assert max(dates(lead)) < period.first


def test_nothing_leads_1970() -> None:
    """A period that begins with time itself has nothing before it."""
    period = between(ZoneInfo("UTC"), date(1970, 1, 1), date(1970, 1, 20))
    assert lead_of(period, "29d", 1).spans == ()
    assert lead_of(period, "month", 1).spans == ()


@pytest.mark.parametrize(
    ("lead", "is_fine"),
    [("", True), ("29d", True), ("per", True), ("all", False), ("soon", False), ("limit", False)],
)
def test_a_header_names_a_length_or_a_parameter(lead: str, is_fine: bool) -> None:
    """Of which every choice must be a week or a month."""
    limit = Parameter("limit", "UInt32", 10, "", minimum=1, maximum=9)
    assert (fault_in(lead, {"per": PER, "limit": limit}) == "") is is_fine
