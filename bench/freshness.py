"""From the call of `emit` to a report that counts the event, while others come in, alone and beside readers."""

from __future__ import annotations

import http.client
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from bench.audit import DATABASE, kafka_of, serving_api
from bench.database import Database, fresh_database
from bench.figures import figure
from bench.flow import coming_in, whole_tails
from bench.path import PATH, roles
from bench.process import wait_until
from bench.stage import RunFailed, Stage
from trailhouse.producers import AuditProducer, KafkaSettings
from trailhouse.queries.caller import Caller
from trailhouse.queries.key import EVERY_ORG, Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.queries.report import load
from trailhouse.queries.runner import run

EVENTS_PER_S: Final = 2_000
PROBES: Final = 100
#: Long enough that several probes wait in the same batch of the sink, and none keeps step with the batches.
PACE_S: Final = 0.2
REPORT: Final = load()["active_users"]
POLL_S: Final = 0.05
TIMEOUT_S: Final = 60.0
#: As far as what is stored may be behind what came in, in seconds of events: some are always under way.
BEHIND_S: Final = 3.0
READERS: Final = 10
#: A reader looks at an answer for so long before the next question, on average.
LOOKS_S: Final = 1.0
READ: Final = (
    "active_users",
    "users_active_over_time",
    "events_by_action",
    "most_active_users",
    "top_actions",
    "popular_pages_of_members",
)
STEADY: Final = "emit to report"
HALF: Final = "emit to report, half load"
HALF_READ: Final = "emit to report, half load, readers"


def half_of(path_rows: Sequence[dict[str, Any]]) -> float | None:
    """Half the rate of the whole path, from the rows of its own benchmark; None when it was not measured."""
    rate = figure(path_rows, PATH, "rate")
    return rate.median / 2 if rate.runs else None


