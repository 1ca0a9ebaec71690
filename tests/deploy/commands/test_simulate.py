"""`trailhouse simulate` at its edges; sending is tested end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.simulate import last_day, rate_of, ways_to_go_on
from trailhouse.deploy.simulating import Made
from trailhouse.producers.simulation import Plan

SMALL = ["--orgs", "2", "--people", "8", "--days", "20", "--until", "2026-03-31"]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that knows of no stack."""
    for name in [name for name in os.environ if name.startswith("TRAILHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_it_says_what_it_made_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    """Organisations and incidents on stdout, advice on stderr."""
    assert run(["simulate", *SMALL, "--output", "events.ndjson"], os.environ) == 0
    captured = capsys.readouterr()
    assert "members at the end" in captured.out
    assert "alder" in captured.out
    assert "guessed_password" in captured.out
    assert "written to events.ndjson" in captured.err
    assert "import ndjson events.ndjson --wait" in captured.err


def test_json_holds_the_incidents(capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts: what to look for, and where."""
    assert run(["simulate", *SMALL, "--output", "x.ndjson", "--format", "json"], os.environ) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["events"] == len(Path("x.ndjson").read_text().splitlines())
    assert {each["kind"] for each in made["incidents"]} >= {"mass_deletion", "night_work"}
    assert [each["organisation"] for each in made["organisations"]] == ["alder", "birch"]


def test_standard_output_holds_events_alone() -> None:
    """They go through a pipe, the same each time; a reader that has seen enough is no error."""
    command = [sys.executable, "-m", "trailhouse.deploy", "simulate", *SMALL, "--output", "-"]
    ran = subprocess.run(command, capture_output=True, check=True)
    assert all(json.loads(line)["org_id"] in {"alder", "birch"} for line in ran.stdout.splitlines())
    assert b"events in" in ran.stderr
    piped = subprocess.run(
        ["sh", "-c", f"{' '.join(command)} | head -n 2"], capture_output=True, check=True, text=True
    )
    assert len(piped.stdout.splitlines()) == 2
    assert "Traceback" not in piped.stderr


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--until", "2999-01-01"], "is not over yet", 2),
        (["--until", "soon"], "is no date", 2),
        (["--rate", "fast"], "is no rate", 2),
        (["--rate", "5/s", "--events", "100"], "leave --until and --events out", 2),
        (["--people", "2"], "2 people cannot make 3 organisations", 2),
        ([], "no running stack found", 1),
    ],
)
def test_what_cannot_be_is_told(
    options: list[str], said: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and an exit code that says whose fault it is."""
    assert run(["simulate", *options], os.environ) == code
    assert said in capsys.readouterr().err


def test_the_last_day_is_over() -> None:
    """Yesterday, or earlier."""
    today = datetime.now(UTC).date()
    assert last_day(None, today) == today - timedelta(days=1)
    assert last_day("2026-01-31", date(2026, 2, 1)) == date(2026, 1, 31)
    with pytest.raises(typer.BadParameter):
        last_day("2026-02-01", date(2026, 2, 1))


@pytest.mark.parametrize(
    ("text", "a_second"), [("500/s", 500), ("500", 500), ("30/min", 0.5), ("36/h", 0.01)]
)
def test_rates(text: str, a_second: float) -> None:
    """A number, and what it is of."""
    assert rate_of(text) == a_second


@pytest.mark.parametrize("text", ["", "0/s", "-1", "1/day", "1e9"])
def test_what_is_no_rate(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(typer.BadParameter):
        rate_of(text)


def test_the_ways_on_are_about_what_was_made() -> None:
    """Its organisation and its days."""
    ways = "\n".join(ways_to_go_on(Made(Plan(until=date(2026, 3, 31), days=31)), None))
    assert "weekly_active_users --org alder --since 2026-03-01 --until 2026-03-31" in ways
    assert "trailhouse balance" in ways
