"""A running stack as commands see it: where things are, and who we are there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from trailhouse.deploy.errors import StackNotFound
from trailhouse.deploy.folder import DEFAULT, StackFolder
from trailhouse.deploy.health import PATIENCE_S, is_healthy, state_of
from trailhouse.deploy.invocation import short_path
from trailhouse.deploy.options import say
from trailhouse.deploy.ports import LOOPBACK
from trailhouse.deploy.programs import ARCHIVE, DATABASE, STORES, WORKERS
from trailhouse.deploy.registry import started_stacks
from trailhouse.deploy.state import load_state
from trailhouse.deploy.supervisor import Supervisor
from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from trailhouse.sinks.settings import ClickHouseSettings

IdentityName = Literal["admin", "ingest", "reader", "analyst", "api", "settings", "alerts", "archive"]


@dataclass(frozen=True, slots=True)
class Role:
    """One process of the stack; `pid` is None while it does not run, `lag` (records) where it has none.

    `state`: running, starting, unhealthy (it runs, and does not answer or says so itself), restarting, stopping,
    stopped, failed. `uptime_s` counts from its last start, `restarts` those since the stack was started.
    """

    name: str
    pid: int | None
    state: str
    lag: int | None = None
    uptime_s: int | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Stack:
    """Where Kafka, ClickHouse and the api are. `folder` is None for a stack known by the environment alone."""

    kafka: KafkaSettings
    environ: Mapping[str, str]
    folder: StackFolder | None = None
    ports: Mapping[str, int] = field(default_factory=dict)

    def clickhouse(self, identity: IdentityName) -> ClickHouseSettings:
        """ClickHouse as `identity`; by the environment alone, everybody is who the DSN names."""
        from trailhouse.deploy.clickhouse.server import dsn_of  # noqa: PLC0415
        from trailhouse.deploy.credentials import load_credentials  # noqa: PLC0415
        from trailhouse.sinks.settings import ClickHouseSettings  # noqa: PLC0415

        if self.folder is None:
            return ClickHouseSettings.from_env(self.environ)
        password = load_credentials(self.folder.credentials).clickhouse[identity]
        return ClickHouseSettings(dsn=dsn_of(self.ports["clickhouse"], identity, password, DATABASE))

    @property
    def clickhouse_url(self) -> str:
        """ClickHouse's address without user and password."""
        settings = self.clickhouse("reader")
        return f"{'https' if settings.is_secure else 'http'}://{settings.host}:{settings.port}"

    @property
    def api_url(self) -> str:
        port = self.ports.get("api") or self.environ.get("TRAILHOUSE_API_PORT", "8080")
        return f"http://{LOOPBACK}:{port}"

    def dashboard_url(self, org: str = "") -> str:
        """The dashboard's address, of one organisation if it is named."""
        return f"{self.api_url}/org/dashboard/" + (f"?org={org}" if org else "")

    @property
    def sql(self) -> str:
        """A command line that asks ClickHouse as the reader; empty by the environment alone."""
        if self.folder is None:
            return ""
        return f"curl -K {short_path(self.folder.reader_curl)} -d 'SHOW TABLES'"

    @property
    def metrics(self) -> dict[str, str]:
        """Where each role serves its metrics."""
        return {
            role: f"http://{LOOPBACK}:{self.ports[role]}/metrics"
            for role in (*WORKERS, ARCHIVE)
            if role in self.ports
        }

    def endpoints(self) -> dict[str, Any]:
        """Every address, as `trailhouse status --format json` prints them."""
        return {
            "kafka": self.kafka.bootstrap,
            "clickhouse": self.clickhouse_url,
            "api": self.api_url,
            "dashboard": self.dashboard_url(),
            "metrics": self.metrics,
        }

    def roles(self) -> list[Role]:
        """The processes and how far behind they are; empty by the environment alone, where others run them."""
        from trailhouse.deploy.lag import lags  # noqa: PLC0415 - loads the Kafka client

        if self.folder is None:
            return []
        groups = {
            "stream": ("trailhouse-stream", self.kafka.raw_topic),
            "sink": ("trailhouse-sink", self.kafka.enriched_topic),
        }
        supervisor = Supervisor(self.folder)
        known = (*STORES, *WORKERS, ARCHIVE)
        processes = sorted(supervisor.processes(), key=lambda each: known.index(each.name))
        order = [each.name for each in processes]
        restarts = supervisor.restarts()
        with ThreadPoolExecutor() as pool:  # those that hang, hang at the same time
            wells: dict[str, bool] = dict(zip(order, pool.map(self._is_well, order), strict=True))
        # A client would wait half a minute for a broker that is away.
        behind = lags(self.kafka, groups) if wells.get("kafka") else {}
        return [
            Role(
                each.name,
                each.pid,
                state_of(each.state, each.uptime_s, is_well=wells[each.name]),
                behind.get(each.name),
                None if each.pid is None else int(each.uptime_s),
                restarts.get(each.name, 0),
            )
            for each in processes
        ]

    def _is_well(self, name: str) -> bool:
        from trailhouse.deploy.kafka.probe import answers  # noqa: PLC0415

        if name not in self.ports:  # a stack that an earlier version started
            return False
        port = self.ports[name]
        return answers(LOOPBACK, port, PATIENCE_S) if name == "kafka" else is_healthy(port, PATIENCE_S)


