"""The Kubernetes manifests: rendered by kustomize, valid by the published schemas, held as tightly as pods can be."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from tests.images.files import DEPLOY, image_environ, instructions
from tests.images.manifests import of_kind, onto_the_base, pods, render
from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA

from trailhouse.deploy.cli import COMMANDS
from trailhouse.deploy.clickhouse.access import ROLES
from trailhouse.deploy.ports import free_ports
from trailhouse.deploy.programs import ARCHIVE, WORKERS
from trailhouse.producers.settings import Settings
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.api import READY_TIMEOUT_S, create_app
from trailhouse.queries.archive.settings import ArchiveSettings
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.metrics import LAG as SINK_LAG
from trailhouse.sinks.settings import SinkSettings
from trailhouse.stream.metrics import LAG as STREAM_LAG
from trailhouse.stream.metrics import serve_metrics
from trailhouse.stream.settings import MetricsSettings, StreamSettings

RENDERED = ("base", "overlays/small", "overlays/production")
VERSIONS = ("1.30", "1.33")
CRDS = {"ServiceMonitor"}  # the operator's own kind; Kubernetes has no schema of it
COMPONENTS = ("archive", "autoscaling", "commands", "mail", "monitor", "secure", "sign-in")
#: Which change what is there, and bring nothing of their own.
CHANGES = {"mail", "secure", "sign-in"}

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None and not os.environ.get("CI"), reason="kubectl renders the manifests"
)


def validate(objects: tuple[dict[str, Any], ...], version: str) -> None:
    """By Kubernetes' own schemas, strictly: no unknown field."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kubernetes_validate
    for each in objects:
        if each["kind"] not in CRDS:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", RENDERED)
def test_every_object_is_valid(folder: str, version: str) -> None:
    """What the base and the overlays render."""
    validate(render(folder), version)


