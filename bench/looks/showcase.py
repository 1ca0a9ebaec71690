"""A simulated company behind a dashboard whose clock stands still, so that every look at it is the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import orjson
import uvicorn

from bench.database import fresh_database
from bench.enrich_one import RULES, OneRecord
from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers import AuditProducer, MemoryTransport
from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.queries.api import SERVER, create_app
from trailhouse.queries.key import EVERY_ORG, Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.queries.self_audit import SelfAudit
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.bundle import enrich_bundle

PLAN: Final = Plan(until=date(2026, 3, 26), orgs=2, people=150, days=200)
#: A Thursday afternoon; what the simulation has of the rest of that day has not happened yet.
NOW: Final = datetime(2026, 3, 26, 16, 40, tzinfo=UTC)
FRESH: Final = timedelta(seconds=12)
STEP: Final = timedelta(milliseconds=1)
CHUNK: Final = 5_000
START_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Showcase:
    """The dashboard at `url`, the company's name, and a key that may everything."""

    url: str
    org: str
    key: str


@contextmanager
def showing(server: LocalClickHouse, plan: Plan = PLAN, now: datetime = NOW) -> Iterator[Showcase]:
    """The company stored as the pipeline would, in a database of its own, and the API over it."""
    with fresh_database(server, "showcase") as database:
        fill(database.client, plan, now)
        key, text = new_key("ada", [EVERY_ORG], [Scope.ADMIN], now=datetime.now(UTC))
        add_keys(database.client, [key])
        settings = ApiSettings(
            clickhouse=ClickHouseSettings(dsn=Secret(database.dsn)),
            kafka=KafkaSettings(bootstrap="127.0.0.1:9"),
            key_rate=0,
        )
        with serving(settings, now) as url:
            yield Showcase(url, next(iter(plan.sizes())), text.reveal())


def fill(client: Client, plan: Plan, now: datetime) -> None:
    """Everything of the plan that happened before `now`, the last of it received `FRESH` ago."""
    until = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = [orjson.dumps(event) for event in Simulation(plan).arrived() if event["occurred_at"] < until]
    first = now - FRESH - len(values) * STEP
    for start in range(0, len(values), CHUNK):
        records = [
            OneRecord(at, int((first + at * STEP).timestamp() * 1000), None, value)
            for at, value in enumerate(values[start : start + CHUNK], start)
        ]
        bundle = enrich_bundle(records, epoch="showcase", partition=0, from_offset=start, rules=RULES)
        insert_lines(client, "landing", bundle.lines)
    row = {"epoch": "showcase", "partition": 0, "first": 0, "last": len(values) - 1}
    insert_lines(client, "batches", [orjson.dumps(row | {"received_at": (now - FRESH).isoformat()})])


@contextmanager
def serving(settings: ApiSettings, now: datetime) -> Iterator[str]:
    """The API on a free port, for whom it is always `now`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(settings, has_watch=False, audit=SelfAudit(_unheard), now=lambda: now)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", **SERVER))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_TIMEOUT_S)


def _unheard() -> AuditProducer:
    """For what the API records of its own readings: those of pictures are nobody's."""
    return AuditProducer(transport=MemoryTransport())
