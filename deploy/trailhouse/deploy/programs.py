"""What a local stack consists of: its processes, their commands and their environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from trailhouse.deploy import runfile
from trailhouse.deploy.clickhouse.server import command as clickhouse_command
from trailhouse.deploy.credentials import VARIABLE
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.kafka.broker import command as kafka_command
from trailhouse.deploy.ports import LOOPBACK

DATABASE: Final = "trailhouse"
STORES: Final = ("kafka", "clickhouse")
WORKERS: Final = ("stream", "sink", "api", "alerts")
#: Runs where a target is set.
ARCHIVE: Final = "archive"
TARGET: Final = "TRAILHOUSE_ARCHIVE_TARGET"


@dataclass(frozen=True, slots=True)
class Program:
    """One process for the supervisor. Nothing here is secret: what is, a role reads itself (`credentials.with_secrets`)."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    is_autostarted: bool = False
    stop_grace_s: int = 2


def workers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The roles of a stack: the archive is one where the environment names its target."""
    return (*WORKERS, ARCHIVE) if environ.get(TARGET) else WORKERS


def programs(folder: StackFolder, ports: Mapping[str, int], *, has_archive: bool = False) -> list[Program]:
    """The processes of a stack, in the order they start in.

    The sink writes as `ingest`, the api reads as `api`; what it changes it writes as `settings` or, about alerts, as
    `alerts`, as the role of that name does. The archive reads as `archive`, who may see no personal data. Nobody runs
    as `admin`.
    """

    def program(
        name: str,
        argv: list[str],
        environ: Mapping[str, str],
        *,
        is_store: bool = False,
        grace_s: int = 2,
    ) -> Program:
        tied = {"TRAILHOUSE_TETHER": "1", runfile.VARIABLE: str(folder.runfiles / f"{name}.pid")}
        return Program(name, tuple(argv), {**tied, **environ}, is_autostarted=is_store, stop_grace_s=grace_s)

    def dsn(identity: str) -> str:
        return f"http://{identity}@{LOOPBACK}:{ports['clickhouse']}/{DATABASE}"

    def role(name: str, *words: str, **environ: str) -> Program:
        own = {
            VARIABLE: str(folder.credentials),
            "TRAILHOUSE_METRICS_PORT": str(ports[name]),
            "TRAILHOUSE_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{ports['kafka']}",
        }
        argv = [sys.executable, "-m", "trailhouse.deploy", name, *words]
        return program(name, argv, {**own, **environ}, grace_s=3)

    return [
        program("kafka", kafka_command(folder.kafka, ports["kafka"], ports["controller"]), {}, is_store=True),
        program(
            "clickhouse",
            clickhouse_command(folder.clickhouse, ports["clickhouse"], folder.credentials),
            {},
            is_store=True,
        ),
        role("stream", TRAILHOUSE_STREAM_DATADIR=str(folder.stream)),
        role("sink", TRAILHOUSE_CLICKHOUSE_DSN=dsn("ingest")),
        role(
            "api",
            TRAILHOUSE_CLICKHOUSE_DSN=dsn("api"),
            TRAILHOUSE_API_SETTINGS_DSN=dsn("settings"),
            TRAILHOUSE_API_PORT=str(ports["api"]),
            TRAILHOUSE_SPOOL_DIR=str(folder.spool),
            TRAILHOUSE_ALERTS_CLICKHOUSE_DSN=dsn("alerts"),
            TRAILHOUSE_ALERTS_URL=f"http://{LOOPBACK}:{ports['api']}",
        ),
        role(
            "alerts",
            "run",
            TRAILHOUSE_CLICKHOUSE_DSN=dsn("alerts"),
            TRAILHOUSE_ALERTS_URL=f"http://{LOOPBACK}:{ports['api']}",
        ),
        *([role(ARCHIVE, "run", TRAILHOUSE_CLICKHOUSE_DSN=dsn("archive"))] if has_archive else []),
    ]