def test_the_schemas_find_mistakes() -> None:
    """A misspelt field is an error: the test above can fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kubernetes_validate
    broken = of_kind(render("base"), "Deployment")["api"]
    spec = broken["spec"] | {"replica": 1}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken | {"spec": spec}, VERSIONS[0], strict=True)


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_goes_onto_the_base_alone(component: str, tmp_path: Path) -> None:
    """None needs another one, and what it makes of the base is valid."""
    before, after = render("base"), onto_the_base(tmp_path, component)
    for version in VERSIONS:
        validate(after, version)
    assert len(after) > len(before) or component in CHANGES
    # Where the others are, and of the image they have, whatever the overlay says or leaves out.
    assert {each["metadata"].get("namespace") for each in after if each["kind"] != "Namespace"} == {
        "trailhouse"
    }
    assert len({each["image"] for _, pod in pods(after) for each in pod["spec"]["containers"]}) == 1
    secrets = {"mail": ("alerts", "smtp-password"), "sign-in": ("api", "oidc-client-secret")}
    if component in secrets:
        role, key = secrets[component]
        spec = dict(pods(after))[role]["spec"]
        assert f"/run/secrets/trailhouse/{key}" in {
            each.get("value") for each in spec["containers"][0]["env"]
        }
        assert key in {
            item["key"] for volume in spec["volumes"] for item in volume.get("secret", {}).get("items", [])
        }


@pytest.mark.parametrize("folder", RENDERED)
def test_every_pod_is_held(folder: str) -> None:
    """As the profile `restricted` asks, and more: a read-only root, no token of Kubernetes, bounds, no `latest`."""
    found = dict(pods(render(folder)))
    assert {*WORKERS, "topics", "migrate"} <= found.keys()
    assert folder != "overlays/production" or ARCHIVE in found
    user = int(next(text for word, text in instructions() if word == "USER").split(":")[0])
    for name, template in found.items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == user
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert re.search(r":\d+\.\d+\.\d+$", container["image"]), name
        assert container["resources"]["limits"].keys() == {"memory"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        # All that may be written to: also where the node's runtime makes no volume of the image's own.
        writable = {each["mountPath"] for each in container["volumeMounts"] if not each.get("readOnly")}
        assert writable == {"/tmp", image_environ()["HOME"]}, name
        assert template["metadata"]["labels"]["app.kubernetes.io/part-of"] == "trailhouse"


def test_a_pod_for_commands_is_there_when_asked_for(tmp_path: Path) -> None:
    """None runs by itself; one that does has what `erase` and `migrate` need, certificates too, and is held as others."""
    objects = onto_the_base(tmp_path, "commands", "secure")
    deployment = of_kind(objects, "Deployment")["commands"]
    assert deployment["spec"]["replicas"] == 0
    found = dict(pods(objects))
    spec, other = found["commands"]["spec"], found["stream"]["spec"]
    (container,), (held,) = spec["containers"], other["containers"]
    assert spec["securityContext"] == other["securityContext"]
    assert container["securityContext"] == held["securityContext"]
    assert container["image"] == held["image"]
    environ = {each["name"]: each.get("value", "") for each in container["env"]}
    keys = {item["key"] for each in spec["volumes"] for item in each.get("secret", {}).get("items", [])}
    for name, value in environ.items():
        assert not name.endswith("_FILE") or Path(value).name in keys
    assert {
        "TRAILHOUSE_CLICKHOUSE_DSN",
        "TRAILHOUSE_PEPPER_FILE",
        "TRAILHOUSE_ALERTS_KEY_FILE",
    } <= environ.keys()
    assert "/run/secrets/connections" in {each["mountPath"] for each in container["volumeMounts"]}


@pytest.mark.parametrize("folder", RENDERED)
def test_roles_are_probed_where_they_answer(folder: str) -> None:
    """At the port the image gives them and under paths they serve; the api starts to count once its stores answer.

    It goes on while one is away: a readiness that asks a store would take every pod out of the service at once.
    """
    app = create_app(ApiSettings(clickhouse=NO_CLICKHOUSE, kafka=NO_KAFKA), has_watch=False)
    served = {getattr(route, "path", "") for route in app.routes}
    ports = {"api": int(image_environ()["TRAILHOUSE_API_PORT"])}
    for name, each in of_kind(render(folder), "Deployment").items():
        (container,) = each["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [
            {
                "name": "metrics",
                "containerPort": ports.get(name, int(image_environ()["TRAILHOUSE_METRICS_PORT"])),
            }
        ]
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        begun = "/readyz" if name == "api" else "/healthz"
        assert container["startupProbe"]["httpGet"] == {"path": begun, "port": "metrics"}
        if name == "api":
            assert {begun, "/healthz", "/metrics"} <= served
            # The check waits for the stores itself; the kubelet must not give up before.
            assert container["startupProbe"]["timeoutSeconds"] > READY_TIMEOUT_S
        assert (
            container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 60
        )


def names_of(service: str) -> set[str]:
    """By which pods of this and of other namespaces may ask for it."""
    return {
        f"{service}{rest}" for rest in ("", ".trailhouse", ".trailhouse.svc", ".trailhouse.svc.cluster.local")
    }


def test_the_metrics_of_other_roles_are_served_where_they_are_asked() -> None:
    """Workers, sinks, alerts and the archive have one server of theirs; what it serves is what the probes ask."""
    (port,) = free_ports(1)
    stop = serve_metrics(CollectorRegistry(), MetricsSettings(port=port), lambda: True)
    try:
        for path, status in (("/healthz", 200), ("/metrics", 200), ("/readyz", 404)):
            assert (
                httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": "10.1.2.3:9100"}).status_code
                == status
            )
    finally:
        stop()


@pytest.mark.parametrize("folder", RENDERED)
def test_the_prometheus_service_finds_every_role(folder: str) -> None:
    """WP1: a ClusterIP service called `prometheus`; roles answer to its name, and the network lets Prometheus in."""
    objects = render(folder)
    service = of_kind(objects, "Service")["prometheus"]
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 9100, "targetPort": "metrics"}]
    for name, template in pods(objects):
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items(), name
    (config,) = [
        each for name, each in of_kind(objects, "ConfigMap").items() if name.startswith("trailhouse-")
    ]
    for key in ("TRAILHOUSE_METRICS_NAMES", "TRAILHOUSE_API_NAMES"):
        assert names_of("prometheus") <= set(config["data"][key].split(","))
    assert names_of("api") <= set(config["data"]["TRAILHOUSE_API_NAMES"].split(","))
    policy = of_kind(objects, "NetworkPolicy")["metrics"]["spec"]["ingress"][0]
    assert policy["ports"] == [{"protocol": "TCP", "port": "metrics"}]


@pytest.mark.parametrize("folder", RENDERED)
def test_nothing_gets_in_or_out_unnamed(folder: str) -> None:
    """A policy for every pod denies both ways; others name ports, and only names and stores are reached by all."""
    policies = of_kind(render(folder), "NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in policies.keys() - {"nothing"}:
        spec = policies[name]["spec"]
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            assert rule["ports"], name


@pytest.mark.parametrize("folder", RENDERED)
def test_each_role_gets_its_own_secrets_alone(folder: str) -> None:
    """As files; the pepper is the stream's, nobody but `migrate` is ClickHouse's admin, no value is in a manifest."""
    objects = render(folder)
    assert not of_kind(objects, "Secret")
    got = {
        name: sorted(
            item["key"]
            for volume in template["spec"]["volumes"]
            for item in volume.get("secret", {}).get("items", [])
        )
        for name, template in pods(objects)
    }
    assert [name for name, keys in got.items() if "pepper" in keys] == ["stream"]
    assert [name for name, keys in got.items() if "clickhouse-admin" in keys] == ["migrate"]
    assert got["topics"] == []
    assert [name for name, keys in got.items() if "alerts-key" in keys] == ["alerts", "api"]
    assert [name for name, keys in got.items() if "settings-dsn" in keys] == ["api"]
    for name, template in pods(objects):
        (container,) = template["spec"]["containers"]
        for variable in container.get("env", []):
            if re.search(r"PASSWORD|SECRET|PEPPER|OPTIONS|_KEY", variable["name"]):
                assert variable["name"].endswith("_FILE"), name
                assert Path(variable["value"]).name in got[name]


def secret(name: str) -> str:
    """What an operator would put under that key."""
    if name.endswith("-dsn"):
        return f"https://{name.removesuffix('-dsn')}:hush@clickhouse:8443/trailhouse"
    return "{}" if name == "archive-options" else "f" * 64


@pytest.mark.parametrize("folder", RENDERED)
def test_one_of_those_that_must_be_alone(folder: str) -> None:
    """The old one ends before the new one starts, and nothing scales it."""
    objects = render(folder)
    for name in {"alerts", "archive"} & of_kind(objects, "Deployment").keys():
        spec = of_kind(objects, "Deployment")[name]["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert name not in of_kind(objects, "HorizontalPodAutoscaler")


@pytest.mark.parametrize("folder", RENDERED)
def test_the_settings_of_each_role_are_good(folder: str, tmp_path: Path) -> None:
    """What image, config maps and pod say together is read by the role itself; every name is a setting's."""
    known = {
        word for word in (DEPLOY.parent / "docs/configuration.md").read_text().split("`") if word.isupper()
    }
    objects = render(folder)
    maps = of_kind(objects, "ConfigMap")
    kinds: dict[str, type[Settings]] = {
        "stream": StreamSettings,
        "sink": SinkSettings,
        "api": ApiSettings,
        "alerts": AlertsSettings,
        "archive": ArchiveSettings,
    }
    assert kinds.keys() == {*WORKERS, ARCHIVE}
    for name, template in pods(objects):
        (container,) = template["spec"]["containers"]
        environ = image_environ()
        for source in container.get("envFrom", []):
            environ |= maps[source["configMapRef"]["name"]]["data"]
        for each in container.get("env", []):
            if "value" in each:
                environ[each["name"]] = each["value"]
            else:
                place = each["valueFrom"]["configMapKeyRef"]
                environ[each["name"]] = maps[place["name"]]["data"][place["key"]]
                user = re.search(r"//(\w+)@", environ[each["name"]])
                assert user
                assert user[1] in ROLES
        for key, value in list(environ.items()):
            if key.startswith("TRAILHOUSE_"):
                assert key.removesuffix("_FILE") in known, key
            if key.endswith("_FILE"):
                (tmp_path / Path(value).name).write_text(secret(Path(value).name))
                environ[key] = str(tmp_path / Path(value).name)
        if name in kinds:
            settings = kinds[name].from_env(environ)
            if isinstance(settings, ApiSettings):
                assert settings.settings_writer
                assert settings.settings_writer.username == "settings"
                assert settings.notifications.clickhouse(settings.clickhouse).username == "alerts"
        assert container["args"][0] == name
        assert name in {command.name for command in COMMANDS}
        assert all(isinstance(word, str) for word in container["args"])


