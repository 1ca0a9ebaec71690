"""The reports over HTTP: formats, parameters, rights, OpenAPI, many at once."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pyarrow.parquet
import pytest
from tests.producers.doubles import ScriptedTransport
from tests.queries.conftest import World
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, WINDOW, problem, serving

from trailhouse.producers import AuditProducer, BufferSettings
from trailhouse.queries.reports import load
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.queries.settings import ApiSettings
from trailhouse.queries.value import text_of

# What is about the form of an answer and not about its figures needs no sixteen years.
YEAR = WINDOW | {"since": "2025-01-01"}


def test_the_list_of_reports_is_their_headers(api: httpx.Client) -> None:
    """Title, question, parameters with what is allowed, columns with units."""
    listed = api.get("/api/v1/reports").json()["reports"]
    assert [each["name"] for each in listed] == list(load())
    (leaders,) = [each for each in listed if each["name"] == "most_active_users"]
    assert leaders["parameters"][1] == {
        "name": "limit",
        "text": "rows at most",
        "default": 10,
        "type": "integer",
        "minimum": 1,
        "maximum": 100000,
    }
    assert "sql" not in leaders


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize("name", load())
def test_every_report_answers_in_every_format_alike(api: httpx.Client, name: str) -> None:
    """JSON, CSV and JSON lines hold the same rows."""
    path = f"/api/v1/reports/{name}"
    document = api.get(path, params=YEAR).json()
    assert document["report"] == name
    assert [column["name"] for column in document["columns"]] == [
        column.name for column in load()[name].columns if not column.is_hidden
    ]
    bare = [
        {key: value for key, value in row.items() if key not in {"state", "explain"}}
        for row in document["rows"]
    ]
    answer = api.get(path, params=YEAR | {"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    days = "_".join(document["period"][edge] for edge in ("first_day", "last_day"))
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}_{days}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [{key: text_of(value) for key, value in row.items() if value is not None} for row in bare] == [
        {key: value for key, value in row.items() if value or bare[number][key] is not None}
        for number, row in enumerate(rows)
    ]
    lines = api.get(path, params=YEAR | {"format": "ndjson"}).text.splitlines()
    assert bare == [json.loads(line) for line in lines]
    answer = api.get(path, params=YEAR | {"format": "parquet"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert pyarrow.parquet.read_table(io.BytesIO(answer.content)).num_rows == len(rows)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv"),
        ("application/x-ndjson, text/csv;q=0.5", "application/x-ndjson"),
        ("text/csv;q=0, application/json", "application/json"),
    ],
)
def test_accept_chooses_the_format(api: httpx.Client, accept: str, media_type: str) -> None:
    """The first media type we have wins; `?format=` would win over it."""
    answer = api.get("/api/v1/reports/active_users", params=WINDOW, headers={"Accept": accept})
    assert media_type == answer.headers["content-type"].partition(";")[0]
    assert "Accept" in answer.headers["vary"]


def test_users_are_masked_unless_the_settings_say_otherwise(world: World, api: httpx.Client) -> None:
    """The API knows nobody yet, so it shows nobody's name by itself."""
    path = "/api/v1/reports/most_active_users"
    assert all(row["user"].startswith("u_") for row in api.get(path, params=WINDOW).json()["rows"])
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, read_pii=True)
    with serving(settings) as open_hearted:
        assert "ann" in {
            row["user"] for row in open_hearted.get(path, params=WINDOW | {"limit": "99"}).json()["rows"]
        }


