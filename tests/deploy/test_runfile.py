"""Processes known by pid and start time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from trailhouse.deploy import runfile


def test_a_pid_used_again_is_another_process(tmp_path: Path) -> None:
    """A file from before is not believed when the process with that pid started at another time."""
    file = tmp_path / "me.pid"
    runfile.write(file, os.getpid())
    assert (found := runfile.running(file)) is not None
    assert found.pid == os.getpid()
    file.write_text(f'{{"pid": {os.getpid()}, "started": 12345}}')
    assert runfile.running(file) is None
    file.write_text("nonsense")
    assert runfile.running(file) is None
    assert runfile.running(tmp_path / "none.pid") is None


def test_processes_end_within_their_grace(tmp_path: Path) -> None:
    """One that ends when told and one that does not are both gone afterwards."""
    ignores = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        for code in (ignores, "import time; print(flush=True); time.sleep(60)")
    ]
    for number, child in enumerate(children):
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        runfile.write(tmp_path / f"{number}.pid", child.pid)
    runfile.end(runfile.all_running(tmp_path), 0.2)
    assert runfile.all_running(tmp_path) == []


def test_only_a_supervised_process_writes_itself_down(tmp_path: Path) -> None:
    """A role on a cluster writes no file."""
    runfile.record({})
    file = tmp_path / "role.pid"
    runfile.record({runfile.VARIABLE: str(file)})
    assert runfile.running(file) is not None
