"""`trailhouse demo` as a newcomer types it, twice."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from trailhouse.deploy import runfile
from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.demo import print_sign_in
from trailhouse.deploy.folder import StackFolder


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    for message in ("first", "second"):
        git(folder, "commit", "--allow-empty", "--message", message)
    return folder


def test_what_it_says_to_type_can_be_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a second run, the command that makes another key: it fails for want of a stack, not of an option."""
    print_sign_in(None, StackFolder(tmp_path / "demo"))
    said = capsys.readouterr()
    _, words = (said.out + said.err).split("or: ")
    _, *arguments = shlex.split(words)
    assert run(arguments, {}) == 1
    assert "no stack" in capsys.readouterr().err


def test_the_demo_counts_everything_once(clone: Path, tmp_path: Path) -> None:
    """It ends by itself off a terminal with closed books and no process left; a second run finds the same events."""
    state = tmp_path / "demo"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRAILHOUSE_")}
    environ["TRAILHOUSE_STATE_HOME"] = str(tmp_path / "home")
    environ["TRAILHOUSE_SEND"] = "always"  # a newcomer's terminal is no test
    command = [sys.executable, "-m", "trailhouse.deploy", "demo", "--data", str(state), "--git", str(clone)]
    stored = []
    for turn in range(2):
        done = subprocess.run(
            command,
            env=environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        books = re.search(r"stored ([\d,]+) \+ repeats ([\d,]+) \+ rejected 0, unaccounted 0", done.stderr)
        assert books is not None, done.stderr
        stored.append(books[1])
        if turn == 0:
            events, sent = (
                re.search(r"([\d,]+) events", done.stderr),
                re.search(r"sent ([\d,]+) = ", done.stderr),
            )
            assert events is not None
            assert sent is not None
            assert events[1] == sent[1]
        assert ("the admin key was made" in done.stderr) == (turn == 0)
        assert ("reusing the state of run 1" in done.stderr) == (turn == 1)
        for title in ("Active users", "Weekly active users", "Most active users", "Events by action"):
            assert done.stdout.count(f"{title} · ") == 2
        assert "ada@example.com" in done.stdout
        assert re.search(r"commit:create +2\n", done.stdout)
        assert re.search(
            r"… and \d+ more: \S*/trailhouse report events_by_action --org acme --since \S+ --until \S+ --data \S",
            done.stdout,
        )
        assert runfile.all_running(state / "run") == []
    assert stored[0] == stored[1]
