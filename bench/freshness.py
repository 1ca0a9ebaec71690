"""From the call of `emit` to a report that counts the event, while others come in."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from bench.database import Database, fresh_database
from bench.flow import coming_in
from bench.path import roles
from bench.stage import RunFailed, Stage
from trailhouse.producers import AuditProducer, KafkaSettings
from trailhouse.queries.caller import Caller
from trailhouse.queries.report import load
from trailhouse.queries.runner import run

EVENTS_PER_S: Final = 2_000
PROBES: Final = 100
#: An organisation nobody else's events are of: its active users are the probes that arrived.
ORG: Final = "probe"
REPORT: Final = load()["active_users"]
POLL_S: Final = 0.02
TIMEOUT_S: Final = 60.0


def measure(stage: Stage, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds from `emit` until `active_users` counts its actor, `PROBES` times one after the other, `EVENTS_PER_S` others coming in."""
    with fresh_database(stage.server, "freshness") as database:
        wiring = replace(stage.wire(stage.fill(0)), clickhouse=database.dsn)
        with (
            roles(stage, wiring),
            coming_in(stage.bootstrap, wiring.raw, EVENTS_PER_S) as sent,
            tempfile.TemporaryDirectory(prefix="trailhouse-spool-") as folder,
            AuditProducer(
                KafkaSettings(bootstrap=stage.bootstrap, raw_topic=wiring.raw), spool=folder
            ) as trail,
        ):
            _seconds(trail, database, 0)  # until both workers run
            began, before = time.monotonic(), sent[0]
            luck, seconds = random.Random(1), []
            for number in range(1, PROBES + 1):
                # So that no probe keeps step with the batches.
                time.sleep(luck.uniform(0, 0.5))
                seconds.append(_seconds(trail, database, number))
            rate = (sent[0] - before) / (time.monotonic() - began)
    seconds.sort()
    p50, p95, p99 = statistics.median(seconds), seconds[int(PROBES * 0.95)], seconds[int(PROBES * 0.99)]
    say(f"  {f'emit to report at {rate:,.0f} events/s':40} p50 {p50:.2f} s  p95 {p95:.2f} s  p99 {p99:.2f} s")
    return {
        "contender": "emit to report",
        "events_per_s": rate,
        "probes": PROBES,
        "p50_s": p50,
        "p95_s": p95,
        "p99_s": p99,
    }


def _seconds(trail: AuditProducer, database: Database, number: int) -> float:
    started = time.monotonic()
    trail.emit("page:view", org_id=ORG, actor_user_id=f"probe-{number}")
    while time.monotonic() - started < TIMEOUT_S:
        found = run(database.client, REPORT, Caller.operator(), {"org": ORG}).rows
        if found and found[0][0] == number + 1:
            return time.monotonic() - started
        time.sleep(POLL_S)
    raise RunFailed(f"probe {number} was in no report after {TIMEOUT_S:.0f} s: active_users says {found}")
