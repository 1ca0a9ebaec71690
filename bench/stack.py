"""What a newcomer waits for: `trailhouse up` until it is ready, and `trailhouse import git --wait` end to end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.process import ROOT, environment
from bench.repository import make_repository

COMMAND_TIMEOUT_S = 600.0
ORG = "bench"


def newcomer(folder: Path, commits: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """`runs` cold starts, then one import of a repository of `commits` commits into the last stack."""
    rows: list[dict[str, Any]] = []
    for run in range(runs):
        data = folder / f"stack-{run}"
        try:
            seconds, text = _timed("up", "--detach", "--ports", "auto", "--data", str(data))
            rows.append({"contender": "up", "run": run + 1, "seconds": seconds, "said": text})
            say(f"  {'trailhouse up, new folder':40} {seconds:10.1f} s")
            if run == runs - 1 and commits:
                rows.append(_import(folder / "repository", data, commits))
                say(f"  {f'import git, {commits:,} commits':40} {rows[-1]['seconds']:10.1f} s")
        finally:
            _timed("down", "--data", str(data))
    return rows


def _import(repository: Path, data: Path, commits: int) -> dict[str, Any]:
    make_repository(repository, commits)
    seconds, text = _timed("import", "git", str(repository), "--org", ORG, "--wait", "--data", str(data))
    _, balance = _timed("balance", "--format", "json", "--data", str(data))
    books = json.loads(balance)
    # Besides the commits the books hold what Trailhouse records of itself.
    question = ("report", "events_by_action", "--org", ORG, "--last", "all", "--format", "json")
    _, answer = _timed(*question, "--data", str(data))
    stored = sum(row["events"] for row in json.loads(answer)["rows"] if row["action"].startswith("commit:"))
    row = {"contender": "import git", "run": 1, "seconds": seconds, "commits": commits, "said": text}
    if (stored, books["unaccounted"]) != (commits, 0):
        row["void"] = f"stored {stored} of {commits}, unaccounted {books['unaccounted']}"
    return row


def _timed(*arguments: str) -> tuple[float, str]:
    """Seconds a `trailhouse` command took, and what it wrote; raises with its words when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "trailhouse.deploy", *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"trailhouse {' '.join(arguments)}: {done.stderr[-2000:]}")
    return time.monotonic() - started, done.stdout or done.stderr
