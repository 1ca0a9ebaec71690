"""Which stack a command works on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trailhouse.deploy import runfile
from trailhouse.deploy.credentials import load_credentials
from trailhouse.deploy.errors import StackNotFound
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.registry import remember
from trailhouse.deploy.stack import find_stack
from trailhouse.deploy.state import ROLES, StackState, save_state


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that knows of no stack, in an empty working folder."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return {"TRAILHOUSE_STATE_HOME": str(tmp_path / "home")}


def pretend(path: Path, base: int) -> Path:
    """A folder whose stack seems to run: this very process is its supervisor."""
    folder = StackFolder.at(path)
    folder.make()
    save_state(folder.state, StackState({role: base + number for number, role in enumerate(ROLES)}))
    runfile.write(folder.runfiles / "supervisord.pid", os.getpid())
    return folder.path


def test_the_folder_named_wins(tmp_path: Path, environ: dict[str, str]) -> None:
    """--data, then TRAILHOUSE_DATA, then the environment's addresses, then the last one started."""
    named, variable, last = (
        pretend(tmp_path / name, base) for name, base in (("a", 100), ("b", 200), ("c", 300))
    )
    remember(last, environ)
    assert find_stack(None, environ).kafka.bootstrap == "127.0.0.1:300"
    environ["TRAILHOUSE_KAFKA_BOOTSTRAP"] = "kafka.example:9092"
    assert find_stack(None, environ).kafka.bootstrap == "kafka.example:9092"
    environ["TRAILHOUSE_DATA"] = str(variable)
    assert find_stack(None, environ).kafka.bootstrap == "127.0.0.1:200"
    assert find_stack(named, environ).kafka.bootstrap == "127.0.0.1:100"


def test_a_stopped_stack_is_passed_over(tmp_path: Path, environ: dict[str, str]) -> None:
    """The last one started that still runs is meant; one named that does not run is an error."""
    running, stopped = pretend(tmp_path / "running", 100), pretend(tmp_path / "stopped", 200)
    remember(running, environ)
    remember(stopped, environ)
    (stopped / "run" / "supervisord.pid").write_text('{"pid": 1, "started": 0}')
    assert find_stack(None, environ).kafka.bootstrap == "127.0.0.1:100"
    with pytest.raises(StackNotFound, match="no stack runs in") as caught:
        find_stack(stopped, environ)
    assert f"trailhouse up --data {stopped}" in caught.value.hint


def test_of_several_running_the_chosen_one_is_named(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody erases in a stack they forgot; with one, or one named, there is nothing to say."""
    first, last = pretend(tmp_path / "first", 100), pretend(tmp_path / "last", 200)
    remember(first, environ)
    find_stack(None, environ)
    find_stack(first, environ)
    assert capsys.readouterr().err == ""
    remember(last, environ)
    assert find_stack(None, environ).kafka.bootstrap == "127.0.0.1:200"
    told = capsys.readouterr().err
    assert "2 stacks run" in told
    assert "--data" in told
    assert "last" in told


def test_the_default_folder_is_looked_into(tmp_path: Path, environ: dict[str, str]) -> None:
    """A stack in ./.trailhouse is found although the list of stacks was lost."""
    with pytest.raises(StackNotFound, match="no running stack found"):
        find_stack(None, environ)
    pretend(tmp_path / "cwd" / ".trailhouse", 100)
    assert find_stack(None, environ).kafka.bootstrap == "127.0.0.1:100"


def test_each_identity_has_its_address(tmp_path: Path, environ: dict[str, str]) -> None:
    """Addresses hold the identity's own password; what is shown holds none."""
    folder = pretend(tmp_path / "a", 100)
    stack = find_stack(folder, environ)
    reader = stack.clickhouse("reader")
    password = load_credentials(folder / "secrets.json").clickhouse["reader"]
    assert (reader.username, reader.password, reader.port, reader.database) == (
        "reader",
        password,
        102,
        "trailhouse",
    )
    assert stack.endpoints() == {
        "kafka": "127.0.0.1:100",
        "clickhouse": "http://127.0.0.1:102",
        "api": "http://127.0.0.1:103",
        "dashboard": "http://127.0.0.1:103/org/dashboard/",
        "metrics": {
            role: f"http://127.0.0.1:{port}/metrics"
            for role, port in (("stream", 104), ("sink", 105), ("api", 103), ("alerts", 106))
        },
    }
    assert password.reveal() not in repr(stack) + str(stack.endpoints())


def test_by_the_environment_everybody_is_who_the_dsn_names(environ: dict[str, str]) -> None:
    """On a cluster the address says who we are, and others run the roles."""
    environ["TRAILHOUSE_CLICKHOUSE_DSN"] = "https://me:pw@ch.example:9443/audit"
    stack = find_stack(None, environ)
    assert stack.clickhouse("admin") == stack.clickhouse("reader")
    assert stack.clickhouse_url == "https://ch.example:9443"
    assert stack.roles() == []
