"""The sink beside ClickHouse's own INSERT … FROM INFILE: the same rows, batches, tables and settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.database import fresh_database
from bench.groups import Committed, follow_commits, wait_for_readers
from bench.process import ROOT, cpu_seconds_of, environment, running
from bench.rows import enriched_chunks, write_files, write_topic
from bench.stage import RunFailed, Stage
from trailhouse.sinks.settings import SinkSettings

SINK = "trailhouse sink"
INFILE = "INSERT … FROM INFILE"


def compare(stage: Stage, count: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row per contender and run, interleaved."""
    raw = stage.fill(0)
    wiring = stage.wire(raw)
    chunks = list(enriched_chunks(count, raw.epoch))
    write_topic(stage.bootstrap, wiring.enriched, chunks)
    memory = Path("/dev/shm")
    folder = (memory if memory.is_dir() else stage.folder) / f"trailhouse-bench-{os.getpid()}"
    rows: list[dict[str, Any]] = []
    try:
        files = write_files(folder, chunks, SinkSettings().batch_rows)
        del chunks
        for run in range(runs):
            pair = [
                (SINK, lambda run=run: _sink(stage, wiring.enriched, count, run)),
                (INFILE, lambda run=run: _infile(stage.folder / f"infile-{run}", files, count)),
            ]
            for name, measure in pair if run % 2 else reversed(pair):
                row = {"contender": name, "run": run + 1, **measure()}
                rows.append(row)
                say(f"  {name:40} {row.get('rate', 0):10,.0f} rows/s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wanted = {(row["landed"], row["users"]) for row in rows if "void" not in row}
    if len(wanted) > 1:
        rows = [{**row, "void": f"contenders disagree about (rows, users): {sorted(wanted)}"} for row in rows]
    return rows


def _sink(stage: Stage, topic: str, count: int, run: int) -> dict[str, Any]:
    with fresh_database(stage.server, f"sink_{run}") as database:
        wiring = replace(stage.wire(stage.fill(0)), enriched=topic, clickhouse=database.dsn)
        argv = [sys.executable, str(ROOT / "bench/contenders/sink_worker.py"), wiring.to_argument()]
        engine = stage.server.pid or 0
        try:
            with (
                running(argv, stage.folder / f"{wiring.group}.log") as sink,
                Committed(stage.bootstrap, wiring.group) as committed,
            ):
                wait_for_readers(stage.bootstrap, wiring.group, [sink])
                rate, cpu = follow_commits(
                    committed, count, [sink], lambda: [sink.cpu_seconds(), cpu_seconds_of(engine)]
                )
                rss = sink.rss_peak / 1e6
        except RunFailed as error:
            return {"void": str(error)}
        return {
            "rows": count,
            "rate": rate,
            "cpu_s_per_million": {"sink": cpu[0], "clickhouse": cpu[1]},
            "rss_peak_mb": rss,
            "landed": database.landed(),
            "users": database.users(),
        }


def _infile(data: Path, files: list[Path], count: int) -> dict[str, Any]:
    argv = [sys.executable, str(ROOT / "bench/contenders/infile.py"), str(data), *map(str, files)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    shutil.rmtree(data, ignore_errors=True)
    if done.returncode:
        return {"void": done.stderr[-2000:]}
    said = json.loads(done.stdout)
    return {
        "rows": count,
        "rate": count / sum(said["seconds"]),
        "cpu_s_per_million": {"clickhouse": sum(said["cpu"]) / count * 1e6},
        "landed": said["landed"],
        "users": said["users"],
    }
