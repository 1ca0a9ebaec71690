"""The HTTP API against the real engine: reports, formats, problems, health, metrics."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.queries.conftest import World
from tests.queries.serving import serving

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.queries import metrics
from trailhouse.queries.reports import load
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.settings import ClickHouseSettings

NOBODY = ClickHouseSettings(dsn=Secret("http://reader@127.0.0.1:9/trailhouse"))
NO_KAFKA = KafkaSettings(bootstrap="127.0.0.1:9")
WINDOW = {"org": "acme", "since": "2010-01-01", "until": "2026-01-31"}


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[httpx.Client]:
    """The API over the shared history, for every organisation."""
    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)) as client:
        yield client


@pytest.fixture
def lost() -> Iterator[httpx.Client]:
    """An API whose ClickHouse and Kafka are away."""
    with serving(ApiSettings(clickhouse=NOBODY, kafka=NO_KAFKA)) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    body: dict[str, object] = answer.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    return body


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


@pytest.mark.parametrize("name", load())
def test_every_report_answers_in_every_format_alike(api: httpx.Client, name: str) -> None:
    """JSON, CSV and JSON lines hold the same rows."""
    path = f"/api/v1/reports/{name}"
    document = api.get(path, params=WINDOW).json()
    assert document["report"] == name
    assert [column["name"] for column in document["columns"]] == [
        column.name for column in load()[name].columns
    ]
    answer = api.get(path, params=WINDOW | {"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}_2010-01-01_2026-01-31.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [{key: str(value) for key, value in row.items()} for row in document["rows"]] == rows
    lines = api.get(path, params=WINDOW | {"format": "ndjson"}).text.splitlines()
    assert document["rows"] == [json.loads(line) for line in lines]


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
            assert (
                client.get(f"/api/v1/reports/{name}", params={"last": "all"}).json()["params"]["org"]
                == "beta"
            )
            refused = problem(client.get(f"/api/v1/reports/{name}", params=WINDOW), 403)
            assert refused["detail"] == "you may not read organisation 'acme'"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("org=acme&last=30", "last"),
        ("org=acme&timezone=Mars", "timezone"),
        ("org=acme&colour=red", "colour"),
        ("org=acme&org=beta", "org"),
        ("org=acme&format=xml", "format"),
        ("org=acme&limit=1", "limit"),
        ("last=30d", "org"),
        ("org=%27%20OR%201", "org"),
        ("org=acme&read_pii=1", "read_pii"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_a_clear_problem(api: httpx.Client, query: str, name: str) -> None:
    """Which one, with which value, and how a good one reads."""
    body = problem(api.get(f"/api/v1/reports/active_users?{query}"), 400)
    assert body["parameter"] == name
    assert str(body["detail"]).startswith(f"{name} is ")
    assert str(body["hint"]).startswith("wanted: ")


def test_unknown_things_are_problems_too(api: httpx.Client) -> None:
    """An unknown report gets the closest name; unknown paths and methods say so in the same form."""
    assert problem(api.get("/api/v1/reports/active_user"), 404)["hint"] == "did you mean active_users?"
    assert problem(api.get("/nothing"), 404)["detail"] == "GET /nothing: Not Found"
    assert problem(api.post("/api/v1/reports/active_users"), 405)["title"] == "Method Not Allowed"


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
    }


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8080",
        "10.0.0.1",
        "",
        "[fe80::1]",
        "0.0.0.0",
    ],
)
def test_a_foreign_host_header_is_refused(api: httpx.Client, host: str) -> None:
    """A web page whose name is rebound to this machine cannot read the API through the visitor's browser."""
    assert problem(api.get("/api/v1/reports", headers={"Host": host}), 421)["title"] == "Misdirected request"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]", "127.9.9.9"]
)
def test_this_machines_names_are_accepted(api: httpx.Client, host: str) -> None:
    """With and without port, IPv6 included."""
    assert api.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_it_refuses_to_listen_where_others_reach_it(host: str) -> None:
    """There are no keys yet, so an address beyond this machine is a mistake that stops the start."""
    with pytest.raises(SettingsError, match=r"TRAILHOUSE_API_HOST is .*the API has no keys yet"):
        ApiSettings.from_env({"TRAILHOUSE_API_HOST": host})
    assert ApiSettings.from_env({"TRAILHOUSE_API_HOST": "::1"}).host == "::1"


def test_alive_without_anything_ready_only_with_everything(lost: httpx.Client) -> None:
    """`/healthz` asks nobody; `/readyz` names what does not answer."""
    assert lost.get("/healthz").json() == {"status": "ok"}
    answer = lost.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "ClickHouse does not answer" in answer.json()["clickhouse"]
    assert answer.json()["kafka"].startswith(("no answer within 3 s", "no Kafka broker answers"))


def test_a_store_that_is_away_is_a_problem_to_retry(lost: httpx.Client) -> None:
    """503 with Retry-After, and no address or password in it."""
    answer = lost.get("/api/v1/reports/active_users", params=WINDOW)
    body = problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert body["detail"] == "ClickHouse does not answer"
    assert "reader" not in answer.text


def test_metrics_count_requests_by_route_with_bounded_labels(world: World) -> None:
    """Unknown paths share one label; no organisation or person is in any of them."""
    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)) as client:
        client.get("/api/v1/reports/active_users", params=WINDOW)
        client.get("/api/v1/reports/active_users", params={"org": "a b"})
        for path in ("/a", "/b", "/api/v1/reports/x", "/api/v1/reports/y"):
            client.get(path)
        client.get("/healthz", headers={"Host": "evil.example"})
        text = client.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counts = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in families[metrics.REQUESTS].samples
        if sample.name.endswith("_total")
    }
    assert counts == {
        ("/api/v1/reports/active_users", "200"): 1,
        ("/api/v1/reports/active_users", "400"): 1,
        ("/api/v1/reports/{name}", "404"): 2,
        ("none", "404"): 2,
        ("none", "421"): 1,
    }
    assert {sample.labels.get("report") for sample in families[metrics.REPORT_SECONDS].samples} == {
        "active_users"
    }
    assert "acme" not in text
    assert "trailhouse_unaccounted_events NaN" in text


def test_many_ask_at_once(api: httpx.Client) -> None:
    """Clients are lent to one thread at a time, so concurrent reports do not disturb each other."""
    from concurrent.futures import ThreadPoolExecutor

    path, window = "/api/v1/reports/weekly_active_users", WINDOW | {"since": "2025-01-01"}
    want = api.get(path, params=window).json()["rows"]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: api.get(path, params=window).json()["rows"], range(18)))
    assert all(rows == want for rows in answers)


def test_fastapi_stays_in_the_api_modules() -> None:
    """Reports, runner and rendering can be used without a web framework."""
    folder = Path(__file__).parents[2] / "queries" / "trailhouse" / "queries"
    users = {
        path.name
        for path in folder.rglob("*.py")
        if "fastapi" in path.read_text() or "starlette" in path.read_text()
    }
    assert users == {"api.py", "api_guard.py", "api_problems.py", "api_reports.py"}
