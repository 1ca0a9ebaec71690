"""Every report over a simulated company: its answer is kept as a file, and what security reports look for is there."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator

import pytest
from tests.queries import simulated
from tests.queries.simulated import GOLDEN, PLAN, REPORTS, answer, example, kept

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers.simulation import Incident, Kind, Simulation
from trailhouse.queries import render
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

SEEN_BY = {
    Kind.GUESSED_PASSWORD: ("failed_logins", "user"),
    Kind.MASS_DELETION: ("many_deletions", "user"),
    Kind.ESCALATED_PRIVILEGE: ("privilege_changes", "who"),
    Kind.ROTATED_KEY_USED: ("api_key_use_after_rotation", "user"),
    Kind.NIGHT_WORK: ("activity_outside_working_hours", "user"),
    Kind.SERVICE_ACCOUNT_IN_BROWSER: ("service_accounts_used_by_people", "account"),
}


@pytest.fixture(scope="module")
def client(clickhouse_server: LocalClickHouse) -> Iterator[Client]:
    """The simulation as the pipeline stores it, in a database of its own."""
    name = f"simulated_{uuid.uuid4().hex[:8]}"
    admin = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))
    admin.command(f"CREATE DATABASE {name}")
    client = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", name)))
    migrate(client)
    simulated.land(client)
    yield client
    client.close()
    admin.command(f"DROP DATABASE {name}")
    admin.close()


@pytest.mark.parametrize("name", REPORTS)
def test_answers_are_as_kept(client: Client, name: str) -> None:
    """The first rows and how many there are, as files and as the page of the docs shows them."""
    result = answer(client, name)
    assert kept(result) == (GOLDEN / f"{name}.csv").read_text("utf-8")
    assert example(result) == (GOLDEN / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("kind", SEEN_BY, ids=[kind.value for kind in SEEN_BY])
def test_each_incident_is_found(client: Client, kind: Kind) -> None:
    """Whoever an incident is about stands in the report that looks for such."""
    name, column = SEEN_BY[kind]
    limit = {"limit": "10000"} if any(each.name == "limit" for each in REPORTS[name].parameters) else {}
    rows = list(csv.DictReader(io.StringIO(render.csv(answer(client, name, **limit)))))
    found = {(row["org"], row[column]) for row in rows}
    incidents: list[Incident] = [each for each in Simulation(PLAN).incidents() if each.kind is kind]
    assert incidents
    assert {(each.org_id, each.user_id) for each in incidents} <= found
