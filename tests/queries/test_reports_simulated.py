"""Every report over a simulated company: its answer is kept as a file, and what security reports look for is there."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.sinks.lines import enriched

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers.simulation import Incident, Kind, Plan, Simulation
from trailhouse.queries import render
from trailhouse.queries.caller import Caller
from trailhouse.queries.report import load
from trailhouse.queries.runner import run
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

PLAN = Plan(until=date(2026, 3, 31), orgs=2, people=36, days=100)
NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden/simulated"
# About the way records took; those of a simulation took none.
APART = frozenset({"balance_by_hour", "rejected_by_reason", "who_read_what"})
REPORTS = {name: report for name, report in load().items() if name not in APART}
LINES_KEPT = 40
SEEN_BY = {
    Kind.GUESSED_PASSWORD: ("failed_logins", "user"),
    Kind.MASS_DELETION: ("many_deletions", "user"),
    Kind.ESCALATED_PRIVILEGE: ("privilege_changes", "who"),
    Kind.ROTATED_KEY_USED: ("api_key_use_after_rotation", "user"),
    Kind.NIGHT_WORK: ("activity_outside_working_hours", "user"),
    Kind.SERVICE_ACCOUNT_IN_BROWSER: ("service_accounts_used_by_people", "account"),
}


@pytest.fixture(scope="module")
def simulated(clickhouse_server: LocalClickHouse) -> Iterator[Client]:
    """The simulation as the pipeline stores it, in a database of its own."""
    name = f"simulated_{uuid.uuid4().hex[:8]}"
    admin = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))
    admin.command(f"CREATE DATABASE {name}")
    client = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", name)))
    migrate(client)
    events = list(Simulation(PLAN).arrived())
    for start in range(0, len(events), 10_000):
        insert_lines(client, "landing", enriched(events[start : start + 10_000], start=start, received=NOW))
    yield client
    client.close()
    admin.command(f"DROP DATABASE {name}")
    admin.close()


def asked(client: Client, name: str, **more: str) -> str:
    """The report as CSV: all organisations, the ninety days up to the last one, in a zone that changes its clocks."""
    params = {
        "org": ",".join(PLAN.sizes()),
        "since": "2026-01-01",
        "until": PLAN.until.isoformat(),
        "timezone": "Europe/Berlin",
        **more,
    }
    return render.csv(run(client, REPORTS[name], Caller.operator(), params, now=NOW)).replace("\r\n", "\n")


@pytest.mark.parametrize("name", REPORTS)
def test_answers_are_as_kept(simulated: Client, name: str) -> None:
    """The first rows, and how many there are."""
    lines = asked(simulated, name).splitlines(keepends=True)
    kept = "".join(lines[: LINES_KEPT + 1]) + f"# {len(lines) - 1} rows\n"
    assert kept == (GOLDEN / f"{name}.csv").read_text("utf-8")


@pytest.mark.parametrize("kind", SEEN_BY, ids=[kind.value for kind in SEEN_BY])
def test_each_incident_is_found(simulated: Client, kind: Kind) -> None:
    """Whoever an incident is about stands in the report that looks for such."""
    name, column = SEEN_BY[kind]
    limit = {"limit": "10000"} if any(each.name == "limit" for each in REPORTS[name].parameters) else {}
    rows = list(csv.DictReader(io.StringIO(asked(simulated, name, **limit))))
    found = {(row["org"], row[column]) for row in rows}
    incidents: list[Incident] = [each for each in Simulation(PLAN).incidents() if each.kind is kind]
    assert incidents
    assert {(each.org_id, each.user_id) for each in incidents} <= found
