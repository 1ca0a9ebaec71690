"""The whole path beside peers: a backlog on the raw topic until it can be queried; and one event on an idle path."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from kafka import KafkaProducer

from bench.database import Database, fresh_database
from bench.events import broken
from bench.groups import Committed, follow_commits, wait_for_readers
from bench.peers import PeerMissing, python_of
from bench.process import ROOT, Measured, cpu_seconds_of, running
from bench.stage import Raw, RunFailed, Stage
from bench.topics import PARTITIONS
from bench.wiring import Wiring

ROLES = ("stream", "sink", "clickhouse", "kafka")
LATENCY_EVENTS = 10
PATH: Final = "whole path"
QUIX_PATH: Final = "quixstreams + clickhouse-connect"
PASS_THROUGH: Final = "pass-through: raw records into one plain table"


@contextlib.contextmanager
def roles(stage: Stage, wiring: Wiring) -> Iterator[tuple[Measured, Measured]]:
    """The worker and the sink as shipped, on the same topics; the sink reads by then, the worker begins."""
    sink_wiring = replace(wiring, group=f"{wiring.group}-sink")
    scripts = ROOT / "bench/contenders"
    with (
        running(
            [sys.executable, str(scripts / "sink_worker.py"), sink_wiring.to_argument()],
            stage.folder / f"{wiring.group}-sink.log",
        ) as sink,
    ):
        wait_for_readers(stage.bootstrap, sink_wiring.group, [sink])
        with running(
            [sys.executable, str(scripts / "stream_worker.py"), wiring.to_argument()],
            stage.folder / f"{wiring.group}.log",
        ) as stream:
            yield stream, sink


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes a raw topic into tables: the roles as shipped, or one process of a peer."""

    name: str
    script: str = ""
    peer: str = ""


CONTENDERS: Final = (
    Contender(PATH),
    Contender(QUIX_PATH, "bench/peers/quix_clickhouse/path.py", "quix_clickhouse"),
    Contender(PASS_THROUGH, "bench/peers/pass_through/path.py", "pass_through"),
)
PASSED: Final = """
    CREATE TABLE passed (
      event_id String, occurred_at String, org_id LowCardinality(String), action LowCardinality(String), actor_user_id String,
      actor_email String, actor_ip String, user_agent String, source LowCardinality(String), entity_asset String, response_code UInt16
    ) ENGINE = MergeTree ORDER BY (org_id, occurred_at)
"""


