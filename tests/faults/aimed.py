"""Kills aimed at one step of an insert or a commit, where a random kill would hit once in a thousand times.

Two ways. `strace` attaches to the process and sends SIGKILL at the N-th call of a kind; it needs leave to trace
(`trouble` says why there is none). Failpoints need nothing: the process, started by a wrapper of ours, kills itself at
the N-th pass of a step; "freeze STEP" stops it there instead, until it is told to go on. Only the wrappers read the variable; the product knows nothing of it.

The facade's wrapper, `python aimed.py FOLDER …`, knows `begin` (before the engine sees an insert),
`folder` (a part's folder was made, its files are being written), `rename` (a part was moved to its place) and `answer`
(the insert is done, nobody was told). The sink's, `python aimed.py sink`: `before insert`, `in insert`, `after insert`,
`before commit`, `after commit`.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import runpy
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "TRAILHOUSE_TEST_FAILPOINT"
ENGINE_STEPS: Final = ("begin", "folder", "rename", "answer")
SINK_STEPS: Final = ("before insert", "in insert", "after insert", "before commit", "after commit")
#: What `strace` is told for a kind of call.
CALLS: Final = {
    "rename": "rename,renameat,renameat2",
    "fdatasync": "fdatasync,fsync",
    "write": "write,pwrite64",
    "mkdir": "mkdir,mkdirat",
    "send": "sendto,sendmsg,write",
}
_PR_SET_PTRACER: Final = 0x59616D61
_PR_SET_PTRACER_ANY: Final = ctypes.c_ulong(-1)
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100


def trouble() -> str:
    """Why `strace` cannot be used here; empty when it can. Tried on a process like those it will be used on."""
    if shutil.which("strace") is None:
        return "there is no strace on this machine"
    allow = f"import ctypes,time; ctypes.CDLL(None).prctl({_PR_SET_PTRACER}, ctypes.c_ulong(-1)); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", allow], stdout=subprocess.PIPE) as probe:
        assert probe.stdout is not None
        probe.stdout.readline()
        try:
            with struck(probe.pid, "write", 1):
                pass
        except PermissionError as error:
            return str(error)
        finally:
            probe.kill()
    return ""


@contextlib.contextmanager
def struck(pid: int, kind: str, number: int) -> Iterator[None]:
    """Within the block, the process dies at the `number`-th call of `kind` by any one of its threads.

    Raises `PermissionError`, with what strace says, when it may not attach.
    """
    calls = CALLS[kind]
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-p", str(pid), "-e", f"trace={calls}"]
    tracer = subprocess.Popen(
        [*command, "-e", f"inject={calls}:signal=SIGKILL:when={number}"], stderr=subprocess.PIPE
    )
    try:
        while not is_traced(pid):
            if tracer.poll() is not None:
                assert tracer.stderr is not None
                raise PermissionError(tracer.stderr.read().decode().strip())
            time.sleep(0.005)
        yield
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        tracer.communicate()


def is_traced(pid: int) -> bool:
    """Whether every thread of the process has a tracer."""
    with contextlib.suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
    return False


def kill_at(point: str, step: str, passes: Iterator[int]) -> None:
    """End this process, or freeze it, if `point` ("STEP:N" or "freeze STEP:N") says that this pass of the step is the one."""
    wanted, _, number = point.rpartition(":")
    if wanted in {step, f"freeze {step}"} and next(passes) == int(number):
        os.kill(os.getpid(), signal.SIGKILL if wanted == step else signal.SIGSTOP)


def watch_parts(data: Path, point: str) -> None:
    """Kill this process when the N-th part's folder is made in, or moved within, any table that exists by now."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_CLOEXEC)
    step = point.rpartition(":")[0]
    for table in (data / "store").glob("*/*"):
        libc.inotify_add_watch(queue, os.fsencode(table), _IN_CREATE if step == "folder" else _IN_MOVED_TO)

    def watch() -> None:
        passes = itertools.count(1)
        while True:
            told = os.read(queue, 65536)
            while told:
                (length,) = struct.unpack_from("12xI", told)
                name, told = told[16 : 16 + length], told[16 + length :]
                if step == "rename" or name.startswith(b"tmp_insert"):
                    kill_at(point, step, passes)

    threading.Thread(target=watch, daemon=True).start()


def run_engine(folder: Path) -> None:
    """The facade with a failpoint; its arguments are this process's."""
    from trailhouse.deploy.clickhouse.engine import Connection

    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY)
    point = os.environ.get(VARIABLE, "")
    if point.startswith(("folder:", "rename:")):
        watch_parts(folder, point)
    begun, answered = itertools.count(1), itertools.count(1)
    run: Callable[..., Any] = Connection.run

    def failing(self: Connection, sql: str | bytes, *arguments: Any) -> Any:
        is_insert = (sql if isinstance(sql, bytes) else sql.encode()).lstrip().upper().startswith(b"INSERT")
        if is_insert:
            kill_at(point, "begin", begun)
        result = run(self, sql, *arguments)
        if is_insert:
            kill_at(point, "answer", answered)
        return result

    setattr(Connection, "run", failing)  # noqa: B010  # mypy allows no assignment to a method
    runpy.run_module("trailhouse.deploy.clickhouse", run_name="__main__")


def run_sink() -> None:
    """The sink with a failpoint."""
    from kafka import KafkaConsumer

    from trailhouse.sinks import worker
    from trailhouse.sinks.settings import SinkSettings
    from trailhouse.sinks.writer import ClickHouseWriter

    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY)
    point = os.environ.get(VARIABLE, "")

    def around(owner: Any, name: str, step: str) -> None:
        method: Callable[..., Any] = getattr(owner, name)
        before, after, within = itertools.count(1), itertools.count(1), itertools.count(1)

        def failing(*arguments: Any, **options: Any) -> Any:
            kill_at(point, f"before {step}", before)
            if point.startswith(f"in {step}:"):
                threading.Timer(0.003, kill_at, (point, f"in {step}", within)).start()
            result = method(*arguments, **options)
            kill_at(point, f"after {step}", after)
            return result

        setattr(owner, name, failing)

    around(ClickHouseWriter, "write", "insert")
    around(KafkaConsumer, "commit", "commit")
    worker.run(SinkSettings.from_env(os.environ))


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        run_sink()
    else:
        run_engine(Path(sys.argv[1]))
