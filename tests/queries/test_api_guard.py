"""What every request passes: the Host check, and the metrics of requests."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.queries.conftest import World
from tests.queries.serving import NO_KAFKA, WINDOW, problem, serving

from trailhouse.queries import metrics
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
