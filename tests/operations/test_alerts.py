"""The alerts: Prometheus takes them, each fires within its time and ends, each has a page that helps."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import typer
import yaml
from tests.operations.prometheus import FOLDER, ROOT, tool

from trailhouse.deploy.cli import COMMANDS, build
from trailhouse.deploy.programs import ARCHIVE, WORKERS
from trailhouse.deploy.reference.running import METRICS
from trailhouse.deploy.state import OPTIONAL

RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "rules" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
RECORDED = [
    rule
    for group in yaml.safe_load((FOLDER / "rules" / "recording.yml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = sorted({rule["alert"] for rule in RULES})
RUNBOOKS = ROOT / "docs" / "runbooks"


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [tool("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration() -> None:
    """The file, the rules it names, and the targets."""
    promtool("check", "config", str(FOLDER / "prometheus.yml"))


def test_every_alert_fires_within_its_time_and_ends() -> None:
    """`promtool test rules` over series made for each: quiet, firing with its text and runbook, quiet again."""
    promtool("test", "rules", str(FOLDER / "tests" / "alerts.yml"))


def test_every_alert_and_severity_is_among_the_tests() -> None:
    """None is left untested: for each there is a time at which it fires, and one at which it does not."""
    fires, rests = set(), set()
    for test in yaml.safe_load((FOLDER / "tests" / "alerts.yml").read_text())["tests"]:
        for each in test["alert_rule_test"]:
            if not each["exp_alerts"]:
                rests.add(each["alertname"])
            fires |= {(each["alertname"], found["exp_labels"]["severity"]) for found in each["exp_alerts"]}
    assert fires == {(rule["alert"], rule["labels"]["severity"]) for rule in RULES}
    assert rests == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_its_page(alert: str) -> None:
    """`runbook_url` leads to a page that says what it means, what people see, how to look and whom to call."""
    for rule in (rule for rule in RULES if rule["alert"] == alert):
        assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{alert}.md")
        assert {"summary", "description"} < set(rule["annotations"])
    page = (RUNBOOKS / f"{alert}.md").read_text()
    assert page.startswith(f"# {alert}\n")
    for part in ("**Who is affected sees:**", "## Look", "## Do", "## Escalate"):
        assert part in page
    assert f"| [{alert}]({alert}.md) |" in (RUNBOOKS / "README.md").read_text()


def test_every_page_has_its_alert() -> None:
    """A page for an alert that is gone would mislead."""
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@pytest.mark.parametrize("alert", ALERTS)
def test_a_page_names_commands_that_exist(alert: str) -> None:
    """At least one to look with; each is in the command line, subcommands too."""
    page = (RUNBOOKS / f"{alert}.md").read_text()
    found = re.findall(r"(?:^|`)trailhouse ([a-z]+(?: [a-z]+)?)", page, re.MULTILINE)
    assert found
    root: Any = typer.main.get_command(build([each.name for each in COMMANDS]))
    context = root.make_context("trailhouse", [], resilient_parsing=True)
    for words in found:
        name, _, rest = words.partition(" ")
        command = root.get_command(context, name)
        assert command is not None, words
        if rest and hasattr(command, "list_commands"):
            assert rest in command.list_commands(context), words


def test_rules_ask_for_metrics_that_exist() -> None:
    """A rule over a name nobody serves would never fire."""
    served = {"up"}
    for made in METRICS.values():
        for collector in list(made().registry._collector_to_names):
            for metric in collector.describe():
                kinds = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
                served |= {metric.name + end for end in kinds.get(metric.type, ("",))}
    recorded = {rule["record"] for rule in RECORDED}
    for rule in (*RULES, *RECORDED):
        named = set(re.findall(r"trailhouse[_:][a-z0-9_:]+", rule["expr"]))
        assert named - served - recorded == set(), rule["expr"]


def test_every_role_that_serves_metrics_is_missed() -> None:
    """From one list: roles every installation runs whenever no process of theirs answers, others once they did."""
    assert {name for name in METRICS if " " not in name} == {*WORKERS, *OPTIONAL} == {*WORKERS, ARCHIVE}
    missed = [
        f'label_replace(absent(up{{job="trailhouse", role="{role}"}} == 1), "role", "{role}", "", "")'
        for role in WORKERS
    ]
    some = f'{{job="trailhouse", role=~"{"|".join(OPTIONAL)}"}}'
    missed.append(
        f"(group by (role) (max_over_time(up{some}[1d]) == 1) unless on (role) group by (role) (up{some} == 1))"
    )
    (rule,) = [rule for rule in RULES if rule["alert"] == "TrailhouseRoleMissing"]
    assert rule["expr"] == " or ".join(missed)
    tests = yaml.safe_load((FOLDER / "tests" / "alerts.yml").read_text())["tests"]
    fires = {
        found["exp_labels"]["role"]
        for test in tests
        for each in test["alert_rule_test"]
        if each["alertname"] == rule["alert"]
        for found in each["exp_alerts"]
    }
    assert fires == {*WORKERS, *OPTIONAL}


def test_every_recorded_figure_is_used() -> None:
    """By an alert, a dashboard or another figure."""
    dashboards = "".join(
        file.read_text() for file in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
    )
    text = "".join(rule["expr"] for rule in (*RULES, *RECORDED)) + dashboards
    assert [rule["record"] for rule in RECORDED if rule["record"] not in text] == []


def test_the_link_of_an_alert_follows_where_the_docs_are() -> None:
    """Empty by default: the alert then names a path of the repository, and no address of ours."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert config["global"]["external_labels"] == {"docs": ""}
    assert {rule["annotations"]["runbook_url"].partition("/runbooks/")[0] for rule in RULES} == {
        "{{ with $externalLabels.docs }}{{ . }}{{ else }}docs{{ end }}"
    }
