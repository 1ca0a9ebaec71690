"""Every report against a brute-force oracle in plain Python, in hard time zones, on the real engine."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from tests import oracle
from tests.oracle import Window
from tests.queries.conftest import EDGES, ORGS, World

from trailhouse.queries.caller import Caller
from trailhouse.queries.reports import load
from trailhouse.queries.runner import Result, run
from trailhouse.sinks.org_settings import WEEKDAYS

REPORTS = load()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OPERATOR = Caller.operator()
# Of each zone's periods, drawn anew for each report: together they ask for all.
WINDOWS = 16


def ask(world: World, report: str, window: Window, org: str = "acme", **params: str) -> Result:
    bounds = {
        "since": window.first or window.since,
        "until": window.last or window.until,
    }
    texts = {name: bound.isoformat() for name, bound in bounds.items() if bound is not None}
    return run(
        world.client,
        REPORTS[report],
        OPERATOR,
        {"org": org, "timezone": window.timezone, **texts, **params},
        now=NOW,
    )


def expected(
    world: World, report: str, window: Window, org: str, *, people_only: bool = True
) -> list[tuple[Any, ...]]:
    if report == "active_users":
        return [(oracle.active_users(world.events, org, window, people_only=people_only),)]
    if report == "users_active_over_time":
        return list(oracle.users_active_over_time(world.events, org, window, people_only=people_only))
    if report == "weekly_active_users":
        return list(oracle.weekly_active_users(world.events, org, window, people_only=people_only))
    if report == "most_active_users":
        return list(oracle.most_active_users(world.events, org, window, people_only=people_only))
    return list(oracle.events_by_action(world.events, org, window))


@pytest.mark.parametrize("week_start", range(1, 8))
def test_weeks_begin_on_any_day(world: World, week_start: int) -> None:
    """Over two new years and clock changes, each week by its first day."""
    timezone = "America/St_Johns"
    for since, until in ((date(2024, 12, 20), date(2025, 3, 20)), (date(2010, 10, 30), date(2011, 1, 9))):
        window = Window(timezone, since, until)
        result = ask(world, "weekly_active_users", window, week_start=WEEKDAYS[week_start - 1])
        want = oracle.weekly_active_users(world.events, "acme", window, week_start=week_start)
        assert want == list(result.rows)
        assert {row[0].isoweekday() for row in want} == {week_start}
        assert sum(count for _, count in want) > 3


def test_several_organisations_add_up(world: World) -> None:
    """A person of two organisations counts in each, and the third is not there."""
    window = Window("UTC", date(2010, 1, 1), date(2026, 1, 31))
    for name in ("acme,beta", "zeta,acme"):
        found = ask(world, "active_users", window, name).rows
        assert found == ((sum(oracle.active_users(world.events, org, window) for org in name.split(",")),),)


def windows(timezone: str) -> list[Window]:
    """Days and weeks around every edge of the zone, long stretches, and instants off the quarter-hour."""
    random = Random(zlib.crc32(timezone.encode()))
    found = [Window(timezone, date(2010, 1, 1), date(2026, 1, 31))]
    for text in EDGES[timezone]:
        day = date.fromisoformat(text[:10])
        found += [
            Window(timezone, day, day),
            Window(timezone, day - timedelta(days=1), day + timedelta(days=random.randrange(3))),
            Window(timezone, day - timedelta(days=random.randrange(1, 40)), day - timedelta(days=1)),
        ]
        middle = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(
            minutes=random.randrange(600), milliseconds=7
        )
        found.append(
            Window(timezone, since=middle, until=middle + timedelta(minutes=random.choice([4, 1500, 9000])))
        )
    return found


def edges_at_events(world: World, org: str, timezone: str) -> list[Window]:
    """Periods that begin with an event and end with one, which is no longer inside."""
    random = Random(zlib.crc32(f"{org} {timezone}".encode()))
    moments = sorted({oracle.when(event) for event in world.events if event["org_id"] == org})
    starts = random.sample(range(len(moments) - 40), 4)
    return [Window(timezone, since=moments[at], until=moments[at + random.randrange(1, 40)]) for at in starts]


@pytest.mark.parametrize("timezone", EDGES)
@pytest.mark.parametrize(
    "report",
    [
        "active_users",
        "events_by_action",
        "most_active_users",
        "users_active_over_time",
        "weekly_active_users",
    ],
)
def test_report_equals_brute_force(world: World, report: str, timezone: str) -> None:
    """Repeats, bots, quarter-hour edges, clock changes and skipped dates leave every figure exact."""
    random = Random(zlib.crc32(f"{report} {timezone}".encode()))
    compared = 0
    org = random.choice(ORGS)
    found = windows(timezone)
    for window in [*random.sample(found, min(len(found), WINDOWS)), *edges_at_events(world, org, timezone)]:
        people_only = report == "events_by_action" or random.random() < 0.7
        params = {} if people_only else {"actors": "all"}
        result = ask(world, report, window, org, **params)
        want = expected(world, report, window, org, people_only=people_only)
        assert want == list(result.rows), (report, org, window)
        compared += sum(bool(row[-1]) for row in want)
    assert compared > 5
