"""supervisord: its configuration, its start, and how we talk to it through its socket."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import xmlrpc.client
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trailhouse.deploy import runfile
from trailhouse.deploy.folder import UMASK, StackFolder
from trailhouse.deploy.programs import ARCHIVE, STORES, WORKERS, Program

GROUPS: Final = (("stores", 1, STORES), ("workers", 2, (*WORKERS, ARCHIVE)))
_SPAWNED: Final = re.compile(r" INFO spawned: '(\w+)' with pid ")
# supervisord's states, in words of ours.
STATES: Final = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "restarting",
    "STOPPING": "stopping",
    "STOPPED": "stopped",
    "EXITED": "stopped",
    "FATAL": "failed",
    "UNKNOWN": "unknown",
}


def supervisor_config(folder: StackFolder, programs: Sequence[Program]) -> str:
    """The text of `supervisord.conf`.

    A process that ends is started again, whatever its status; one that ignores SIGTERM is killed after its grace time.
    Processes stop by group, the workers first, so that they can still commit what they have done.
    """
    head = f"""[unix_http_server]
file={folder.socket}
chmod=0600

[supervisord]
nodaemon=true
silent=true
logfile={folder.logs / "supervisord.log"}
logfile_maxbytes=10MB
logfile_backups=2
loglevel=info
pidfile={folder.runfiles / "supervisord.lock"}
childlogdir={folder.logs}
minfds=1024

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    names = {program.name for program in programs}
    groups = [
        f"[group:{group}]\nprograms={','.join(each for each in members if each != ARCHIVE or each in names)}\npriority={priority}\n"
        for group, priority, members in GROUPS
    ]
    return "\n".join([head, *groups, *(_section(folder, program) for program in programs)])


def _section(folder: StackFolder, program: Program) -> str:
    environ = ",".join(f"{name}={_quoted(value)}" for name, value in program.environ.items())
    return f"""[program:{program.name}]
command={" ".join(_quoted(word) for word in program.argv)}
environment={environ}
autostart={str(program.is_autostarted).lower()}
autorestart=true
startsecs=1
startretries=1000
stopsignal=TERM
stopwaitsecs={program.stop_grace_s}
redirect_stderr=true
stdout_logfile={folder.logs / program.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def _quoted(text: str) -> str:
    return '"' + text.replace("%", "%%") + '"'


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A supervised process: `pid` is None while it does not run, `uptime_s` counts from its last start."""

    name: str
    pid: int | None
    state: str
    uptime_s: float = 0.0


class Supervisor:
    """The supervisord of one stack folder."""

    def __init__(self, folder: StackFolder) -> None:
        self._folder = folder

    @property
    def _runfile(self) -> Path:
        return self._folder.runfiles / "supervisord.pid"

    @property
    def pid(self) -> int | None:
        """Its pid if it runs."""
        process = runfile.running(self._runfile)
        return process.pid if process else None

    def start(self, programs: Sequence[Program]) -> None:
        """Write the configuration and start supervisord in a session of its own, so that it outlives our terminal."""
        self._folder.socket.unlink(missing_ok=True)
        config = self._folder.supervisor_config
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(supervisor_config(self._folder, programs))
        with (self._folder.logs / "supervisord.out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=UMASK,
                cwd=self._folder.path,
            )
        runfile.write(self._runfile, process.pid)

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            return bool(self._call("getState")["statecode"] == 1)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False

    def start_workers(self) -> None:
        """Start the roles, without waiting for them."""
        self._call("startProcessGroup", "workers", False)

    def processes(self) -> list[ProcessInfo]:
        """Every process in the order of the configuration; empty when supervisord does not answer."""
        try:
            infos = self._call("getAllProcessInfo")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return []
        return [
            ProcessInfo(
                info["name"],
                info["pid"] or None,
                STATES.get(info["statename"], "unknown"),
                info["now"] - info["start"],
            )
            for info in infos
        ]

    def restarts(self) -> dict[str, int]:
        """How often each process was started again since supervisord began, by its log; 0 once the log was rotated."""
        try:
            text = (self._folder.logs / "supervisord.log").read_text(errors="replace")
        except OSError:
            return {}
        starts = Counter(_SPAWNED.findall(text.rpartition("supervisord started with pid")[2]))
        return {name: count - 1 for name, count in starts.items()}

    def stop(self, grace_s: float) -> None:
        """Stop all processes, then supervisord; whatever is left after `grace_s` seconds is killed, orphans too."""
        supervisor = runfile.running(self._runfile)
        with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
            self._call("shutdown")
        if supervisor:
            runfile.wait(supervisor, grace_s)
        runfile.end(runfile.all_running(self._folder.runfiles), 1.0)
        self._folder.socket.unlink(missing_ok=True)

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415 - optional

        transport = SupervisorTransport(None, None, f"unix://{self._folder.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        return getattr(proxy.supervisor, method)(*arguments)
