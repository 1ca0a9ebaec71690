"""`make bench` (= `python -m bench`): everything side by side on this machine, results and page written.

The short form takes under ten minutes. `--only` takes some parts; the others keep the results they had.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import archive, audit, emitter, freshness, path, reports, sink, soak, stack, worker
from bench.looks import bars
from bench.machine import describe
from bench.page import render
from bench.process import ROOT
from bench.stage import Stage
from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka

RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/performance.md"


def main() -> int:
    arguments = _parser().parse_args()
    wanted = arguments.only.split(",") if arguments.only else ["worker", "sink", "path", "emitter", "stack"]
    if arguments.soak_memory:
        wanted = [*wanted, "soak"] if arguments.only else ["soak"]
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trailhouse-bench-") as folder, ExitStack() as opened:
        stages: list[Stage] = []

        def stage() -> Stage:
            """Kafka and ClickHouse, started when the first part needs them and stopped at the end."""
            if not stages:
                kafka = opened.enter_context(LocalKafka(Path(folder) / "kafka").running())
                home = arguments.keep or Path(folder) / "clickhouse"
                server = opened.enter_context(LocalClickHouse(home).running())
                stages.append(Stage(kafka, server, Path(folder)))
            return stages[0]

        parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "stack": lambda: stack.newcomer(Path(folder), arguments.commits, min(arguments.runs, 3), _say),
            "worker": lambda: worker.compare(
                stage(), arguments.events, arguments.runs, _say, arguments.contender
            ),
            "sink": lambda: sink.compare(stage(), arguments.events // 2, arguments.runs, _say),
            "path": lambda: [
                *path.drain(stage(), arguments.events // 2, min(arguments.runs, 3), _say),
                path.latency(stage(), _say),
                freshness.measure(stage(), _say),
            ],
            "emitter": lambda: [
                *emitter.compare(stage(), arguments.events // 8, arguments.runs, _say),
                *emitter.latency(stage(), arguments.events // 8, _say),
            ],
            "audit": lambda: audit.compare(stage(), arguments.audit_rows, arguments.runs, _say),
            "archive": lambda: archive.compare(stage(), arguments.archive_events, arguments.runs, _say),
            "reports": lambda: reports.compare(
                stage(),
                arguments.report_events,
                arguments.runs,
                _say,
                is_kept=arguments.keep is not None,
                before=_before("reports"),
            ),
            "dashboard": lambda: bars.compare(
                stage(),
                arguments.dashboard_events,
                arguments.runs,
                arguments.dashboard_seconds,
                arguments.dashboard_readers,
                _say,
                is_kept=arguments.keep is not None,
            ),
            "soak": lambda: [soak.soak(stage(), arguments.soak_events, _say)],
        }
        for name, measure in parts.items():
            if name in wanted:
                _say(f"{name}:")
                started, machine = time.monotonic(), describe()
                rows = measure()
                result = {"machine": machine, "seconds": round(time.monotonic() - started, 1), "runs": rows}
                (RESULTS / f"{name}.json").write_text(json.dumps(_rounded(result), indent=1) + "\n")
    results = {each.stem: json.loads(each.read_text()) for each in sorted(RESULTS.glob("*.json"))}
    PAGE.write_text(render(results))
    _say(f"{PAGE.relative_to(ROOT)} written")
    void = [
        f"{name}: {row['contender']}: {row['void']}"
        for name in wanted
        for row in results[name]["runs"]
        if "void" in row
    ]
    for line in void:
        _say(f"VOID {line}")
    return 1 if void else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the default form, by its name")
    parser.add_argument(
        "--only",
        metavar="PART,…",
        help="worker, sink, path, emitter, stack, audit, archive, reports, dashboard, soak",
    )
    parser.add_argument("--contender", action="append", default=[], help="part of a name; only these workers")
    parser.add_argument("--events", type=int, default=600_000, help="events of a worker's run")
    parser.add_argument("--runs", type=int, default=3, help="interleaved runs of each contender")
    parser.add_argument("--commits", type=int, default=100_000, help="size of the git repository; 0 = none")
    parser.add_argument("--audit-rows", type=int, default=1_000_000, help="entries; only with --only audit")
    parser.add_argument("--archive-events", type=int, default=500_000, help="with --only archive")
    parser.add_argument("--report-events", type=int, default=20_000_000, help="with --only reports")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="ClickHouse of this run; reports and dashboard find their events there again",
    )
    parser.add_argument("--dashboard-events", type=int, default=20_000_000, help="with --only dashboard")
    parser.add_argument(
        "--dashboard-seconds", type=float, default=60.0, help="events alone; then readers, too"
    )
    parser.add_argument("--dashboard-readers", type=int, default=bars.READERS)
    parser.add_argument("--soak-memory", action="store_true", help="memory of each role over --soak-events")
    parser.add_argument("--soak-events", type=int, default=5_000_000)
    return parser


def _before(part: str) -> list[dict[str, Any]]:
    """What the last run of that part found; nothing where there was none."""
    path = RESULTS / f"{part}.json"
    return list(json.loads(path.read_text())["runs"]) if path.exists() else []


def _rounded(value: Any) -> Any:
    """Four significant digits are more than any of this is good for."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
