"""What every request passes: its id, the Host check, and the metrics of requests."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.queries.conftest import World
from tests.queries.recording import Recorded
from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA, WINDOW, problem, serving
from tests.stream.listening import listening

from trailhouse.queries import metrics
from trailhouse.queries.api_guard import sound_id
from trailhouse.queries.runner import record_reading
from trailhouse.queries.settings import ApiSettings


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


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_and_scrapers_come_by_address(api: httpx.Client, path: str) -> None:
    """As Kubernetes and Prometheus do, who know a pod by nothing else; a foreign name is refused there, too."""
    for host in ("10.1.2.3:8080", "[fd00::7]:8080", "10.1.2.3"):
        assert api.get(path, headers={"Host": host}).status_code != 421
    assert api.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]", "127.9.9.9"]
)
def test_this_machines_names_are_accepted(api: httpx.Client, host: str) -> None:
    """With and without port, IPv6 included."""
    assert api.get("/healthz", headers={"Host": host}).status_code == 200


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


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REPORT = "/api/v1/reports/active_users"


def test_a_request_is_found_by_one_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer's header, the problem, the line of the log and the event of the self-audit all have it."""

    def fail_afterwards(*given: Any) -> None:
        record_reading(*given)
        raise RuntimeError("a defect")

    monkeypatch.setattr("trailhouse.queries.api_reports.record_reading", fail_afterwards)
    recorded = Recorded()
    settings = ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)
    with serving(settings, recorded=recorded) as client, listening() as lines:
        client.get("/healthz", headers={"X-Request-Id": "r-0"})
        answer = client.get(REPORT, params=WINDOW, headers={"X-Request-Id": "r-1"})
    assert problem(answer, 500)["correlation_id"] == "r-1"
    assert answer.headers.get_list("x-request-id") == ["r-1"]
    (event,) = recorded.take()
    assert (event["action"], event["correlation_id"]) == ("analytics:read", "r-1")
    found = [line for line in lines if line["logger"] == "trailhouse.queries.api_problems"]
    assert [(line["correlation_id"], line["error"]["text"]) for line in found] == [("r-1", "a defect")]


@pytest.mark.parametrize("path", ["/healthz", "/nothing", REPORT, "/org/dashboard/activity"])
def test_every_answer_names_its_id(path: str) -> None:
    """The request's own, its trace's, or a new one; also of a refusal, and of a page."""
    with serving(ApiSettings(clickhouse=NO_CLICKHOUSE, kafka=NO_KAFKA)) as client:
        given = {"X-Request-Id": "r-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        answers = [
            client.get(path, params=WINDOW, headers=headers)
            for headers in (given, {"traceparent": given["traceparent"]}, {"Host": "evil.example"})
        ]
    own, traced, made = [answer.headers["x-request-id"] for answer in answers]
    assert (own, traced) == ("r-1", TRACE)
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert problem(answers[2], 421)["correlation_id"] == made


@pytest.mark.parametrize(
    "given", ["ann@example.org", "from 192.0.2.7", "192.0.2.7", "a b", "caf\xe9", "\x1b[31m", "x\x7f"]
)
def test_an_id_that_says_too_much_is_replaced(given: str) -> None:
    """Personal data must not get into a log by way of a header, nor what a terminal would obey."""
    assert re.fullmatch(r"[0-9a-f]{32}", sound_id(given))
    assert sound_id("req/8:F-1_=") == "req/8:F-1_="
