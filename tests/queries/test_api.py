"""The HTTP API as a whole: where it listens, health, and what may know the web framework."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.queries.conftest import World
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.deploy.ports import free_ports
from trailhouse.producers.errors import SettingsError
from trailhouse.queries.settings import ApiSettings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_it_refuses_to_listen_where_others_reach_it(host: str) -> None:
    """An address beyond this machine asks for keys by itself; to want it open there is a mistake that stops the start."""
    with pytest.raises(SettingsError, match=r"TRAILHOUSE_API_HOST is .*TRAILHOUSE_API_ANONYMOUS"):
        ApiSettings.from_env({"TRAILHOUSE_API_HOST": host, "TRAILHOUSE_API_ANONYMOUS": "true"})
    assert ApiSettings.from_env({"TRAILHOUSE_API_HOST": "::1"}).is_open
    assert not ApiSettings.from_env({"TRAILHOUSE_API_HOST": host}).is_open
    closed = ApiSettings.from_env({"TRAILHOUSE_API_HOST": host, "TRAILHOUSE_API_ANONYMOUS": "false"})
    assert closed.host == host


def test_closed_it_serves_nothing_without_a_key_and_answers_to_its_names(world: World) -> None:
    """`TRAILHOUSE_API_ANONYMOUS=false`: 401 for every report; the Host guard knows the names it was given."""
    settings = ApiSettings(
        clickhouse=world.settings, kafka=NO_KAFKA, anonymous="false", names="Audit.example, x.example"
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


@pytest.mark.faults
def test_started_alone_it_says_where_it_listens() -> None:
    """`trailhouse api` with neither Kafka nor ClickHouse serves, says so, and logs no driver's noise."""
    port, *away = free_ports(3)
    environ = {
        "PATH": os.environ["PATH"],
        "TRAILHOUSE_API_PORT": str(port),
        "TRAILHOUSE_KAFKA_BOOTSTRAP": f"127.0.0.1:{away[0]}",
        "TRAILHOUSE_CLICKHOUSE_DSN": f"http://127.0.0.1:{away[1]}/x",
    }
    command = [sys.executable, "-m", "trailhouse.deploy", "api"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as api:
        try:
            assert api.stderr is not None
            said: list[str] = []
            while not said or "listening on" not in said[-1]:
                said.append(api.stderr.readline())
                assert said[-1], said
            assert said[-1].endswith(f"listening on http://127.0.0.1:{port}\n")
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            said += [api.stderr.readline()]
            assert "cannot close the books" in said[-1]
            assert not any("urllib3" in line or "Driver" in line for line in said)
        finally:
            api.terminate()
        api.stderr.read()


def test_fastapi_stays_in_the_api_and_the_dashboard() -> None:
    """Reports, runner and rendering can be used without a web framework; so can what draws the dashboard's charts."""
    folder = Path(__file__).parents[2] / "queries" / "trailhouse" / "queries"
    users = {
        path.relative_to(folder)
        for path in folder.rglob("*.py")
        if "fastapi" in path.read_text() or "starlette" in path.read_text()
    }
    assert users
    pages = {"app", "frame", "oidc_sign_in", "site", "sign_in", "visitor"}
    assert not [
        path
        for path in users
        if not (
            path.name.startswith("api")
            or (
                path.parent.name == "dashboard"
                and (path.stem in pages or path.stem.endswith(("_page", "_pages")))
            )
        )
    ]
