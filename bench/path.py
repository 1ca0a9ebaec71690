"""The whole path: a backlog on the raw topic until it can be queried, and one event on an idle path."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaProducer

from bench.database import Database, fresh_database
from bench.groups import Committed, follow_commits
from bench.process import ROOT, Measured, cpu_seconds_of, running
from bench.stage import Raw, RunFailed, Stage
from bench.topics import PARTITIONS
from bench.wiring import Wiring

ROLES = ("stream", "sink", "clickhouse", "kafka")
LATENCY_EVENTS = 20


@contextlib.contextmanager
def roles(stage: Stage, wiring: Wiring) -> Iterator[tuple[Measured, Measured]]:
    """The worker and the sink as shipped, on the same topics."""
    sink_wiring = replace(wiring, group=f"{wiring.group}-sink")
    scripts = ROOT / "bench/contenders"
    with (
        running(
            [sys.executable, str(scripts / "sink_worker.py"), sink_wiring.to_argument()],
            stage.folder / f"{wiring.group}-sink.log",
        ) as sink,
        running(
            [sys.executable, str(scripts / "stream_worker.py"), wiring.to_argument()],
            stage.folder / f"{wiring.group}.log",
        ) as stream,
    ):
        yield stream, sink


def drain(stage: Stage, count: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Runs over a backlog of `count` events: rate, and CPU seconds per million events of each role."""
    raw = stage.fill(count)
    rows = []
    for run in range(runs):
        with fresh_database(stage.server, f"path_{run}") as database:
            row = _drain(stage, replace(stage.wire(raw), clickhouse=database.dsn), raw, database)
        rows.append({"contender": "whole path", "run": run + 1, **row})
        say(f"  {'raw topic to queryable':40} {row.get('rate', 0):10,.0f} events/s")
    return rows


def _drain(stage: Stage, wiring: Wiring, raw: Raw, database: Database) -> dict[str, Any]:
    engine, broker = stage.server.pid or 0, stage.kafka.pid or 0
    try:
        with (
            roles(stage, wiring) as (stream, sink),
            Committed(stage.bootstrap, f"{wiring.group}-sink") as stored,
        ):
            rate, cpu = follow_commits(
                stored,
                raw.count,
                [stream, sink],
                lambda: [
                    stream.cpu_seconds(),
                    sink.cpu_seconds(),
                    cpu_seconds_of(engine),
                    cpu_seconds_of(broker),
                ],
            )
            rss = {"stream": stream.rss_peak / 1e6, "sink": sink.rss_peak / 1e6}
    except RunFailed as error:
        return {"void": str(error)}
    landed = database.landed()
    if landed != raw.count:
        return {"void": f"{landed} raw offsets accounted for, wanted {raw.count}"}
    return {
        "events": raw.count,
        "rate": rate,
        "cpu_s_per_million": dict(zip(ROLES, cpu, strict=True)),
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