def test_an_api_for_some_organisations_refuses_the_others(world: World) -> None:
    """Its settings decide whose data it serves, for every report; nothing of others shows in the refusal."""
    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, orgs="beta")) as client:
        for name in load():
            assert client.get(f"/api/v1/reports/{name}").json()["params"]["org"] == "beta"
            refused = problem(client.get(f"/api/v1/reports/{name}", params=WINDOW), 403)
            assert refused["detail"] == "you may not read organisation 'acme'"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("org=acme&last=30", "last"),
        ("org=acme&timezone=Mars", "timezone"),
        ("org=acme&last=7d&last=8d", "last"),
        ("org=acme&org=", "org"),
        ("org=acme&company=Inc", "company"),
        ("org=acme&week_start=1", "week_start"),
        ("org=acme&semantics=x", "semantics"),
        ("org=acme&format=xml", "format"),
        ("org=%27%20OR%201", "org"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_a_clear_problem(api: httpx.Client, query: str, name: str) -> None:
    """Which one, with which value, and how a good one reads."""
    body = problem(api.get(f"/api/v1/reports/active_users?{query}"), 400)
    assert body["parameter"] == name
    assert str(body["detail"]).startswith(f"{name} is ")
    assert str(body["hint"]).startswith("wanted: ")


@pytest.mark.parametrize("name", ["colour", "limit", "read_pii"])
def test_a_parameter_the_report_does_not_take_is_named(api: httpx.Client, name: str) -> None:
    """With those it takes."""
    body = problem(api.get(f"/api/v1/reports/active_users?org=acme&{name}=1"), 400)
    assert (body["parameter"], body["detail"]) == (name, f"active_users takes no parameter {name}")
    assert (
        body["hint"] == "it takes org, company, since, until, last, timezone, week_start, semantics, actors"
    )


def test_the_organisation_is_needed_where_there_are_several(api: httpx.Client) -> None:
    """Which there are is told to who brings a key, not to anybody who asks."""
    body = problem(api.get("/api/v1/reports/active_users?last=30d"), 400)
    assert body["parameter"] == "org"
    assert body["detail"] == "org is needed"
    assert "acme" not in str(body)


def test_zero_comes_with_a_note(api: httpx.Client) -> None:
    """A typo in the organisation is not answered with zeros alone; an answer that counts has none."""
    path = "/api/v1/reports/active_users"
    assert api.get(path, params=WINDOW).json()["note"] is None
    answer = api.get(path, params=WINDOW | {"org": "nosuch"}).json()
    assert [row["active_users"] for row in answer["rows"]] == [0]
    assert answer["note"] == "no event of organisation 'nosuch' is stored"


def test_openapi_describes_each_report(api: httpx.Client) -> None:
    """One path per report with its parameters, so that clients can be generated."""
    document = api.get("/openapi.json").json()
    assert {f"/api/v1/reports/{name}" for name in load()} <= set(document["paths"])
    operation = document["paths"]["/api/v1/reports/most_active_users"]["get"]
    limit = next(each for each in operation["parameters"] if each["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100000, "default": 10}
    assert operation["summary"] == "Most active users"
    assert set(operation["responses"]["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
    }
    explain = document["paths"]["/api/v1/reports/most_active_users/explain"]["get"]
    assert [each["name"] for each in explain["parameters"] if each["required"]] == ["row.ref"]


def test_a_row_opens_to_its_events(world: World) -> None:
    """By the link in JSON: masked and recorded as the report is, for each organisation, and for nobody else's."""
    recorded = Recorded()
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA, orgs="acme,beta")
    with serving(settings, recorded=recorded) as client:
        window = {**WINDOW, "org": ["acme", "beta"], "limit": "3"}
        (row, *_) = client.get("/api/v1/reports/most_active_users", params=window).json()["rows"]
        found = client.get(row["explain"]).json()
        assert (found["column"], found["figure"]) == ("active_days", row["active_days"])
        assert {each["user"] for each in found["rows"]} == {row["user"]}
        assert row["user"].startswith("u_")
        text = client.get(f"{row['explain']}&format=csv").text
        assert len(text.splitlines()) == len(found["rows"]) + 1
        problem(client.get(row["explain"].replace("acme", "zeta")), 403)
        body = problem(client.get("/api/v1/reports/most_active_users/explain", params=WINDOW), 400)
        assert body["parameter"] == "row.ref"
        problem(client.get(f"{row['explain']}&format=parquet"), 400)
    records = [each for each in recorded.take() if each["action"] != "access:denied"]
    assert [(each["action"], each["org_id"], each["attributes"].get("explained")) for each in records] == [
        ("analytics:read", "acme", None),
        ("analytics:read", "beta", None),
        ("analytics:read", "acme", 1),
        ("analytics:read", "beta", 1),
        ("export:create", "acme", 1),
        ("export:create", "beta", 1),
    ]


def test_many_ask_at_once(api: httpx.Client) -> None:
    """Clients are lent to one thread at a time, so concurrent reports do not disturb each other."""
    path, window = "/api/v1/reports/weekly_active_users", WINDOW | {"since": "2025-01-01"}
    want = api.get(path, params=window).json()["rows"]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: api.get(path, params=window).json()["rows"], range(18)))
    assert all(rows == want for rows in answers)


def test_what_is_read_is_recorded(world: World) -> None:
    """One event for each request that was answered with figures, in the organisation they are of; files are exports."""
    recorded = Recorded()
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)
    with serving(settings, recorded=recorded) as client:
        path = "/api/v1/reports/most_active_users"
        rows = client.get(path, params=WINDOW).json()["rows"]
        client.get(path, params=WINDOW | {"format": "csv"})
        client.get("/api/v1/reports/rejected_by_reason", params={"last": "7d"})
        client.get(path, params=WINDOW | {"limit": "none"})
        client.get("/api/v1/reports")
        client.get("/metrics")
        read, exported, installation = recorded.take()
    assert read["attributes"] == {
        "report": "most_active_users",
        "format": "json",
        "first_day": "2010-01-01",
        "last_day": "2026-01-31",
        "rows": len(rows),
        "pii_shown": False,
    }
    assert (read["action"], read["org_id"], read["actor_type"]) == ("analytics:read", "acme", "anonymous")
    assert read["actor_ip"] == "127.0.0.1"
    assert (exported["action"], exported["attributes"]["format"]) == ("export:create", "csv")
    assert installation["org_id"] == INSTALLATION


def test_what_cannot_be_recorded_is_not_read(world: World) -> None:
    """No figures without a record of who got them."""
    transport = ScriptedTransport(*["hang"] * 9)
    producer = AuditProducer(transport=transport, buffer=BufferSettings(events=1, max_block_ms=0))
    recorded = Recorded(producer)
    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA), recorded=recorded) as client:
        path = "/api/v1/reports/most_active_users"
        assert client.get(path, params=WINDOW).status_code == 200
        body = problem(client.get(path, params=WINDOW), 503)
        assert body["title"] == "It cannot be recorded"
        assert set(body) == {"type", "title", "status", "detail", "hint", "correlation_id"}
        recorded.audit.close(0)
