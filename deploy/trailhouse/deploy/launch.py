"""Starting and stopping a stack: `start` returns when every part answers, `stop` when every process is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from trailhouse.deploy import runfile
from trailhouse.deploy.checks import check_memory, check_packages, check_python
from trailhouse.deploy.child import last_lines
from trailhouse.deploy.credentials import load_credentials
from trailhouse.deploy.errors import StackRunning, StackStarting, StartFailed
from trailhouse.deploy.folder import StackFolder, private_files
from trailhouse.deploy.health import is_healthy
from trailhouse.deploy.kafka.jars import fetch_jars, find_jars
from trailhouse.deploy.kafka.probe import answers as kafka_answers
from trailhouse.deploy.ports import LOOPBACK
from trailhouse.deploy.programs import ARCHIVE, WORKERS, programs, workers
from trailhouse.deploy.registry import remember
from trailhouse.deploy.stack import Stack, stack_at
from trailhouse.deploy.state import StackState, choose_ports, load_state, save_state
from trailhouse.deploy.supervisor import Supervisor

READY_TIMEOUT_S: Final = 90.0
STOP_GRACE_S: Final = 6.0

# Told what became ready, in how many seconds, and what there is to say about it.
Progress = Callable[[str, float, str], None]


def start(
    folder: StackFolder,
    environ: Mapping[str, str],
    *,
    choice: str | None = None,
    partitions: int | None = None,
    progress: Progress | None = None,
) -> Stack:
    """Start the stack in `folder` and return it when every part answers.

    `choice` of ports ("default" or "auto") and `partitions` fall back to those of the last start. Raises
    `StackRunning`, `StackStarting`, `PortTaken`, `MissingPackage` and `StartFailed`; what was started is stopped then.
    """
    told = _Told(progress or (lambda _name, _seconds, _text: None))
    check_python()
    check_packages()
    folder.make()
    with private_files(), _only_starter(folder):
        supervisor = Supervisor(folder)
        if supervisor.pid is not None:
            raise StackRunning(
                f"a stack runs in {folder.path} already",
                hint=f"stop it: trailhouse down --data {folder.path}",
            )
        runfile.end(runfile.all_running(folder.runfiles), 3.0)  # what a killed supervisor left behind
        check_memory(psutil.virtual_memory().available)
        roles = workers(environ)
        state = _next_state(load_state(folder.state), choice, partitions, roles[len(WORKERS) :])
        load_credentials(folder.credentials)  # made now, so that the roles only ever read them
        if find_jars(environ) is None:
            fetch_jars(environ)
            told("Kafka's jars", "fetched once, 43 MB")
        try:
            supervisor.start(programs(folder, state.ports, has_archive=ARCHIVE in roles))
            save_state(folder.state, state)
            stack = stack_at(folder, state.ports, environ)
            write_curl_configs(stack)
            _bring_up(stack, supervisor, state, told, roles)
        except BaseException:
            supervisor.stop(STOP_GRACE_S)
            raise
    remember(folder.path, environ)
    return stack


def stop(folder: StackFolder) -> bool:
    """Stop everything that runs in `folder`; returns whether anything did."""
    ran = bool(runfile.all_running(folder.runfiles))
    Supervisor(folder).stop(STOP_GRACE_S)
    return ran


def is_running(folder: StackFolder) -> bool:
    """Whether the stack in `folder` has a supervisor."""
    return Supervisor(folder).pid is not None


class _Told:
    """Tells how long each step took."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._since = progress, time.monotonic()

    def __call__(self, name: str, text: str) -> None:
        now = time.monotonic()
        self._progress(name, now - self._since, text)
        self._since = now


def _next_state(
    last: StackState | None, choice: str | None, partitions: int | None, more: Sequence[str]
) -> StackState:
    last = last or StackState()
    chosen = choice or last.choice
    return StackState(choose_ports(chosen, last.ports, more), chosen, partitions or last.partitions)


def _bring_up(
    stack: Stack, supervisor: Supervisor, state: StackState, told: _Told, roles: Sequence[str]
) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S

    def wait(name: str, probe: Callable[[], bool]) -> None:
        while not probe():
            if supervisor.pid is None:
                raise StartFailed("supervisord ended", cause=last_lines(_log(stack, "supervisord")))
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{name} did not answer within {READY_TIMEOUT_S:g} s", cause=last_lines(_log(stack, name))
                )
            time.sleep(0.05)

    # supervisord looks at its processes once a second, or when it is asked something.
    wait("supervisord", supervisor.answers)
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415 - loaded while Kafka starts
    from trailhouse.sinks.migrate import migrate  # noqa: PLC0415
    from trailhouse.stream.topics import create_topics  # noqa: PLC0415

    wait("clickhouse", lambda: is_healthy(state.ports["clickhouse"]))
    create_database(stack)
    client = connect(stack.clickhouse("admin"))
    migrate(client)
    client.close()
    told("ClickHouse", f"{LOOPBACK}:{state.ports['clickhouse']}")
    wait("kafka", lambda: kafka_answers(LOOPBACK, state.ports["kafka"]))
    create_topics(stack.kafka, state.partitions)
    told("Kafka", stack.kafka.bootstrap)
    supervisor.start_workers()
    for role in roles:
        wait(role, lambda port=state.ports[role]: is_healthy(port))  # type: ignore[misc]
    told("the other roles", stack.api_url)


def create_database(stack: Stack) -> None:
    """Create the database of the stack if it is new."""
    import dataclasses  # noqa: PLC0415

    from trailhouse.producers.settings import Secret  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    settings = stack.clickhouse("admin")
    anywhere = settings.dsn.reveal().rpartition("/")[0] + "/default"
    client = connect(dataclasses.replace(settings, dsn=Secret(anywhere)))
    client.command(f"CREATE DATABASE IF NOT EXISTS `{settings.database}`")
    client.close()


def write_curl_configs(stack: Stack) -> None:
    """Write `reader.curl` and `analyst.curl`, with which `curl -K` asks ClickHouse, no password on any command line."""
    assert stack.folder is not None
    for settings, path in (
        (stack.clickhouse("reader"), stack.folder.reader_curl),
        (stack.clickhouse("analyst"), stack.folder.analyst_curl),
    ):
        text = (
            f'url = "{stack.clickhouse_url}/?database={settings.database}"\n'
            f'user = "{settings.username}:{settings.password.reveal()}"\n'
            "silent\nshow-error\n"
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


@contextlib.contextmanager
def _only_starter(folder: StackFolder) -> Iterator[None]:
    with folder.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackStarting(
                f"another `trailhouse up` is starting the stack in {folder.path}", hint="wait for it"
            ) from None
        yield


def _log(stack: Stack, name: str) -> Path:
    assert stack.folder is not None
    return stack.folder.logs / f"{name}.log"