def drain(
    stage: Stage, count: int, runs: int, say: Callable[[str], None], names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Interleaved runs over a backlog of `count` events: rate, and CPU seconds per million events of each process."""
    raw = stage.fill(count)
    chosen = [each for each in CONTENDERS if not names or any(name in each.name for name in names)]
    pythons: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for each in chosen:
        try:
            pythons[each.name] = python_of(each.peer) if each.peer else sys.executable
        except PeerMissing as error:
            rows.append({"contender": each.name, "missing": str(error)})
    chosen = [each for each in chosen if each.name in pythons]
    for run in range(runs):
        turn = run % max(1, len(chosen))
        for each in (*chosen[turn:], *chosen[:turn]):
            with fresh_database(stage.server, f"path_{run}") as database:
                wiring = replace(stage.wire(raw), clickhouse=database.dsn)
                row = drain_once(stage, wiring, raw, database, each, pythons[each.name])
            rows.append({"contender": each.name, "run": run + 1, **row})
            say(f"  {each.name:40} {row.get('rate', 0):10,.0f} events/s")
    return judged(rows, lost_at_most(count))


def lost_at_most(count: int) -> int:
    """Who checks nothing loses what cannot be parsed, and the record behind it with an open string."""
    return 2 * broken(count)


def judged(rows: Sequence[dict[str, Any]], lost: int) -> list[dict[str, Any]]:
    """The rows; void is who found other people than the rest. The pass-through may miss as many as it lost records."""
    found = [row["users"] for row in rows if "users" in row and row["contender"] != PASS_THROUGH]
    if not found:
        return list(rows)
    wanted = found[0]

    def verdict(row: dict[str, Any]) -> dict[str, Any]:
        least = wanted - lost if row["contender"] == PASS_THROUGH else wanted
        if "users" not in row or least <= row["users"] <= wanted:
            return row
        return {**row, "void": f"{row['users']} distinct users, the others found {wanted}"}

    return [verdict(row) for row in rows]


@contextlib.contextmanager
def _running(
    stage: Stage, wiring: Wiring, contender: Contender, python: str
) -> Iterator[dict[str, Measured]]:
    """The contender's processes by role, and in `wiring.clickhouse` what they write to."""
    if not contender.peer:
        with roles(stage, wiring) as (stream, sink):
            yield {"stream": stream, "sink": sink}
        return
    argv = [python, str(ROOT / contender.script), wiring.to_argument()]
    with running(argv, stage.folder / f"{wiring.group}.log") as process:
        yield {"one process": process}


def drain_once(  # noqa: PLR0913, PLR0917 - what a run of it is
    stage: Stage, wiring: Wiring, raw: Raw, database: Database, contender: Contender, python: str
) -> dict[str, Any]:
    engine, broker = stage.server.pid or 0, stage.kafka.pid or 0
    is_passing = contender.name == PASS_THROUGH
    if is_passing:
        database.client.command(PASSED)
    group = wiring.group if contender.peer else f"{wiring.group}-sink"
    try:
        with (
            _running(stage, wiring, contender, python) as processes,
            Committed(stage.bootstrap, group) as stored,
        ):
            wait_for_readers(stage.bootstrap, wiring.group, list(processes.values()))
            rate, cpu = follow_commits(
                stored,
                raw.count,
                list(processes.values()),
                lambda: [
                    *(each.cpu_seconds() for each in processes.values()),
                    cpu_seconds_of(engine),
                    cpu_seconds_of(broker),
                ],
            )
            rss = {role: each.rss_peak / 1e6 for role, each in processes.items()}
    except RunFailed as error:
        return {"void": str(error)}
    landed, users = database.passed() if is_passing else (database.landed(), database.users())
    lost = lost_at_most(raw.count) if is_passing else 0
    if not raw.count - lost <= landed <= raw.count:
        return {"void": f"{landed} raw offsets accounted for, wanted {raw.count} and at most {lost} fewer"}
    return {
        "events": raw.count,
        "users": users,
        "rate": rate,
        "cpu_s_per_million": dict(zip((*processes, "clickhouse", "kafka"), cpu, strict=True)),
        "rss_peak_mb": rss,
    }


def latency(stage: Stage, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds from `send` to being found by a query, one event at a time on an idle path."""
    seconds = []
    with fresh_database(stage.server, "latency") as database:
        wiring = replace(stage.wire(stage.fill(100)), clickhouse=database.dsn)
        producer = KafkaProducer(bootstrap_servers=stage.bootstrap, linger_ms=0)
        with roles(stage, wiring):
            _wait_for(database, 100)
            for number in range(LATENCY_EVENTS):
                value = _one_event()
                started = time.monotonic()
                producer.send(wiring.raw, value=value, partition=number % PARTITIONS)
                producer.flush()
                _wait_for(database, 101 + number)
                seconds.append(time.monotonic() - started)
        producer.close()
    median = statistics.median(seconds)
    say(f"  {'one event, idle path':40} {median:10.2f} s to queryable")
    return {"contender": "one event", "seconds": seconds, "median_s": median, "max_s": max(seconds)}


def _one_event() -> bytes:
    return (
        f'{{"event_id":"{uuid.uuid4()}","occurred_at":"{datetime.now(UTC).isoformat()}","org_id":"acme",'
        f'"action":"page:view","actor_user_id":"u-1"}}'
    ).encode()


def _wait_for(database: Database, count: int) -> None:
    deadline = time.monotonic() + 60
    while database.landed() < count:
        if time.monotonic() > deadline:
            raise RunFailed(f"{database.landed()} raw offsets accounted for after 60 s, wanted {count}")
        time.sleep(0.01)
