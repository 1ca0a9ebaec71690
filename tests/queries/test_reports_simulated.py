"""Every report over a simulated company: its answer is kept as a file, and what security reports look for is there."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from datetime import UTC

import pytest
from tests.databases import Databases
from tests.queries import simulated
from tests.queries.simulated import GOLDEN, PLAN, REPORTS, answer, example, kept

from trailhouse.producers.simulation import Incident, Kind, Simulation
from trailhouse.queries import render
from trailhouse.queries.counting import counted_by
from trailhouse.queries.explain import EVENTS, bound_row, names_of_row
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.trace import IN_FLIGHT, REJECTED, REPEAT, STORED, Way
from trailhouse.stream.letter import Place

SEEN_BY = {
    Kind.GUESSED_PASSWORD: ("failed_logins", "user"),
    Kind.MASS_DELETION: ("many_deletions", "user"),
    Kind.ESCALATED_PRIVILEGE: ("privilege_changes", "who"),
    Kind.ROTATED_KEY_USED: ("api_key_use_after_rotation", "user"),
    Kind.NIGHT_WORK: ("activity_outside_working_hours", "user"),
    Kind.SERVICE_ACCOUNT_IN_BROWSER: ("service_accounts_used_by_people", "account"),
}


@pytest.fixture(scope="module")
def client(databases: Databases) -> Iterator[Client]:
    """The simulation as the pipeline stores it, in a database of its own."""
    with databases.lend() as (_, client):
        simulated.land(client)
        yield client


@pytest.mark.parametrize("name", REPORTS)
def test_answers_are_as_kept(client: Client, name: str) -> None:
    """The first rows and how many there are, as files and as the page of the docs shows them."""
    result = answer(client, name)
    assert kept(result) == (GOLDEN / f"{name}.csv").read_text("utf-8")
    assert example(result) == (GOLDEN / f"{name}.txt").read_text("utf-8")


# Other events, too, decide who has a row: earlier ones of the same person, of the same address, of the same minutes.
ROWS_DEPEND = frozenset(
    {
        "activated_users",
        "first_seen_addresses",
        "inactive_users",
        "many_deletions",
        "retention_cohorts",
        "seats_unused",
    }
)
PERMISSIVE = {"limit": "100000", "known_for": "0"}


def listed(client: Client, name: str, day: str, events: list[str]) -> set[str]:
    """Which of these events of alder the explanations of the report's rows about the day list, all rows at once."""
    own = {each.name for each in REPORTS[name].parameters}
    asked = {key: text for key, text in PERMISSIVE.items() if key in own}
    if name == "failed_logins":
        asked["minimum"] = "1"
    result = answer(client, name, org="alder", since=day, until=day, timezone="UTC", **asked)
    bound, wheres = dict(result.question.bindings), ["0"]
    for number in range(len(result.rows)):
        values = result.values(number)
        row = bound_row({column.name: values[column.name] for column in names_of_row(result.report)})
        wheres.append("(" + result.report.explain.where.replace("{row_", f"{{row{number}_") + ")")
        bound |= {key.replace("row_", f"row{number}_", 1): value for key, value in row.items()}
    found = client.query(
        f"SELECT toString(event_id) FROM ({EVENTS}) AS found WHERE toString(event_id) IN {{ids:Array(String)}} AND ({' OR '.join(wheres)})",
        parameters=bound | {"ids": events},
    ).result_rows
    return {str(row[0]) for row in found}


def test_an_event_is_counted_by_the_reports_that_list_it(client: Client) -> None:
    """For an event of each action and outcome of a day: those of one of whose rows it is part, and no others."""
    day = "2026-03-30"
    sample = {
        str(event): Way("alder", STORED, (), "", Place("epoch-a", 0, int(offset)), at.replace(tzinfo=UTC))
        for event, offset, at in client.query(
            "SELECT (min((event_id, offset, occurred_at)) AS first).1, first.2, first.3 FROM events FINAL "
            "WHERE org_id = 'alder' AND toDate(occurred_at) = {day:Date} GROUP BY action, outcome",
            parameters={"day": day},
        ).result_rows
    }
    of_events = [name for name, report in REPORTS.items() if report.explain.source == "events"]
    lists = {name: listed(client, name, day, list(sample)) for name in of_events}
    for event, way in sample.items():
        counted = set(counted_by(client, REPORTS, way, event))
        want = {name for name, events in lists.items() if event in events}
        assert want <= counted, event
        assert counted - ROWS_DEPEND == (want - ROWS_DEPEND) | {"balance_by_hour"}, event
    assert len(sample) > 10


def test_a_copy_that_is_no_event_is_counted_where_records_are(client: Client) -> None:
    """A repeat has landed, a rejected record has its reason; what is in flight is nowhere yet. Our own reads are events."""
    ((offset,),) = client.query("SELECT max(offset) FROM rejected FINAL WHERE org_id = 'alder'").result_rows
    places = {REJECTED: Place("epoch-a", 0, int(offset)), REPEAT: Place("epoch-a", 0, 0), IN_FLIGHT: None}
    found = {
        became: counted_by(client, REPORTS, Way("alder", became, (), place=place), str(uuid.uuid4()))
        for became, place in places.items()
    }
    assert found == {
        REJECTED: ["balance_by_hour", "rejected_by_reason"],
        REPEAT: ["balance_by_hour"],
        IN_FLIGHT: [],
    }
    ((event, offset, at),) = client.query(
        "SELECT toString(event_id), offset, occurred_at FROM events FINAL WHERE org_id = 'birch' AND action = 'analytics:read'"
    ).result_rows
    read = Way("birch", STORED, (), "", Place("epoch-a", 0, int(offset)), at.replace(tzinfo=UTC))
    assert counted_by(client, REPORTS, read, event) == [
        "balance_by_hour",
        "events_by_action",
        "who_read_what",
    ]


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
