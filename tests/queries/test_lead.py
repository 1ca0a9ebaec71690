"""What is counted from before a period: so many dates, or the week or month before its first whole one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from tests.queries.conftest import EDGES

from trailhouse.queries.lead import fault_in, lead_of, widened
from trailhouse.queries.parameter import Parameter
from trailhouse.queries.periods import Period, between

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
def test_a_period_begins_with_a_whole_week_or_month(unit: str, week_start: int, first: date) -> None:
    """From the first day of the one it began in; the one before it leads."""
    found = widened(between(ZoneInfo("Europe/Berlin"), DAY, DAY), unit, week_start)
    assert (found.first, found.last) == (first, DAY)
    assert found.spans == between(ZoneInfo("Europe/Berlin"), first, DAY).spans
    lead = lead_of(found, unit, week_start)
    eve = first - timedelta(days=1)
    assert (
        lead.spans
        == between(
            ZoneInfo("Europe/Berlin"),
            eve.replace(day=1) if unit == "month" else first - timedelta(days=7),
            eve,
        ).spans
    )


@pytest.mark.parametrize("timezone", EDGES)
def test_widening_adds_dates_and_changes_none(timezone: str) -> None:
    """Whatever the clock did: the spans stay in order without touching twice, and the end stays where it was."""
    random, zone = Random(timezone), ZoneInfo(timezone)
    for text in EDGES[timezone]:
        day = date.fromisoformat(text[:10])
        middle = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(minutes=random.randrange(2000))
        for period in (
            between(zone, day - timedelta(days=1), day + timedelta(days=1)),
            between(zone, middle, middle + timedelta(minutes=random.randrange(1, 5000))),
        ):
            found = widened(period, random.choice(["week", "month"]), random.randint(1, 7))
            assert found.until == period.until
            assert dates(found) >= dates(period)
            assert min(dates(found)) == min(found.first, *dates(period))
            for before, after in pairwise(found.spans):
                assert before.until <= after.since
                assert (before.until, before.offset_s) != (after.since, after.offset_s)
            lead = lead_of(found, "29d", 1)
            assert len(dates(lead)) == 29
            assert max(dates(lead)) < found.first


def test_nothing_leads_1970() -> None:
    """A period that begins with time itself has nothing before it."""
    period = between(ZoneInfo("UTC"), date(1970, 1, 1), date(1970, 1, 20))
    assert lead_of(period, "29d", 1).spans == ()
    assert widened(period, "week", 1) == period
    assert lead_of(widened(period, "month", 1), "month", 1).spans == ()


@pytest.mark.parametrize(
    ("lead", "is_fine"),
    [("", True), ("29d", True), ("per", True), ("all", False), ("soon", False), ("limit", False)],
)
def test_a_header_names_a_length_or_a_parameter(lead: str, is_fine: bool) -> None:
    """Of which every choice must be a week or a month."""
    limit = Parameter("limit", "UInt32", 10, "", minimum=1, maximum=9)
    assert (fault_in(lead, {"per": PER, "limit": limit}) == "") is is_fine
