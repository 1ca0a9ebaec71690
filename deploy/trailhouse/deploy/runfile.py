"""Which processes of a stack run: each writes its pid and start time into a file when it begins.

A pid alone may be another process by now; with its start time it cannot be.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

VARIABLE: Final = "TRAILHOUSE_RUNFILE"
_SAME_START_S: Final = 0.05


def record(environ: Mapping[str, str]) -> None:
    """Write this process down in the file `TRAILHOUSE_RUNFILE`; nothing when no supervisor set it."""
    if path := environ.get(VARIABLE):
        write(Path(path), os.getpid())


def write(path: Path, pid: int) -> None:
    """Write down the process `pid`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()}))
    draft.replace(path)


def running(path: Path) -> psutil.Process | None:
    """The process written down in `path` if it still runs."""
    try:
        kept = json.loads(path.read_text())
        process = psutil.Process(int(kept["pid"]))
        is_same = abs(process.create_time() - float(kept["started"])) < _SAME_START_S
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def all_running(folder: Path) -> list[psutil.Process]:
    """Every process written down in `folder` that still runs."""
    return [process for path in sorted(folder.glob("*.pid")) if (process := running(path))]


def wait(process: psutil.Process, grace_s: float) -> None:
    """Return when the process is gone; after `grace_s` seconds kill it."""
    _, left = psutil.wait_procs([process], timeout=grace_s)
    for each in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=5)


def end(processes: Sequence[psutil.Process], grace_s: float) -> None:
    """SIGTERM to all of them, SIGKILL to those still there after `grace_s` seconds; returns when all are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(list(processes), timeout=grace_s)
    for process in stubborn:
        wait(process, 0)
