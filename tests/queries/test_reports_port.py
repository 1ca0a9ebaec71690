"""Port's reports against plain Python over the same events, on the real engine (requirements §7)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import pytest
from tests.databases import Databases
from tests.oracle import Window, identity, port
from tests.queries.port_world import EVERY, ORGS, ZONES, PortWorld, imagine, land, teams_of, windows

from trailhouse.queries.caller import Caller
from trailhouse.queries.explain import explain
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run

REPORTS = load()
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def world(databases: Databases) -> Iterator[PortWorld]:
    random = Random(20260228)
    events = imagine(random, 2200)
    with databases.lend() as (_, client):
        land(client, random, events)
        yield PortWorld(client, tuple(events), teams_of(events))


def attribute(name: str) -> Callable[[Any], str]:
    return lambda event: str(event.get("attributes", {}).get(name, ""))


def field(name: str) -> Callable[[Any], str]:
    return lambda event: str(event.get(name, ""))


@dataclass(frozen=True)
class About:
    """What is asked: `port`'s arguments."""

    world: PortWorld
    window: Window
    orgs: tuple[str, ...]
    week_start: int

    @property
    def all(self) -> tuple[list[dict[str, Any]], tuple[str, ...], Window]:
        return list(self.world.events), self.orgs, self.window


def users_by_role(about: About) -> Rows:
    def key(event: Any) -> tuple[str, str, str]:
        return (field("actor_role")(event), event["org_id"], identity(event))

    users = [who for who, _ in port.counted(*about.all, "action:run", key)]
    return [
        (role, runs, sum(who[0] == role and who[2] != "" for who in users))
        for role, runs in port.counted(*about.all, "action:run", field("actor_role"))
    ]


def top_actions(about: About) -> Rows:
    ranked = port.counted(*about.all, "action:run", attribute("self_service_action"))[:6]
    return [(place, *row) for place, row in enumerate(ranked, start=1)]


def counted(action: str, key: Callable[[Any], Any]) -> Callable[[About], Rows]:
    """How often, by what `key` makes of an event: a value, or a tuple of values."""

    def rows(about: About) -> Rows:
        found = port.counted(*about.all, action, key)
        return [(*(value if isinstance(value, tuple) else (value,)), times) for value, times in found]

    return rows


def monthly(action: str, *, each_org: bool) -> Callable[[About], Rows]:
    return lambda about: port.by_month(*about.all, action, each_org=each_org)


def who_where(event: Any) -> tuple[str, str]:
    return (identity(event), event["org_id"])


EXPECTED: Final[Mapping[str, Callable[[About], Rows]]] = {
    "activated_users": lambda about: port.activated_users(*about.all, about.week_start),
    "activated_users_by_month": lambda about: port.activated_users_by_month(*about.all, about.week_start),
    "most_engaged_teams": lambda about: port.team_logins(*about.all, about.world.teams, least=False),
    "least_engaged_teams": lambda about: port.team_logins(*about.all, about.world.teams, least=True),
    "inactive_users": lambda about: port.inactive_users(*about.all),
    "latest_logins": lambda about: port.latest_logins(*about.all),
    "popular_pages_of_admins": lambda about: port.popular_pages(*about.all, admins=True),
    "popular_pages_of_members": lambda about: port.popular_pages(*about.all, admins=False),
    "entities_by_month": lambda about: [*port.things_by_month(*about.all, "entity")],
    "entities_by_blueprint": lambda about: [*port.entities_by_blueprint(*about.all)],
    "entities_by_source_and_blueprint": lambda about: port.entities_by_source(*about.all),
    "data_sources_by_month": lambda about: [*port.things_by_month(*about.all, "data_source")],
    "data_sources": lambda about: port.data_sources(*about.all),
    "actions_by_month": monthly("action:run", each_org=True),
    "automations_by_month": monthly("automation:trigger", each_org=True),
    "ai_by_month": monthly("ai:", each_org=False),
    "mcp_calls_by_month": monthly("mcp:call", each_org=False),
    "actions_via_api_and_automations": lambda about: [*port.triggers(*about.all)],
    "top_actions": top_actions,
    "actions_by_user": counted("action:run", who_where),
    "actions_by_role": users_by_role,
    "actions_by_team": lambda about: port.actions_by_team(*about.all, about.world.teams),
    "ai_by_source": counted("ai:invoke", field("source")),
    "ai_by_agent_type": counted("ai:invoke", attribute("agent_type")),
    "ai_by_source_and_org": counted("ai:invoke", lambda event: (field("source")(event), event["org_id"])),
    "ai_by_user_and_type": counted(
        "ai:invoke", lambda event: (*who_where(event), attribute("agent_type")(event))
    ),
}
# How many of each zone's periods, drawn anew for each report; more of those that depend on history.
ASKED: Final = {
    "activated_users": 3,
    "most_engaged_teams": 2,
    "entities_by_source_and_blueprint": 3,
    "data_sources": 2,
}


@pytest.mark.parametrize("report", EXPECTED)
def test_report_equals_brute_force(world: PortWorld, report: str) -> None:
    """Lateness, repeats, ties, hard zones, cut edges, several organisations and one without events: every figure exact."""
    random = Random(zlib.crc32(report.encode()))
    compared = 0
    for timezone in ZONES:
        found = windows(timezone, random, is_whole=REPORTS[report].is_whole_month)
        for window in random.sample(found, ASKED.get(report, 1)):
            orgs = random.choice([EVERY, EVERY, ORGS[:1], ("void",)])
            week_start = random.choice([1, 1, 7, 6])
            rows = world.ask(REPORTS[report], window, orgs, week_start=week_start)
            want = EXPECTED[report](About(world, window, orgs, week_start))
            assert [plain(row) for row in rows] == [plain(row) for row in want], (orgs, window, week_start)
            compared += len(want)
    assert compared > 2


def plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    """Values as texts: the driver's times are naive, in UTC."""
    return tuple(str(value).removesuffix("+00:00") for value in row)


@pytest.mark.parametrize("report", EXPECTED)
def test_a_row_opens_to_its_events(world: PortWorld, report: str) -> None:
    """Through the runner, for two organisations at once: as many events as the row counts, none without a row."""
    now = datetime(2026, 1, 9, 12, tzinfo=UTC)
    params = {"org": "north,south", "timezone": "America/Santiago", "semantics": "port"}
    result = run(world.client, REPORTS[report], Caller.operator(), params, now=now)
    assert result.rows
    values = result.values(len(result.rows) * 2 // 3)
    explanation = explain(world.client, result.question, values, asked_at=now)
    column = REPORTS[report].explain.column
    assert not column or explanation.figure == values[column]