def compare(
    stage: Stage, half: float | None, probes: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Seconds from `emit` until `active_users` counts its actor: at `EVENTS_PER_S`, at half load, and with readers there."""
    cases: list[tuple[str, float, bool]] = [(STEADY, EVENTS_PER_S, False)]
    if half is None:
        say(
            "  half load: the whole path was not measured, so nobody knows what half of it is (--only path,freshness)"
        )
    else:
        cases += [(HALF, half, False), (HALF_READ, half, True)]
    rows = []
    for name, rate, is_read in cases:
        try:
            row = measure(stage, rate, probes, is_read=is_read)
        except RunFailed as error:
            row = {"void": str(error)}
        rows.append({"contender": name, **row})
        said = row.get("void") or (
            f"p50 {row['p50_s']:.2f} s  p95 {row['p95_s']:.2f} s  p99 {row['p99_s']:.2f} s"
            f"  at {row['events_per_s']:,.0f} events/s, {row['reports_per_s']:.1f} reports/s"
        )
        say(f"  {name:40} {said}")
    return rows


def measure(stage: Stage, rate: float, probes: int, *, is_read: bool) -> dict[str, Any]:
    """One case on tables of its own. Raises `RunFailed`, also where the path does not keep up with `rate`."""
    with fresh_database(stage.server, DATABASE) as database:
        wiring = replace(stage.wire(stage.fill(0)), clickhouse=database.dsn)
        with (
            roles(stage, wiring),
            coming_in(stage.bootstrap, wiring.raw, rate, whole_tails()) as sent,
            tempfile.TemporaryDirectory(prefix="trailhouse-spool-") as folder,
            AuditProducer(
                KafkaSettings(bootstrap=stage.bootstrap, raw_topic=wiring.raw), spool=folder
            ) as trail,
        ):
            _follow(trail, database, ["first"], 0.0)  # until both workers run
            _catch_up(database, sent, rate)
            with readers(stage, database, kafka_of(wiring)) if is_read else nullcontext(Readings()) as read:
                began, before = time.monotonic(), sent[0]
                orgs = [f"probe-{number}" for number in range(probes)]
                seconds = sorted(_follow(trail, database, orgs, PACE_S))
                took = time.monotonic() - began
                arrived = sent[0] - before
    if read.errors:
        raise RunFailed(f"{len(read.errors)} readers' questions failed: {read.errors[0]}")
    return {
        "events_per_s": arrived / took,
        "reports_per_s": len(read.seconds) / took,
        "report_p50_ms": statistics.median(read.seconds) * 1000 if read.seconds else 0.0,
        "probes": probes,
        "p50_s": statistics.median(seconds),
        "p95_s": seconds[int(probes * 0.95)],
        "p99_s": seconds[int(probes * 0.99)],
    }


def _follow(trail: AuditProducer, database: Database, orgs: Sequence[str], pace_s: float) -> list[float]:
    """One event for each organisation, which nobody else's events are of, `pace_s` apart: the seconds until its report
    says that somebody was active.
    """
    luck, waiting, seconds = random.Random(1), dict[str, float](), list[float]()
    due, left = time.monotonic(), list(orgs)
    while left or waiting:
        if left and time.monotonic() >= due:
            org = left.pop(0)
            waiting[org] = time.monotonic()
            trail.emit("page:view", org_id=org, actor_user_id="probe")
            due += luck.uniform(0, 2 * pace_s)
        # One cheap question for all who wait: a report for each, again and again, would be a load of its own.
        for org in database.active_orgs(waiting) if waiting else ():
            ((people, *_),) = run(database.client, REPORT, Caller.operator(), {"org": org}).rows
            if people != 1:
                raise RunFailed(f"the report of {org} counts {people} people; wanted 1")
            seconds.append(time.monotonic() - waiting.pop(org))
        if waiting and time.monotonic() - min(waiting.values()) > TIMEOUT_S:
            raise RunFailed(f"{min(waiting)} was in no report after {TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
    return seconds


def _catch_up(database: Database, sent: list[int], rate: float) -> None:
    """Until what came in while the workers started is through: the queue of a start is not what is measured."""
    until = time.monotonic() + TIMEOUT_S
    while (behind := sent[0] - database.landed()) > BEHIND_S * rate:
        if time.monotonic() > until:
            raise RunFailed(
                f"{behind:,} events behind after {TIMEOUT_S:.0f} s: the path does not keep up with {rate:,.0f} events/s"
            )
        wait_until(time.monotonic() + 0.5)


@dataclass(slots=True)
class Readings:
    """What readers met: seconds of each answer, and whatever was none."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def readers(stage: Stage, database: Database, surroundings: dict[str, str]) -> Iterator[Readings]:
    """`READERS` who ask reports over HTTP, one after the other, until it is left."""
    found, done = Readings(), threading.Event()
    key, text = new_key("bench", [EVERY_ORG], [Scope.ADMIN], now=datetime.now(UTC))
    add_keys(database.client, [key])
    with serving_api(stage, surroundings) as (port, _):
        crowd = [
            threading.Thread(target=_read, args=(port, text.reveal(), number, done, found), daemon=True)
            for number in range(READERS)
        ]
        for each in crowd:
            each.start()
        try:
            yield found
        finally:
            done.set()
            for each in crowd:
                each.join(TIMEOUT_S)


def _read(port: int, key: str, number: int, done: threading.Event, found: Readings) -> None:
    luck = random.Random(number)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    while not done.wait(luck.uniform(0, 2 * LOOKS_S)):
        name, started = luck.choice(READ), time.monotonic()
        try:
            connection.request(
                "GET", f"/api/v1/reports/{name}?org=acme", headers={"Authorization": f"Bearer {key}"}
            )
            answer = connection.getresponse()
            text = answer.read()
        except OSError as error:
            found.errors.append(f"{name}: {type(error).__name__} {error}")
            connection.close()
            continue
        if answer.status == http.client.OK:
            found.seconds.append(time.monotonic() - started)
        else:
            found.errors.append(f"{name}: {answer.status} {text[:200].decode(errors='replace')}")
    connection.close()