_SECURITY: Final = ("TRAILHOUSE_KAFKA_SECURITY", "TRAILHOUSE_KAFKA_SASL", "TRAILHOUSE_KAFKA_SSL")


def find_stack(data: Path | None, environ: Mapping[str, str]) -> Stack:
    """The stack to work on: `data` or `TRAILHOUSE_DATA`; else the environment's Kafka and ClickHouse; else the last
    one started that runs, which it says where several do. Raises `StackNotFound`.
    """
    if data or environ.get("TRAILHOUSE_DATA"):
        folder = StackFolder.at(data or Path(environ["TRAILHOUSE_DATA"]))
        if stack := local_stack(folder, environ):
            return stack
        raise StackNotFound(
            f"no stack runs in {folder.path}", hint=f"start it: trailhouse up --data {folder.path}"
        )
    if environ.get("TRAILHOUSE_KAFKA_BOOTSTRAP") or environ.get("TRAILHOUSE_CLICKHOUSE_DSN"):
        return Stack(KafkaSettings.from_env(environ), environ)
    folders = dict.fromkeys(StackFolder.at(path).path for path in [*started_stacks(environ), DEFAULT])
    running = [stack for path in folders if (stack := local_stack(StackFolder.at(path), environ))]
    if len(running) > 1 and (chosen := running[0].folder) is not None:
        say(
            f"note: {len(running)} stacks run; this is the last one started: --data {short_path(chosen.path)}"
        )
    if running:
        return running[0]
    raise StackNotFound(
        "no running stack found",
        hint="start one: trailhouse up; or name one: --data DIR, TRAILHOUSE_DATA, or TRAILHOUSE_KAFKA_BOOTSTRAP and TRAILHOUSE_CLICKHOUSE_DSN",
    )


def local_stack(folder: StackFolder, environ: Mapping[str, str]) -> Stack | None:
    """The stack in `folder` if its supervisor runs."""
    if not folder.state.exists() or Supervisor(folder).pid is None:
        return None
    state = load_state(folder.state)
    return stack_at(folder, state.ports, environ) if state else None


def stack_at(folder: StackFolder, ports: Mapping[str, int], environ: Mapping[str, str]) -> Stack:
    """The stack that `folder` and `ports` describe, running or not."""
    # Its broker has the plain listener alone, whatever the environment says of another one.
    names = {key: text for key, text in environ.items() if not key.startswith(_SECURITY)}
    kafka = KafkaSettings.from_env({**names, "TRAILHOUSE_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{ports['kafka']}"})
    return Stack(kafka, environ, folder, ports)
