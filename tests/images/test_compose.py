"""`compose.yaml`: valid by the published schema, hardened, every secret a file, every path and command there."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
import yaml
from tests.images.files import DEPLOY, compose, env_example, image_environ, instructions
from tests.operations.prometheus import tool

from trailhouse.deploy.cli import COMMANDS
from trailhouse.deploy.clickhouse.access import ROLES, server_users_xml
from trailhouse.deploy.programs import ARCHIVE, WORKERS
from trailhouse.producers.settings import Settings
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.archive.settings import ArchiveSettings
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.settings import SinkSettings
from trailhouse.stream.settings import StreamSettings

SERVICES: dict[str, Any] = compose(env_example())["services"]
ROLES_HERE = (*WORKERS, ARCHIVE)
OURS = ("topics", "migrate", "keys", "trailhouse", *ROLES_HERE)
SETTINGS: dict[str, type[Settings]] = {
    "stream": StreamSettings,
    "sink": SinkSettings,
    "api": ApiSettings,
    "alerts": AlertsSettings,
    "archive": ArchiveSettings,
}
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


def test_the_first_page_says_how_to_start_it() -> None:
    """The commands of README are those of the page about it, line by line."""
    page, first = ((DEPLOY.parent / name).read_text() for name in ("docs/operations/compose.md", "README.md"))
    started = page.split("```bash\n")[1].split("```")[0]
    assert "docker compose up --detach --wait\n" in started
    assert f"```bash\n{started}```" in first


def test_an_upgrade_reaches_every_service() -> None:
    """`up` leaves alone what is in a profile nobody named; the line about upgrades says how to name each."""
    page = (DEPLOY.parent / "docs/operations/compose.md").read_text()
    (upgrade,) = (line for line in page.splitlines() if line.startswith("- **Upgrade**"))
    kept = [service for service in SERVICES.values() if service["restart"] == "unless-stopped"]
    profiles = {profile for service in kept for profile in service.get("profiles", [])}
    assert profiles == {"archive"}
    assert "COMPOSE_PROFILES" in env_example()
    assert set(re.findall(r"COMPOSE_PROFILES=(\w+)", upgrade)) == profiles


def test_only_the_api_grafana_and_alertmanager_are_reached_from_outside() -> None:
    """On this machine's loopback address, unless `.env` says otherwise; Alertmanager, which asks for no password, always."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api", "grafana", "alertmanager"}
    anywhere = compose({"TRAILHOUSE_PUBLISH": "0.0.0.0"})["services"]
    assert anywhere["alertmanager"]["ports"] == ["127.0.0.1:9093:9093"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert compose()["networks"]["inside"] == {"internal": True}


def test_what_writes_at_home_has_one_to_write_in() -> None:
    """The store makes a folder below HOME before it listens, and gives up where it cannot: its root is read-only."""
    store = SERVICES["store"]
    folders = {each.partition(":")[0] for each in store["tmpfs"]}
    assert store["read_only"] is True
    assert store["environment"]["HOME"] in folders
    assert str(Path(store["environment"]["MC_CONFIG_DIR"]).parent) in folders


def test_every_setting_of_the_archive_can_be_made() -> None:
    """What it writes and how it signs is said in `.env` or in secrets; who verifies gets the public key alone."""
    role, operator = SERVICES["archive"]["environment"], SERVICES["trailhouse"]["environment"]
    for name in ("TARGET", "LOCK_DAYS", "ENTRIES", "PARQUET", "SIGNED_FROM"):
        variable = f"TRAILHOUSE_ARCHIVE_{name}"
        assert role[variable] == env_example()[variable]
        assert compose({variable: "changed"})["services"]["archive"]["environment"][variable] == "changed"
    assert role["TRAILHOUSE_ARCHIVE_SIGNING_KEY_FILE"] == "/run/secrets/archive_signing_key"
    assert "archive_signing_key" not in SERVICES["trailhouse"]["secrets"]
    assert operator["TRAILHOUSE_ARCHIVE_PUBLIC_KEY"] == env_example()["TRAILHOUSE_ARCHIVE_PUBLIC_KEY"]
    assert "archive_public_key" in SERVICES["trailhouse"]["secrets"]


def test_no_package_index_has_us() -> None:
    """The pages install from a clone: nobody else's `trailhouse` shall be fetched by its name."""
    for page in (DEPLOY.parent / "docs").rglob("*.md"):
        assert not re.search(r"pip install '?\"?trailhouse", page.read_text()), page


def test_what_changes_the_tables_can_be_recorded() -> None:
    """`migrate` comes after the topics: it leaves no record where there is none."""
    assert SERVICES["migrate"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    for name in ROLES_HERE:
        assert SERVICES[name]["depends_on"]["migrate" if name in {"alerts", "archive"} else "topics"]


def test_no_secret_is_in_the_file() -> None:
    """Every password is a file under secrets/, asked for by who needs it, and nobody gets another's."""
    declared = compose()["secrets"]
    for name, service in SERVICES.items():
        environ = service.get("environment", {})
        assert all(isinstance(value, str) for value in environ.values()), name
        for key, value in environ.items():
            if re.search(r"PASSWORD|SECRET|PEPPER|OPTIONS|(?<!PUBLIC)_KEY", key) and not key.endswith(
                "_HEAP_OPTS"
            ):
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
    assert words[0] in ({"--help"} if name == "trailhouse" else known)
    assert words[0] == name or name in {"keys", "trailhouse"}


def test_the_settings_of_each_role_are_good(tmp_path: Path) -> None:
    """What the file and the image say together is read by the role itself, secrets included; nothing is misspelt."""
    made, settings = make_secrets(tmp_path), dict[str, Settings]()
    known = {
        line
        for line in (DEPLOY.parent / "docs" / "configuration.md").read_text().split("`")
        if line.isupper()
    }
    assert SETTINGS.keys() == set(ROLES_HERE)
    for name, kind in SETTINGS.items():
        environ: dict[str, str] = image_environ() | SERVICES[name]["environment"]
        assert environ["TRAILHOUSE_LOG_FORMAT"] == "json"
        for key, value in list(environ.items()):
            assert not key.startswith("TRAILHOUSE_") or key.removesuffix("_FILE") in known, key
            if key.endswith("_FILE"):
                path = made / Path(value).name
                assert path.name in SERVICES[name]["secrets"]
                environ[key] = str(path)
        settings[name] = kind.from_env(environ)
    brokers = {
        name: kafka.bootstrap for name, each in settings.items() if (kafka := getattr(each, "kafka", None))
    }
    assert brokers == dict.fromkeys(("stream", "sink", "api", "alerts"), "kafka:9092")
    api, alerts = settings["api"], settings["alerts"]
    assert isinstance(api, ApiSettings)
    assert isinstance(alerts, AlertsSettings)
    assert api.settings_writer
    assert api.settings_writer.username == "settings"
    writer = api.notifications.clickhouse(api.clickhouse)
    assert (writer.username, writer.password) == ("alerts", alerts.clickhouse.password)
    assert alerts.clickhouse.username == "alerts"
    assert len({api.clickhouse.password, api.settings_writer.password, writer.password}) == 3
    assert api.notifications.key == alerts.notifications.key
    assert api.notifications.key


def test_prometheus_asks_each_role_where_it_listens() -> None:
    """By the name the role answers to: the Host check lets no other in."""
    config = yaml.safe_load((DEPLOY / "compose/prometheus/prometheus.yml").read_text())
    known, found = config["scrape_configs"]
    assert known["job_name"] == "trailhouse"  # which the rules ask for
    assert {group["labels"]["role"] for group in known["static_configs"]} == set(WORKERS)
    labels = {each["target_label"]: each["replacement"] for each in found["relabel_configs"]}
    assert (labels["job"], labels["role"]) == ("trailhouse", ARCHIVE)
    (asked_by_name,) = found["dns_sd_configs"]
    assert asked_by_name["names"] == [ARCHIVE]
    assert str(asked_by_name["port"]) == image_environ()["TRAILHOUSE_METRICS_PORT"]
    assert "./prometheus/rules:/etc/prometheus/rules:ro" in SERVICES["prometheus"]["volumes"]
    assert config["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    for group in known["static_configs"]:
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


def test_clickhouse_has_the_disk_that_backups_go_to() -> None:
    """The one that the page names, allowed, below a volume that ClickHouse's user may write to already."""
    file = DEPLOY / "compose/clickhouse/backups.xml"
    config = ET.parse(file).getroot()
    (disk,) = config.findall("storage_configuration/disks/*")
    assert [each.text for each in config.findall("backups/allowed_disk")] == [disk.tag]
    page = (DEPLOY.parent / "docs/operations/back-up.md").read_text()
    assert set(re.findall(r"Disk\('(\w+)'", page)) == {disk.tag}
    path = disk.findtext("path")
    assert path
    volumes = [each.split(":") for each in SERVICES["clickhouse"]["volumes"]]
    kept = [target for source, target, *_ in volumes if source in compose()["volumes"]]
    assert any(path.startswith(f"{target}/") for target in kept)
    assert f"clickhouse:{path}" in page
    (mounted,) = (target for source, target, *_ in volumes if source.endswith(file.name))
    assert mounted.startswith("/etc/clickhouse-server/config.d/")


def test_the_health_check_is_that_of_the_image() -> None:
    """Compose asks what the image says to ask."""
    check = next(text for word, text in instructions() if word == "HEALTHCHECK")
    assert SERVICES["stream"]["healthcheck"]["test"] == ["CMD", *json.loads(check.partition("CMD ")[2])]


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    """By its own checker, with the rules of deploy/prometheus where the file looks for them."""
    text = (DEPLOY / "compose/prometheus/prometheus.yml").read_text()
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace("/etc/prometheus/rules", str(DEPLOY / "prometheus/rules")))
    done = subprocess.run(
        [tool("promtool"), "check", "config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 rule files" in done.stdout + done.stderr


def test_grafana_finds_what_its_provisioning_names() -> None:
    """Dashboards where the provider looks, and every variable of the data sources."""
    grafana = SERVICES["grafana"]
    provisioning = DEPLOY / "grafana/provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/trailhouse.yaml").read_text())["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    asked = re.findall(r"\$(TRAILHOUSE_\w+)", (provisioning / "datasources/trailhouse.yaml").read_text())
    script = grafana["entrypoint"][-1].replace("$$", "$")
    (given,) = re.findall(r"^(\w+)=", script)
    assert set(asked) == {given, *(key for key in grafana["environment"] if key.startswith("TRAILHOUSE_"))}
    assert Path(re.findall(r"cat ([^)]+)\)", script)[0]).name in grafana["secrets"]
    assert grafana["environment"]["TRAILHOUSE_GRAFANA_CLICKHOUSE_USER"] in ROLES


def test_grafanas_limit_is_one_it_may_ask_for() -> None:
    """Its ClickHouse client sends the time a query or a connection may take, and five seconds more, as `max_execution_time`."""
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/trailhouse.yaml").read_text())
    (options,) = (
        each["jsonData"] for each in sources["datasources"] if each["uid"] == "trailhouse-clickhouse"
    )
    cap = ROLES["grafana"].caps["max_execution_time"]
    assert int(options.get("queryTimeout", 60)) + 5 <= cap
    assert int(options.get("dialTimeout", 10)) + 5 <= cap


def make_secrets(folder: Path) -> Path:
    """What `secrets.sh` makes, in a folder of its own."""
    script = folder / "secrets.sh"
    script.write_text((DEPLOY / "secrets.sh").read_text())
    subprocess.run(["sh", str(script)], check=True, capture_output=True, cwd="/", timeout=60)
    return folder / "secrets"


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """In a folder of its owner's alone; again changes none; ClickHouse gets the digests of the same passwords."""
    made = [{path.name: path.read_text() for path in make_secrets(tmp_path).iterdir()} for _ in range(2)]
    assert made[0] == made[1]
    assert set(compose()["secrets"]) <= made[0].keys()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert json.loads(made[0]["archive_options"])["key"] == made[0]["store_user"].strip()
    told = made[0]["clickhouse_passwords.xml"]
    for role in ROLES:
        assert re.search(rf"<{role}><password_sha256_hex>[0-9a-f]{{64}}</password_sha256_hex>", told)
        assert made[0][f"clickhouse_{role}"].strip() not in told
