"""Curves rather than points: workers over partitions, and the whole path over organisations and over people."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from bench import path
from bench.database import fresh_database
from bench.events import spread_events
from bench.process import ROOT, cpu_seconds_of, running
from bench.stage import STALL_TIMEOUT_S, START_TIMEOUT_S, Raw, Stage
from bench.topics import Watch, scan

POLL_S: Final = 0.05
#: Members of a group join one after the other; the rate is counted from here on.
SETTLED: Final = 0.25
MEMBERS: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Form:
    """How far the curves go. With more people than `events` a run has as many events as people."""

    events: int
    orgs: Sequence[int]
    users: Sequence[int]
    runs_max: int


SHORT: Final = Form(60_000, orgs=(10, 1_000), users=(10_000, 60_000), runs_max=1)
LONG: Final = Form(
    1_000_000, orgs=(10, 100, 1_000, 10_000), users=(10_000, 100_000, 1_000_000, 10_000_000), runs_max=3
)


def curves(stage: Stage, form: Form, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each point, with `curve` and where it lies: the median run by rate of those that were valid."""
    rows = []
    runs = min(runs, form.runs_max)
    for partitions in MEMBERS:
        raw = stage.fill(form.events, partitions=partitions)
        for workers in (each for each in MEMBERS if each <= partitions):
            name = f"workers {workers}, partitions {partitions}"
            found = [_tried(_workers, stage, raw, workers) for _ in range(runs)]
            point = {"curve": "workers", "workers": workers, "partitions": partitions}
            rows.append(_point(name, point, found, say))
    for orgs in form.orgs:
        found = [_tried(_path, stage, form.events, orgs, max(orgs, 10_000)) for _ in range(runs)]
        rows.append(_point(f"organisations {orgs}", {"curve": "orgs", "orgs": orgs}, found, say))
    for users in form.users:
        count = max(form.events, users)
        found = [_tried(_path, stage, count, 10, users) for _ in range(runs if count == form.events else 1)]
        rows.append(_point(f"people {users}", {"curve": "users", "people": users}, found, say))
    return rows


def _tried(measure: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """The run, void when it failed: the points before it took an hour."""
    try:
        return measure(*arguments)
    except Exception as error:
        return {"void": f"{type(error).__name__}: {error}"}


def _point(
    name: str, point: dict[str, Any], found: Sequence[dict[str, Any]], say: Callable[[str], None]
) -> dict[str, Any]:
    valid = sorted((each for each in found if "void" not in each), key=lambda each: each["rate"])
    middle = valid[len(valid) // 2] if valid else found[0]
    spread = {"low": valid[0]["rate"], "high": valid[-1]["rate"], "runs": len(valid)} if valid else {}
    say(f"  {name:40} {middle.get('rate', 0):10,.0f} events/s")
    return {"contender": name, **point, **middle, **spread}


def _workers(stage: Stage, raw: Raw, workers: int) -> dict[str, Any]:
    """So many worker processes in one group, until every record is through."""
    wiring = stage.wire(raw)
    script = str(ROOT / "bench/contenders/stream_worker.py")
    watch, broker = Watch(stage.bootstrap, wiring.enriched, raw.partitions), stage.kafka.pid or 0
    with ExitStack() as opened:
        opened.callback(watch.close)
        processes = [
            opened.enter_context(
                running(
                    [sys.executable, script, replace(wiring, folder=f"{wiring.folder}/{each}").to_argument()],
                    stage.folder / f"{wiring.group}-{each}.log",
                )
            )
            for each in range(workers)
        ]
        seen, moved = 0, time.monotonic()
        begun: tuple[float, float, float, int] | None = None
        while seen < raw.count:
            time.sleep(POLL_S)
            last, seen, now = seen, watch.count(), time.monotonic()
            cpu = sum(each.cpu_seconds() for each in processes)
            if seen > last:
                moved = now
            if begun is None and seen >= raw.count * SETTLED:
                begun = now, cpu, cpu_seconds_of(broker), seen
            limit = STALL_TIMEOUT_S if seen else START_TIMEOUT_S
            if now - moved > limit or not all(each.is_alive for each in processes):
                return {"void": f"{seen} of {raw.count} records, then nothing\n{processes[0].end_of_log()}"}
        assert begun is not None
        since, cpu_then, broker_then, at = begun
        rest, seconds = max(1, raw.count - at), max(POLL_S, time.monotonic() - since)
        spent = sum(each.cpu_seconds() for each in processes) - cpu_then
        row = {
            "events": raw.count,
            "rate": rest / seconds,
            "cpu_s_per_million": {
                "stream": spent / rest * 1e6,
                "kafka": (cpu_seconds_of(broker) - broker_then) / rest * 1e6,
            },
            "rss_peak_mb": {"stream": max(each.rss_peak for each in processes) / 1e6},
        }
    output = scan(stage.bootstrap, wiring.enriched, raw.count, raw.partitions)
    # Members that join late make others repeat what was not committed; the sink drops the repeats.
    if output.records < raw.count:
        return {"void": f"{output.records} records written, wanted {raw.count}"}
    return row


def _path(stage: Stage, count: int, orgs: int, users: int) -> dict[str, Any]:
    """The whole path over so many organisations and people; a report over all of it beside the rate."""
    raw = stage.fill(count, values=spread_events(count, orgs=orgs, users=users))
    with fresh_database(stage.server, "scale") as database:
        wiring = replace(stage.wire(raw), clickhouse=database.dsn)
        row = path.drain_once(stage, wiring, raw, database, path.CONTENDERS[0], sys.executable)
        if "void" in row:
            return row
        wanted = min(count, users)
        if row["users"] != wanted:
            return {"void": f"{row['users']} distinct people, wanted {wanted}"}
        took = []
        for _ in range(5):
            started = time.perf_counter()
            database.active_users("org-00001")
            took.append((time.perf_counter() - started) * 1000)
        return {**row, "people_found": row["users"], "active_users_ms": statistics.median(took)}