def partitions(objects: tuple[dict[str, Any], ...]) -> int:
    """As many as job `topics` makes."""
    args = of_kind(objects, "Job")["topics"]["spec"]["template"]["spec"]["containers"][0]["args"]
    return int(args[args.index("--partitions") + 1])


def test_scaled_up_to_the_partitions_of_the_base(tmp_path: Path) -> None:
    """The component alone has the number that the base's job makes."""
    objects = onto_the_base(tmp_path, "autoscaling")
    scalers = of_kind(objects, "HorizontalPodAutoscaler").values()
    assert [each["spec"]["maxReplicas"] for each in scalers] == [partitions(objects)] * 2


def test_a_partition_that_two_pods_show_counts_once() -> None:
    """The adapter's rule asks what the recording rules ask."""
    page = (DEPLOY.parent / "docs/operations/kubernetes.md").read_text()
    (query,) = re.findall(r"metricsQuery: (.*)", page)
    rules = (DEPLOY / "prometheus/rules/recording.yml").read_text()
    for lag in (STREAM_LAG, SINK_LAG):
        asked = query.replace("<<.Series>>{<<.LabelMatchers>>}", lag)
        assert f"expr: {asked}\n" in rules


def test_scaled_by_how_far_they_are_behind() -> None:
    """By the gauge that each role has, up to the partitions there are; the Deployment leaves the number alone."""
    objects = render("overlays/production")
    lags = {"stream": STREAM_LAG, "sink": SINK_LAG}
    scalers = of_kind(objects, "HorizontalPodAutoscaler")
    assert scalers.keys() == lags.keys()
    for name, scaler in scalers.items():
        assert scaler["spec"]["maxReplicas"] == partitions(objects)
        (metric,) = scaler["spec"]["metrics"]
        assert metric["external"]["metric"]["name"] == lags[name]
        assert "replicas" not in of_kind(objects, "Deployment")[name]["spec"]
        assert lags[name] in (DEPLOY.parent / "docs/operations/kubernetes.md").read_text()


def test_budgets_let_a_node_be_drained() -> None:
    """One pod of a role at a time, and never none: a role with one pod does not block the node."""
    budgets = of_kind(render("base"), "PodDisruptionBudget")
    assert budgets.keys() == {"stream", "sink", "api"}
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets.values())


def test_the_monitor_asks_the_service() -> None:
    """The operator's object selects the service by its label and sets the labels that the rules ask for."""
    objects = render("overlays/production")
    monitor = of_kind(objects, "ServiceMonitor")["trailhouse"]["spec"]
    service = of_kind(objects, "Service")["prometheus"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert {each["targetLabel"] for each in monitor["endpoints"][0]["relabelings"]} == {"role", "job"}
