"""The HTTP API as a whole: where it listens, health, and what may know the web framework."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.queries.conftest import World
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.producers.errors import SettingsError
from trailhouse.queries.settings import ApiSettings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_it_refuses_to_listen_where_others_reach_it(host: str) -> None:
    """While reports are served without keys, an address beyond this machine is a mistake that stops the start."""
    with pytest.raises(SettingsError, match=r"TRAILHOUSE_API_HOST is .*TRAILHOUSE_API_ANONYMOUS=false"):
        ApiSettings.from_env({"TRAILHOUSE_API_HOST": host})
    assert ApiSettings.from_env({"TRAILHOUSE_API_HOST": "::1"}).host == "::1"
    closed = ApiSettings.from_env({"TRAILHOUSE_API_HOST": host, "TRAILHOUSE_API_ANONYMOUS": "false"})
    assert closed.host == host


def test_closed_it_serves_nothing_without_a_key_and_answers_to_its_names(world: World) -> None:
    """`TRAILHOUSE_API_ANONYMOUS=false`: 401 for every report; the Host guard knows the names it was given."""
    settings = ApiSettings(
        clickhouse=world.settings, kafka=NO_KAFKA, anonymous=False, names="Audit.example, x.example"
    )
    with serving(settings) as client:
        for path in (
            "/api/v1/reports",
            "/api/v1/reports/active_users",
            "/api/v1/reports/active_users?org=acme",
        ):
            answer = client.get(path)
            problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert client.get("/healthz", headers={"Host": "audit.example:8080"}).status_code == 200
        assert client.get("/healthz", headers={"Host": "other.example"}).status_code == 421


def test_alive_without_anything_ready_only_with_everything(lost: httpx.Client) -> None:
    """`/healthz` asks nobody; `/readyz` names what does not answer."""
    assert lost.get("/healthz").json() == {"status": "ok"}
    answer = lost.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "ClickHouse does not answer" in answer.json()["clickhouse"]
    assert answer.json()["kafka"].startswith(("no answer within 3 s", "no Kafka broker answers"))


def test_fastapi_stays_in_the_api_modules() -> None:
    """Reports, runner and rendering can be used without a web framework."""
    folder = Path(__file__).parents[2] / "queries" / "trailhouse" / "queries"
    users = {
        path.name
        for path in folder.rglob("*.py")
        if "fastapi" in path.read_text() or "starlette" in path.read_text()
    }
    assert users == {
        "api.py",
        "api_access.py",
        "api_events.py",
        "api_guard.py",
        "api_problems.py",
        "api_reports.py",
    }
