"""A stack that is watched: a real Prometheus over its roles, every panel's query, the doctor, and a backup put back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.test_local_stack import Machine
from tests.operations.prometheus import Prometheus, running
from tests.waiting import turns

from trailhouse.deploy.dashboards.pipeline import ROWS
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.launch import stop
from trailhouse.deploy.programs import WORKERS

EVENTS = 40
WAIT_S = 120.0
# What only trouble, time or TLS brings about; the query must be taken all the same.
QUIET = re.compile(
    r"breaker_open\)\)$|lag:seconds|rejected_total|foreign|poison|gaps_total|gap_gone|certificate|key_checks|refused_total"
    r"|report_seconds|spool_used"
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with one stack; whatever runs at the end is stopped."""
    machine = Machine(tmp_path / "stack", tmp_path / "home")
    yield machine
    if machine.folder.exists():
        stop(StackFolder.at(machine.folder))


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_S
    for _ in turns(0.3):
        if condition():
            return
        assert time.monotonic() < deadline, "it never happened"


def start(machine: Machine) -> tuple[dict[str, Any], str]:
    """Its addresses, and what it printed."""
    started = machine("up", "--data", str(machine.folder), "--ports", "auto", "--detach")
    assert started.returncode == 0, started.stderr
    endpoints: dict[str, Any] = machine.status()["endpoints"]
    return endpoints, started.stderr


def count_of(machine: Machine) -> str:
    """How many events of ours are stored."""
    asked = ["curl", "--silent", "-K", str(machine.folder / "analyst.curl"), "-d"]
    sql = "SELECT uniqExact(event_id) FROM events WHERE org_id = 'acme' AND action = 'page:view'"
    return subprocess.run([*asked, sql], capture_output=True, text=True, check=True).stdout.strip()


def test_a_stack_is_watched_examined_copied_and_put_back(machine: Machine, tmp_path: Path) -> None:
    """WP1: Prometheus scrapes each role; dashboards and rules ask for what is there. A copy of the folder is a backup."""
    endpoints, said = start(machine)
    (key,) = re.findall(r"^admin key +(thk_\w+)$", said, re.MULTILINE)
    events = [
        {"action": "page:view", "org_id": "acme", "actor_user_id": f"u{each % 5}"} for each in range(EVENTS)
    ]
    sent = httpx.post(f"{endpoints['api']}/api/v1/events", json=events, auth=("admin", key), timeout=60)
    assert sent.status_code == 202, sent.text
    wait_for(lambda: count_of(machine) == str(EVENTS))

    targets = {role: address.split("/")[2] for role, address in endpoints["metrics"].items()}
    with running(tmp_path / "prometheus", targets) as prometheus:
        wait_for(lambda: len(prometheus.query('up{job="trailhouse"} == 1')) == len(targets) == len(WORKERS))
        prometheus.wait_for("trailhouse:records_in:rate5m > -1", WAIT_S)
        prometheus.wait_for("trailhouse_unaccounted_events == 0", WAIT_S)
        check_panels(prometheus)
        check_rules(prometheus)

    examined = machine("doctor", "--data", str(machine.folder), "--format", "json")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    found = json.loads(examined.stdout)
    assert {"topics", "clocks", "ClickHouse", "permissions"} <= {each["area"] for each in found}
    (machine.folder / "secrets.json").chmod(0o644)
    try:
        examined = machine("doctor", "--data", str(machine.folder), "--format", "json")
    finally:
        (machine.folder / "secrets.json").chmod(0o600)
    assert examined.returncode == 1
    failed = [each for each in json.loads(examined.stdout) if each["level"] == "fail"]
    assert f"chmod 600 {machine.folder / 'secrets.json'}" in {each["advice"] for each in failed}

    # As docs/operations/back-up.md says: stop, copy, lose the original, put the copy where it was, start.
    assert machine("down", "--data", str(machine.folder)).returncode == 0
    backup = tmp_path / "backup"
    subprocess.run(["cp", "--archive", str(machine.folder), str(backup)], check=True)
    shutil.rmtree(machine.folder)
    subprocess.run(["cp", "--archive", str(backup), str(machine.folder)], check=True)
    start(machine)
    assert count_of(machine) == str(EVENTS)
    balanced = machine("balance", "--data", str(machine.folder), "--format", "json")
    assert balanced.returncode == 0, balanced.stdout + balanced.stderr


def check_panels(prometheus: Prometheus) -> None:
    """Prometheus takes every query of the pipeline's dashboard, and has an answer to those that trouble does not make."""
    for expr in [query.expr for row in ROWS for panel in row.panels for query in panel.queries]:
        if QUIET.search(expr):
            prometheus.query(expr)
        else:
            prometheus.wait_for(expr, WAIT_S)


def check_rules(prometheus: Prometheus) -> None:
    """Each is evaluated without an error, and none of the alerts fires but that of a machine's own disk."""
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 30
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    assert firing <= {"TrailhouseDiskFilling"}
