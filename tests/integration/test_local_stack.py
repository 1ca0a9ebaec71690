"""The local stack as people use it: `up`, kills, `status`, `down`, and up again on the same data."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.waiting import turns

from trailhouse.deploy import runfile
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.launch import stop
from trailhouse.deploy.programs import STORES, WORKERS

ROLES = (*STORES, *WORKERS)
LOOPBACKS = {"127.0.0.1", "::ffff:127.0.0.1"}


class Machine:
    """A machine with nothing but the command, and one state folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self._home = folder, home

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "trailhouse.deploy", *arguments]

    @property
    def environ(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRAILHOUSE_")}
        # Without it the SDK would see that it runs under pytest, and send nothing.
        return {**own, "TRAILHOUSE_STATE_HOME": str(self._home), "TRAILHOUSE_SEND": "always"}

    def status(self) -> dict[str, Any]:
        done = self("status", "--format", "json")
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def state(self, role: str) -> str:
        (state,) = [each["state"] for each in self.status()["roles"] if each["name"] == role]
        return str(state)

    def pids(self) -> dict[str, int]:
        return {
            role["name"]: role["pid"]
            for role in self.status()["roles"]
            if role["state"] == "running" and role["pid"]
        }

    @property
    def processes(self) -> list[psutil.Process]:
        """Every process that was ever written down in the folder and still runs."""
        return runfile.all_running(self.folder / "run")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Whatever a test leaves running is stopped."""
    machine = Machine(tmp_path / "stack", tmp_path / "home")
    yield machine
    if machine.folder.exists():
        stop(StackFolder.at(machine.folder))


def wait_for(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    for _ in turns(0.1):
        if condition():
            return
        assert time.monotonic() < deadline, "it never happened"


def test_up_kill_heal_down_and_up_again(machine: Machine) -> None:
    """Addresses are printed when everything answers; killed roles come back, the supervisor's death is mended, data stay."""
    folder = str(machine.folder)
    started = machine("up", "--data", folder, "--ports", "auto", "--detach")
    assert started.returncode == 0, started.stderr
    assert started.stdout == ""
    assert exposed(machine.folder) == []

    status = machine.status()
    endpoints = status["endpoints"]
    assert list(status) == ["endpoints", "roles"]
    assert list(endpoints) == ["kafka", "clickhouse", "api", "dashboard", "metrics"]
    assert sorted(endpoints["metrics"]) == sorted(WORKERS)
    assert sorted(role["name"] for role in status["roles"]) == sorted(ROLES)
    assert all(
        list(role) == ["name", "pid", "state", "lag", "uptime_s", "restarts"] for role in status["roles"]
    )
    # What the roles record of their own start may be on its way.
    wait_for(lambda: lags(machine.status()) == {"stream": 0, "sink": 0}, 30)
    for address in endpoints["metrics"].values():
        assert httpx.get(address).status_code == 200
    assert httpx.get(f"{endpoints['clickhouse']}/ping").text == "Ok.\n"
    assert httpx.get(f"{endpoints['api']}/healthz").status_code == 200
    assert "API key" in httpx.get(endpoints["dashboard"], follow_redirects=True).text
    assert (
        subprocess.run(
            [
                "curl",
                "-K",
                machine.folder / "reader.curl",
                "-d",
                "SELECT count() FROM events WHERE source != 'trailhouse'",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        == "0\n"
    )

    # The first key is shown where the stack was started, once; with it the collector takes an event.
    (key,) = re.findall(r"^admin key +(thk_\w+)$", started.stderr, re.MULTILINE)
    assert not any(key in log.read_text(errors="replace") for log in (machine.folder / "logs").glob("*.log"))
    sent = httpx.post(
        f"{endpoints['api']}/api/v1/events",
        json={"action": "user:login", "org_id": "acme"},
        auth=("admin", key),
        timeout=30,
    )
    assert sent.status_code == 202, sent.text

    # That the key was made is in the log, and so is whoever reads.
    def actions() -> set[str]:
        asked = [
            *("curl", "-K", str(machine.folder / "analyst.curl"), "-d"),
            "SELECT DISTINCT action FROM events",
        ]
        return set(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())

    assert httpx.get(f"{endpoints['api']}/api/v1/reports/active_users?org=acme").status_code == 200
    wait_for(lambda: {"key:create", "analytics:read", "user:login"} <= actions())

    secrets = json.loads((machine.folder / "secrets.json").read_text())
    hidden = [secrets["pepper"], *secrets["clickhouse"].values()]
    for process in machine.processes:
        shown = [*process.cmdline(), *process.environ().values()]
        assert not any(secret in word for word in shown for secret in hidden)
    assert {address for process in machine.processes for address in listening(process)} <= LOOPBACKS
    assert files_with(machine.folder, hidden) == {"secrets.json", "reader.curl", "analyst.curl"}

    again = machine("up", "--data", folder, "--detach")
    assert again.returncode == 0
    assert "already running" in again.stderr
    assert endpoints["api"] in again.stderr
    assert f"sql         curl -K {machine.folder}/reader.curl -d 'SHOW TABLES'" in again.stderr

    before = machine.pids()
    os.kill(before["clickhouse"], signal.SIGSTOP)  # the supervisor sees a process that runs
    try:
        wait_for(lambda: machine.state("clickhouse") in {"starting", "unhealthy"})
    finally:
        os.kill(before["clickhouse"], signal.SIGCONT)
    wait_for(lambda: machine.state("clickhouse") == "running")

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: (
            all(before[name] != pid for name, pid in machine.pids().items())
            and len(machine.pids()) == len(ROLES)
        )
    )
    assert all(role["restarts"] >= 1 and role["uptime_s"] < 600 for role in machine.status()["roles"])
    for address in endpoints["metrics"].values():
        wait_for(lambda address=address: answers(address.removesuffix("/metrics") + "/healthz"))  # type: ignore[misc]
    assert machine("balance", "--format", "json").returncode == 0

    supervisor = runfile.running(machine.folder / "run" / "supervisord.pid")
    assert supervisor is not None
    supervisor.kill()
    assert machine("status").returncode == 1
    back = machine("up", "--data", folder, "--detach")
    assert back.returncode == 0, back.stderr
    assert "admin key" not in back.stderr
    assert machine.status()["endpoints"] == endpoints

    family = machine.processes
    since = time.monotonic()
    down = machine("down")
    assert down.returncode == 0, down.stderr
    assert time.monotonic() - since < 15
    assert not any(process.is_running() for process in family)
    assert machine.processes == []
    assert machine("status").returncode == 1
    again = machine("down")
    assert (again.returncode, again.stderr) == (0, "nothing runs; another: --data DIR\n")
    assert exposed(machine.folder) == []


def test_sigterm_stops_a_foreground_stack(machine: Machine) -> None:
    """`up` in the foreground follows the logs, and SIGTERM leaves no process behind."""
    with subprocess.Popen(
        machine.command("up", "--data", str(machine.folder), "--ports", "auto"),
        env=machine.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as up:
        assert up.stderr is not None
        said = [line for line in iter(up.stderr.readline, "Ctrl-C stops everything.\n") if line]
        assert any(line.startswith("api") and "http://127.0.0.1:" in line for line in said)
        assert machine.processes
        up.terminate()
        rest = up.stderr.read()
    assert up.returncode == 128 + signal.SIGTERM
    assert "stopping" in rest
    assert machine.processes == []


def lags(status: dict[str, Any]) -> dict[str, int]:
    """How many records wait for each role that reads a topic."""
    return {role["name"]: role["lag"] for role in status["roles"] if role["lag"] is not None}


def exposed(folder: Path) -> list[str]:
    """What in a state folder, itself included, others than its owner have any right to; links have no rights."""
    found = []
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # a running engine renames and removes
            if not path.is_symlink() and path.lstat().st_mode & 0o077:
                found.append(str(path))
    return found


def listening(process: psutil.Process) -> set[str]:
    """The addresses a process takes connections at."""
    found = process.net_connections(kind="inet")
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def files_with(folder: Path, secrets: list[str]) -> set[str]:
    """The files of a state folder that hold one of these secrets."""
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
                found.add(str(path.relative_to(folder)))
    return found


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
