from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from trailhouse.deploy.cli import run

LINES: list[dict[str, object]] = [
    {"ts": "2026-01-31T12:00:00Z", "who": "ada@example.com", "what": "page:view", "n": 1},
    {"ts": "2026-01-31T12:00:01Z", "who": "bob@example.com", "what": "page:view", "n": 2},
    {"ts": "never", "who": "eve@example.com", "what": "page:view"},
]
MAPS = ["--map", "occurred_at=ts", "--map", "actor_email=who", "--map", "action=what", "--set", "org_id=acme"]


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        code = run(["import", *arguments], os.environ)
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """The command, in an environment that knows of no stack."""
    for name in list(os.environ):
        if name.startswith(("TRAILHOUSE_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Cli(capsys)


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, LINES)).encode()))
    return str(path)


def test_a_dry_run_prints_the_first_events_and_counts_the_rest(cli: Cli, log: str) -> None:
    """No stack is needed to try a mapping; a bad line is named by number and rule, not by its value."""
    ran = cli("ndjson", log, *MAPS, "--dry-run")
    assert ran.code == 0
    assert [event["actor_email"] for event in ran.events] == ["ada@example.com", "bob@example.com"]
    assert "log.jsonl:3: occurred_at: is no ISO 8601 time" in ran.err
    assert "would send 2 events" in ran.err
    assert "eve@example.com" not in ran.err
    assert "never" not in ran.err


def test_rejected_lines_are_kept_byte_for_byte(cli: Cli, log: str, tmp_path: Path) -> None:
    """--rejects holds the lines as they stood in the file."""
    rejects = tmp_path / "rejects.jsonl"
    cli("ndjson", log, *MAPS, "--dry-run", "--rejects", str(rejects))
    assert rejects.read_text() == json.dumps(LINES[2]) + "\n"


def test_only_the_first_rejects_are_shown(cli: Cli, tmp_path: Path) -> None:
    """Ten lines tell what is wrong; the sum tells how much."""
    path = tmp_path / "bad.jsonl"
    path.write_text("broken\n" * 25 + json.dumps(LINES[0]))
    ran = cli("ndjson", str(path), *MAPS, "--dry-run")
    assert ran.err.count("bad.jsonl:") == 10
    assert "and 15 more" in ran.err
    assert "25 lines rejected" in ran.err


def test_the_outcome_is_printed_as_json_when_asked(cli: Cli, log: str) -> None:
    """--format json puts the counts on stdout, for scripts."""
    ran = cli(
        "ndjson",
        log,
        "--map",
        "occurred_at=nothing",
        "--set",
        "org_id=a",
        "--set",
        "action=b",
        "--dry-run",
        "--format",
        "json",
    )
    outcome = json.loads(ran.out)
    assert (ran.code, outcome["events"], outcome["rejected"]) == (1, 0, 3)
    assert outcome["reasons"] == {"occurred_at: nothing found at nothing": 3}
    assert "error: none of 3 lines is an event" in ran.err


def test_standard_input_is_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is a file like any other."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(LINES[0]).encode())))
    assert cli("ndjson", "-", *MAPS, "--dry-run").events[0]["actor_email"] == "ada@example.com"


def test_a_mapping_file_and_options_go_together(cli: Cli, log: str, tmp_path: Path) -> None:
    """What the options say wins."""
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        '[map]\noccurred_at = "ts"\naction = "what"\nactor_email = "who"\n[set]\norg_id = "file"\n'
    )
    ran = cli("ndjson", log, "--mapping", str(mapping), "--set", "org_id=option", "--dry-run")
    assert {event["org_id"] for event in ran.events} == {"option"}
    assert {event["actor_email"] for event in ran.events} == {"ada@example.com", "bob@example.com"}


def test_csv_is_imported_with_its_delimiter_and_encoding(cli: Cli, tmp_path: Path) -> None:
    """The same mapping, a header row, other letters."""
    path = tmp_path / "old.csv"
    path.write_bytes("ts;who;what\n2026-01-31;Zoë;page:view\n".encode("latin-1"))
    maps = [
        "--map",
        "occurred_at=ts",
        "--map",
        "actor_name=who",
        "--map",
        "action=what",
        "--set",
        "org_id=acme",
    ]
    ran = cli("csv", str(path), *maps, "--delimiter", ";", "--encoding", "latin-1", "--dry-run")
    assert [event["actor_name"] for event in ran.events] == ["Zoë"]


def test_a_git_history_is_imported_and_a_made_up_organisation_is_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a remote the folder's name stands in, and the command says so."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
    subprocess.run(["git", "init", "-q", "widgets"], check=True, cwd=tmp_path)
    subprocess.run(
        ["git", "commit", "-q", "--allow-empty", "-m", "One"], check=True, cwd=tmp_path / "widgets"
    )
    ran = cli("git", "widgets", "--dry-run")
    assert (ran.code, [event["org_id"] for event in ran.events]) == (0, ["widgets"])
    assert "organisation 'widgets', after its folder" in ran.err
    assert "after its folder" not in cli("git", "widgets", "--org", "acme", "--dry-run").err


def test_a_file_that_breaks_off_fails_after_what_could_be_read(cli: Cli, tmp_path: Path) -> None:
    """Half an archive is half imported, and the command says where it broke, and fails."""
    path = tmp_path / "half.gz"
    whole = gzip.compress(b"".join(json.dumps(LINES[0] | {"n": n}).encode() + b"\n" for n in range(20_000)))
    path.write_bytes(whole[: len(whole) // 2])
    ran = cli("ndjson", str(path), *MAPS, "--dry-run")
    assert ran.code == 1
    assert "would send" in ran.err
    assert "error: half breaks off after line" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ndjson", "{log}", "--map", "occured_at=ts", "--dry-run"], 2, "did you mean occurred_at"),
        (
            ["ndjson", "{log}", "--set", "org_id=acme", "--dry-run"],
            2,
            "nothing says what occurred_at, action is",
        ),
        (
            ["csv", "{log}", "--dry-run"],
            2,
            "add --map org_id=PATH --map occurred_at=PATH --map action=PATH; --set",
        ),
        (["ndjson", "{log}", *MAPS, "--keep-unknown", "--dry-run"], 2, "--map attributes.NAME=PATH"),
        (["csv", "{log}", *MAPS, "--delimiter", ";;", "--dry-run"], 2, "not one character"),
        (["csv", "{log}", *MAPS, "--encoding", "utf-16", "--dry-run"], 2, "line by line"),
        (["csv", "{log}", *MAPS, "--encoding", "klingon", "--dry-run"], 2, "not known"),
        (["ndjson", "{log}", *MAPS, "--mapping", "nowhere.toml", "--dry-run"], 2, "nowhere.toml"),
        (["ndjson", "nowhere.jsonl", *MAPS, "--dry-run"], 1, "cannot read nowhere.jsonl"),
        (["git", "nowhere", "--dry-run"], 1, "nowhere is no folder"),
        (["git", ".", "--org", "a b", "--dry-run"], 2, "no organisation id"),
        (["ndjson"], 2, "Missing argument"),
        (["ndjson", "{log}", *MAPS], 1, "no running stack"),
    ],
)
def test_mistakes_are_told_in_one_line_with_their_exit_code(
    cli: Cli, log: str, arguments: list[str], code: int, words: str
) -> None:
    """2 for wrong usage, 1 for what could not be done; never a traceback."""
    ran = cli(*(log if argument == "{log}" else argument for argument in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
