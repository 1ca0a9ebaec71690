"""How fast the archive is and how large: events from ClickHouse into a folder, the proof of it, and back into ClickHouse."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import psutil

from bench.database import Database, fresh_database
from bench.rows import enriched_chunks
from bench.stage import Stage
from trailhouse.queries.archive.journal import mark_as_ours
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import insert_lines
from trailhouse.sinks.ledger import Entry

ARCHIVING: Final = "archiving"
VERIFYING: Final = "verifying"
RESTORING: Final = "restoring"
SIZES: Final = "size"
EPOCH: Final = "bench"
#: Rows of one batch of the sink.
BATCH_ROWS: Final = 20_000


def compare(stage: Stage, events: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """`events` archived, verified and restored, `runs` times, each time from nothing; and what a million of them takes."""
    found: list[dict[str, Any]] = []
    with fresh_database(stage.server, "archive_before") as before:
        count = _land(before, events)
        for run in range(runs):
            folder = stage.folder / f"archive-{run}"
            for row in _run(stage, before, FolderTarget(folder), count):
                found.append(row | {"run": run})
                if "rate" in row:
                    say(f"  {row['contender']:40} {row['rate']:10,.0f} events/s")
            shutil.rmtree(folder)
    return found


def _run(stage: Stage, before: Database, target: FolderTarget, count: int) -> Iterator[dict[str, Any]]:
    engine = psutil.Process(stage.server.pid)
    mark_as_ours(target)
    archiver = Archiver(target, before.client)
    sizes = {"records": 0, "entries": 0}
    with _measured(ARCHIVING, count, engine) as archived:
        while manifest := archiver.step():
            sizes["records"] += manifest.records.size
            sizes["entries"] += sum(file.size for file in manifest.entries)
    with _measured(VERIFYING, count, engine) as verified:
        proof = prove(target)
    with fresh_database(stage.server, "archive_after") as after:
        with _measured(RESTORING, count, engine) as restored:
            restore(target, after.client)
        if proof.problems:
            verified["void"] = proof.problems[0]
        if (after.landed(), after.users()) != (before.landed(), before.users()):
            restored["void"] = f"{after.landed()} records were restored, wanted {before.landed()}"
    yield from (archived, verified, restored)
    # Bytes an event are megabytes a million.
    yield {
        "contender": SIZES,
        "events": count,
        "mb_per_million": {name: size / count for name, size in sizes.items()},
    }


def _land(database: Database, events: int) -> int:
    """Land the events as a sink would, in batches that its ledger knows; how many raw records that were."""
    landed: Counter[int] = Counter()
    waiting: dict[int, list[bytes]] = {}

    def insert(partition: int) -> None:
        lines = waiting.pop(partition)
        insert_lines(database.client, "landing", lines)
        first, last = landed[partition], landed[partition] + len(lines) - 1
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row = Entry(EPOCH, partition, first, last, 0, 0, len(lines), 0, 0, 0, "", now, "bench", 0)
        insert_lines(database.client, "batches", [row.encode()])
        landed[partition] += len(lines)

    for chunk in enriched_chunks(events, EPOCH):
        waiting.setdefault(chunk.partition, []).extend(chunk.lines)
        if len(waiting[chunk.partition]) >= BATCH_ROWS:
            insert(chunk.partition)
    for partition in list(waiting):
        insert(partition)
    return landed.total()


@contextmanager
def _measured(what: str, events: int, engine: psutil.Process) -> Iterator[dict[str, Any]]:
    """By the clock, and in processor time of this process, which is the archiver, and of the engine."""
    row: dict[str, Any] = {"contender": what, "events": events}
    began, own, theirs = time.monotonic(), time.process_time(), sum(engine.cpu_times()[:2])
    yield row
    row["rate"] = events / (time.monotonic() - began)
    row["cpu_s_per_million"] = {
        "archiver": (time.process_time() - own) / events * 1e6,
        "clickhouse": (sum(engine.cpu_times()[:2]) - theirs) / events * 1e6,
    }
