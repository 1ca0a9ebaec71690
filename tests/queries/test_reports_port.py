"""Port's reports against plain Python over the same events, on the real engine (requirements §7)."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from tests.oracle import Window, identity, port
from tests.queries.port_world import EVERY, ORGS, ZONES, PortWorld, imagine, land, teams_of, windows

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.queries.reports import load
from trailhouse.sinks.clickhouse import connect
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

REPORTS = load()
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def world(clickhouse_server: LocalClickHouse) -> Iterator[PortWorld]:
    name = f"port_{uuid.uuid4().hex[:8]}"
    server = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))
    server.command(f"CREATE DATABASE {name}")
    client = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", name)))
    migrate(client)
    random = Random(20260228)
    events = imagine(random, 3000)
    land(client, random, events)
    yield PortWorld(client, tuple(events), teams_of(events))
    client.close()
    server.command(f"DROP DATABASE {name}")
    server.close()


def attribute(name: str) -> Callable[[Any], str]:
    return lambda event: str(event.get("attributes", {}).get(name, ""))


def field(name: str) -> Callable[[Any], str]:
    return lambda event: str(event.get(name, ""))


def expected(world: PortWorld, report: str, window: Window, orgs: tuple[str, ...], week_start: int) -> Rows:
    events = list(world.events)
    about = (events, orgs, window)
    match report:
        case "activated_users":
            return port.activated_users(*about, week_start)
        case "activated_users_by_month":
            return port.activated_users_by_month(*about, week_start)
        case "most_engaged_teams" | "least_engaged_teams":
            return port.team_logins(*about, world.teams, least=report.startswith("least"))
        case "inactive_users":
            return port.inactive_users(*about)
        case "latest_logins":
            return port.latest_logins(*about)
        case "popular_pages_of_admins" | "popular_pages_of_members":
            return port.popular_pages(*about, admins=report.endswith("admins"))
        case "entities_by_month" | "data_sources_by_month":
            return list(
                port.things_by_month(*about, "entity" if report.startswith("entit") else "data_source")
            )
        case "entities_by_blueprint":
            return list(port.entities_by_blueprint(*about))
        case "entities_by_source_and_blueprint":
            return port.entities_by_source(*about)
        case "data_sources":
            return port.data_sources(*about)
        case "actions_by_month":
            return port.by_month(*about, "action:run", each_org=True)
        case "automations_by_month":
            return port.by_month(*about, "automation:trigger", each_org=True)
        case "ai_by_month":
            return port.by_month(*about, "ai:", each_org=False)
        case "mcp_calls_by_month":
            return port.by_month(*about, "mcp:call", each_org=False)
        case "actions_via_api_and_automations":
            return list(port.triggers(*about))
        case "top_actions":
            ranked = port.counted(*about, "action:run", attribute("self_service_action"))[:6]
            return [(place, *row) for place, row in enumerate(ranked, start=1)]
        case "actions_by_role":
            users = port.counted(
                *about,
                "action:run",
                lambda event: (field("actor_role")(event), (event["org_id"], identity(event))),
            )
            return [
                (role, runs, len({who for (named, who), _ in users if named == role and who[1]}))
                for role, runs in port.counted(*about, "action:run", field("actor_role"))
            ]
        case "actions_by_team":
            return port.actions_by_team(*about, world.teams)
        case "actions_by_user":
            return [
                (*who, runs)
                for who, runs in port.counted(
                    *about, "action:run", lambda event: (identity(event), event["org_id"])
                )
            ]
        case "ai_by_source":
            return list(port.counted(*about, "ai:invoke", field("source")))
        case "ai_by_agent_type":
            return list(port.counted(*about, "ai:invoke", attribute("agent_type")))
        case "ai_by_source_and_org":
            return [
                (*key, asked)
                for key, asked in port.counted(
                    *about, "ai:invoke", lambda event: (field("source")(event), event["org_id"])
                )
            ]
        case "ai_by_user_and_type":
            return [
                (*key, asked)
                for key, asked in port.counted(
                    *about,
                    "ai:invoke",
                    lambda event: (identity(event), event["org_id"], attribute("agent_type")(event)),
                )
            ]
    raise AssertionError(report)


# Of each zone's periods, drawn anew for each report.
ASKED = 3
PORT = sorted(
    name
    for name, report in REPORTS.items()
    if any(each.startswith("P") for each in report.source) and name != "events_by_action"
)


@pytest.mark.parametrize("report", PORT)
def test_report_equals_brute_force(world: PortWorld, report: str) -> None:
    """Lateness, repeats, ties, hard zones, cut edges, several organisations and one without events: every figure exact."""
    random = Random(zlib.crc32(report.encode()))
    compared = 0
    for timezone in ZONES:
        found = windows(timezone, random)
        for window in random.sample(found, min(len(found), ASKED)):
            orgs = random.choice([EVERY, EVERY, ORGS[:1], ("void",)])
            week_start = random.choice([1, 1, 7, 6])
            rows = world.ask(REPORTS[report], window, orgs, week_start=week_start)
            want = expected(world, report, window, orgs, week_start)
            assert [plain(row) for row in rows] == [plain(row) for row in want], (orgs, window, week_start)
            compared += len(want)
    assert compared > 5


def plain(row: tuple[Any, ...]) -> tuple[str, ...]:
    """Values as texts: the driver's times are naive, in UTC."""
    return tuple(str(value).removesuffix("+00:00") for value in row)
