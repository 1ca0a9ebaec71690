"""`compose.yaml`: valid by the published schema, hardened, every secret a file, every path and command there."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.images.files import DEPLOY, compose, env_example, image_environ, instructions

from trailhouse.deploy.cli import COMMANDS
from trailhouse.deploy.clickhouse.access import ROLES, server_users_xml
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.settings import SinkSettings
from trailhouse.stream.settings import StreamSettings

SERVICES: dict[str, Any] = compose(env_example())["services"]
OURS = ("topics", "migrate", "stream", "sink", "api", "keys", "archive")
WRITES_ITS_ROOT = {"kafka", "clickhouse", "grafana"}  # said beside each, with the reason


def published_schema() -> dict[str, Any]:
    """The specification's own, which a package brings along; found without loading that package."""
    spec = find_spec("check_jsonschema")
    assert spec is not None
    assert spec.submodule_search_locations
    vendored = Path(spec.submodule_search_locations[0]) / "builtin_schemas/vendor/compose-spec.json"
    found: dict[str, Any] = json.loads(vendored.read_text())
    return found


def test_it_is_a_compose_file() -> None:
    """By the schema that the specification publishes, with `.env.example` and with nothing set."""
    validator = jsonschema_rs.validator_for(published_schema())
    for environ in ({}, env_example()):
        assert [error.message for error in validator.iter_errors(compose(environ))] == []


def test_the_schema_finds_mistakes() -> None:
    """A service with an unknown key is none: the test above can fail."""
    broken = compose() | {"services": {"api": {"imagge": "x"}}}
    assert not jsonschema_rs.validator_for(published_schema()).is_valid(broken)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_held(name: str) -> None:
    """No capabilities, no new privileges, a bound on memory, a read-only root, a version that is pinned, a health check."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert (service.get("read_only") is True) == (name not in WRITES_ITS_ROOT)
    assert re.search(r":[^:]*\d", service["image"])
    assert "latest" not in service["image"]
    assert service["healthcheck"].get("test") or service["healthcheck"]["disable"] is True
    assert "privileged" not in service
    assert service["networks"][0] == "inside"


def test_only_the_api_and_grafana_are_reached_from_outside() -> None:
    """On this machine's loopback address, unless `.env` says otherwise; the inner network reaches nothing."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert compose()["networks"]["inside"] == {"internal": True}


def test_no_secret_is_in_the_file() -> None:
    """Every password is a file under secrets/, asked for by who needs it, and nobody gets another's."""
    declared = compose()["secrets"]
    for name, service in SERVICES.items():
        environ = service.get("environment", {})
        for key, value in environ.items():
            if re.search(r"PASSWORD|SECRET|PEPPER|OPTIONS", key) and not key.endswith("_HEAP_OPTS"):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert Path(value).name in service["secrets"]
        assert set(service.get("secrets", [])) <= declared.keys()
    assert not re.search(r"PASSWORD|SECRET|PEPPER", (DEPLOY / ".env.example").read_text())


def test_every_mounted_file_is_there() -> None:
    """Files beside compose.yaml, once the folder they belong to is part of the repository; secrets are made."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and not source.startswith("./secrets/"):
                top = DEPLOY / source.split("/")[1]
                assert (DEPLOY / source).exists() or not top.exists(), source
            elif not source.startswith("./"):
                assert source in compose()["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_our_commands(name: str) -> None:
    """Each command line begins with one that exists."""
    words = [*SERVICES[name].get("entrypoint", ["trailhouse"])[1:], *SERVICES[name]["command"]]
    known = {command.name for command in COMMANDS}
    assert words[0] in known or (words[0] == "archive" and "archive" not in known)


def test_the_settings_of_each_role_are_good(tmp_path: Path) -> None:
    """What the file and the image say together is read by the role itself, secrets included; nothing is misspelt."""
    known = {
        line
        for line in (DEPLOY.parent / "docs" / "configuration.md").read_text().split("`")
        if line.isupper()
    }
    for name, kind in (("stream", StreamSettings), ("sink", SinkSettings), ("api", ApiSettings)):
        environ = image_environ() | SERVICES[name]["environment"]
        for key, value in list(environ.items()):
            assert not key.startswith("TRAILHOUSE_") or key.removesuffix("_FILE") in known, key
            if key.endswith("_FILE"):
                path = tmp_path / Path(value).name
                path.write_text("f" * 64)
                environ[key] = str(path)
        kind.from_env(environ)


def test_prometheus_asks_each_role_where_it_listens() -> None:
    """By the name the role answers to: the Host check lets no other in."""
    config = yaml.safe_load((DEPLOY / "compose/prometheus/prometheus.yml").read_text())
    for group in config["scrape_configs"][0]["static_configs"]:
        name, _, port = group["targets"][0].partition(":")
        environ = image_environ() | SERVICES[name]["environment"]
        asked = environ["TRAILHOUSE_API_NAMES" if name == "api" else "TRAILHOUSE_METRICS_NAMES"]
        assert name in asked.split(",")
        assert port == environ["TRAILHOUSE_API_PORT" if name == "api" else "TRAILHOUSE_METRICS_PORT"]
        assert group["labels"] == {"role": name}


def test_clickhouse_knows_the_roles() -> None:
    """Its users are those of the code, and each address names one of them."""
    assert (DEPLOY / "compose/clickhouse/users.xml").read_text() == server_users_xml()
    for service in SERVICES.values():
        if dsn := service.get("environment", {}).get("TRAILHOUSE_CLICKHOUSE_DSN"):
            assert re.search(r"//(\w+)@", dsn)[1] in ROLES  # type: ignore[index]  # it matches


def test_the_health_check_is_that_of_the_image() -> None:
    """Compose asks what the image says to ask."""
    check = next(text for word, text in instructions() if word == "HEALTHCHECK")
    assert SERVICES["stream"]["healthcheck"]["test"] == ["CMD", *json.loads(check.partition("CMD ")[2])]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """In a folder of its owner's alone; again changes none; ClickHouse gets the digests of the same passwords."""
    script = tmp_path / "secrets.sh"
    script.write_text((DEPLOY / "secrets.sh").read_text())
    made = []
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True, capture_output=True, cwd="/", timeout=60)
        made.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert made[0] == made[1]
    assert set(compose()["secrets"]) <= made[0].keys()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert json.loads(made[0]["archive_options"])["key"] == made[0]["store_user"].strip()
    told = made[0]["clickhouse_passwords.xml"]
    for role in ROLES:
        assert re.search(rf"<{role}><password_sha256_hex>[0-9a-f]{{64}}</password_sha256_hex>", told)
        assert made[0][f"clickhouse_{role}"].strip() not in told
