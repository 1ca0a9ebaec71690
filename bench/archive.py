"""How fast the archive is and how large: simulated events from ClickHouse into a folder, and back.

`python -m bench.archive [EVENTS]`. Prints what one archiver process and the engine took in processor time as well: a busy
machine stretches the clock, not that.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
from tests.queries.archive.world import record_batch
from tests.sinks.lines import enriched

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.queries.archive.journal import mark_as_ours
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
BATCH = 20_000


def land(client: Client, count: int) -> int:
    """Land `count` simulated events, as a sink would, in batches."""
    plan = Plan(until=date(2026, 3, 31), orgs=3, people=200, days=90)
    events, number = [], 0
    for event in Simulation(plan).arrived():
        events.append(event)
        if len(events) == BATCH or number + len(events) == count:
            insert_lines(client, "landing", enriched(events, start=number, received=NOW))
            record_batch(client, number, number + len(events) - 1, epoch="epoch-a", at=NOW)
            number += len(events)
            events = []
        if number == count:
            break
    return number


@contextmanager
def measured(what: str, events: int, engine: psutil.Process) -> Iterator[None]:
    began, own, theirs = time.monotonic(), time.process_time(), sum(engine.cpu_times()[:2])
    yield
    seconds, cpu = time.monotonic() - began, time.process_time() - own
    engine_cpu = sum(engine.cpu_times()[:2]) - theirs
    print(
        f"{what}: {events / seconds:,.0f} events/s by the clock; {events / cpu:,.0f} a second of our processor time, "
        f"{events / max(engine_cpu, 1e-9):,.0f} of the engine's"
    )


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, LocalClickHouse(Path(folder) / "ch").running() as server:
        admin = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))
        clients = []
        for name in ("before", "after"):
            admin.command(f"CREATE DATABASE {name}")
            clients.append(connect(ClickHouseSettings(dsn=server.dsn("admin", name))))
            migrate(clients[-1])
        engine = psutil.Process(server.pid)
        events = land(clients[0], count)
        target = FolderTarget(Path(folder) / "archive")
        mark_as_ours(target)
        archiver = Archiver(target, clients[0])
        sizes: dict[str, int] = {}
        with measured("archived", events, engine):
            while manifest := archiver.step():
                for name, files in (("records", [manifest.records]), ("entries", manifest.entries)):
                    sizes[name] = sizes.get(name, 0) + sum(file.size for file in files)
        for name, size in sizes.items():
            print(f"{name}: {size / events:.1f} MB per million events")
        with measured("verified", events, engine):
            assert prove(target).problems == []
        with measured("restored", events, engine):
            restore(target, clients[1])
        for client in (*clients, admin):
            with closing(client):
                pass


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
