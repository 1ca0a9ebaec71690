"""`make bench` (= `python -m bench`): everything side by side on this machine, results and page written.

The short form is meant for ten minutes, and some more when the peers' environments are made first; `make bench-full`
(`--full`) has five runs of everything and takes some three hours. `--only` takes some parts; the others keep the results
they had. `make bench-guard` (`--guard`) is a short run that is compared with the committed results and kept nowhere.
`--profile` writes where a role's time goes. What fails ends its own part alone, is told at the end, and the status is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from bench import (
    archive,
    audit,
    emitter,
    formats,
    freshness,
    guard,
    path,
    reports,
    scale,
    sink,
    soak,
    stack,
    worker,
)
from bench.groups import COUNT_LEAST
from bench.looks import bars, charts
from bench.machine import describe
from bench.page import render
from bench.process import ROOT
from bench.profiles import profile
from bench.stage import Stage
from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka

RESULTS: Final = ROOT / "bench/results"
PROFILES: Final = ROOT / "bench/profiles"
PAGE: Final = ROOT / "docs/performance.md"
PICTURES: Final = ROOT / "docs/pictures"
SHORT: Final = ("worker", "sink", "path", "freshness", "emitter")
FULL: Final = (*SHORT, "stack", "formats", "scale", "audit", "archive", "reports", "dashboard", "soak")
Parts = dict[str, Callable[[], list[dict[str, Any]]]]


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.full:
        arguments.events, arguments.runs = max(arguments.events, 1_000_000), max(arguments.runs, 5)
    wanted = arguments.only.split(",") if arguments.only else list(FULL if arguments.full else SHORT)
    if arguments.soak_memory:
        wanted = [*wanted, "soak"] if arguments.only else ["soak"]
    if arguments.guard:
        wanted = [each for each in guard.PARTS if each in wanted or not arguments.only]
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

        failed: list[str] = []
        if arguments.profile:
            for role in arguments.profile.split(","):
                count = max(arguments.events, profile.EVENTS_MIN)
                with _told(role, failed):
                    profile.write(stage(), role, count, arguments.profiles, _say)
            wanted = []
        if arguments.page:
            wanted = []
        measured: dict[str, dict[str, Any]] = {}
        for name, result in _measured(_parts(arguments, stage, Path(folder)), wanted, failed):
            measured[name] = result
            if not arguments.guard:
                # At once: what hours have found must not go with what fails after it.
                arguments.results.mkdir(parents=True, exist_ok=True)
                (arguments.results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for line in failed:
        _say(f"FAILED {line}")
    if arguments.guard:
        return _guard(measured, arguments.results) or bool(failed)
    _write_page(arguments.results, arguments.profiles)
    return _said_void(measured) or bool(failed)


def _parts(arguments: argparse.Namespace, stage: Callable[[], Stage], folder: Path) -> Parts:
    """What can be measured, by name."""
    events, runs = arguments.events, arguments.runs
    return {
        "stack": lambda: stack.newcomer(folder, arguments.commits, min(runs, 3), _say),
        "worker": lambda: worker.compare(stage(), events, runs, _say, arguments.contender),
        "sink": lambda: sink.compare(stage(), max(events, 2 * COUNT_LEAST), runs, _say),
        "formats": lambda: formats.compare(stage(), max(events, 240_000), runs, _say),
        "path": lambda: [
            *path.drain(stage(), max(events, COUNT_LEAST), runs, _say, arguments.contender),
            path.latency(stage(), _say),
        ],
        "freshness": lambda: freshness.compare(
            stage(),
            freshness.half_of(_read(arguments.results).get("path", {}).get("runs", [])),
            arguments.probes,
            _say,
        ),
        "emitter": lambda: [
            *emitter.compare(stage(), events // 8, runs, _say, arguments.contender),
            *emitter.latency(stage(), events // 8, _say),
        ],
        "scale": lambda: scale.curves(
            stage(), scale.LONG if arguments.full or arguments.long else scale.SHORT, runs, _say
        ),
        "audit": lambda: audit.compare(stage(), arguments.audit_rows, runs, _say),
        "archive": lambda: archive.compare(stage(), arguments.archive_events, runs, _say),
        "reports": lambda: reports.compare(
            stage(),
            arguments.report_events,
            runs,
            _say,
            is_kept=arguments.keep is not None,
            before=_read(arguments.results).get("reports", {}).get("runs", ()),
        ),
        "dashboard": lambda: bars.compare(
            stage(),
            arguments.dashboard_events,
            runs,
            arguments.dashboard_seconds,
            arguments.dashboard_readers,
            _say,
            is_kept=arguments.keep is not None,
        ),
        "soak": lambda: [soak.soak(stage(), arguments.soak_events, _say)],
    }


def _measured(parts: Parts, wanted: list[str], failed: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The results of the wanted parts, one after the other; a part that raises is told in `failed`, and the rest goes on."""
    for name, measure in parts.items():
        if name in wanted:
            _say(f"{name}:")
            started, machine = time.monotonic(), describe()
            with _told(name, failed):
                rows = measure()
                seconds = round(time.monotonic() - started, 1)
                yield name, _rounded({"machine": machine, "seconds": seconds, "runs": rows})


@contextmanager
def _told(name: str, failed: list[str]) -> Iterator[None]:
    """What goes wrong is shown at once, and told in `failed`."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        failed.append(f"{name}: {type(error).__name__}: {error}")


def _write_page(results: Path, profiles: Path) -> None:
    """The page and its pictures, beside the results when these are not the committed ones."""
    page, pictures = (
        (PAGE, PICTURES) if results == RESULTS else (results / PAGE.name, results / PICTURES.name)
    )
    known = _read(results)
    drawn = charts.draw({name: result["runs"] for name, result in known.items()})
    pictures.mkdir(exist_ok=True)
    for old in pictures.glob("performance-*.svg"):
        old.unlink()
    for name, text in drawn.items():
        (pictures / name).write_text(text)
    page.write_text(render(known, drawn, _read(profiles)))
    _say(f"{page} written")


def _guard(measured: dict[str, dict[str, Any]], results: Path) -> int:
    committed = {name: result["runs"] for name, result in _read(results).items()}
    verdict = guard.judge(committed, {name: result["runs"] for name, result in measured.items()})
    for line in verdict.lines:
        _say(line)
    for line in verdict.losses:
        _say(f"LOSS {line}")
    return 1 if verdict.losses else 0


def _said_void(measured: dict[str, dict[str, Any]]) -> int:
    """1 when a run found something else than it had to."""
    void = [
        f"{name}: {row['contender']}: {row['void']}"
        for name, result in measured.items()
        for row in result["runs"]
        if "void" in row
    ]
    for line in void:
        _say(f"VOID {line}")
    return 1 if void else 0


def _read(results: Path) -> dict[str, dict[str, Any]]:
    return {each.stem: json.loads(each.read_text()) for each in sorted(results.glob("*.json"))}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the default form, by its name")
    parser.add_argument(
        "--full", action="store_true", help="every part, five runs, a million events at least"
    )
    parser.add_argument(
        "--guard", action="store_true", help="compare ratios of a short run with the committed ones"
    )
    parser.add_argument(
        "--profile",
        metavar="ROLE,…",
        help=f"{', '.join(profile.ROLES)}: write where a role's time goes, measure nothing else",
    )
    parser.add_argument(
        "--profiles", type=Path, default=PROFILES, metavar="FOLDER", help="profiles elsewhere"
    )
    parser.add_argument("--page", action="store_true", help="write page and pictures anew, measure nothing")
    parser.add_argument("--only", metavar="PART,…", help=", ".join(FULL))
    parser.add_argument(
        "--contender", action="append", default=[], help="part of a name; only these contenders"
    )
    parser.add_argument("--events", type=int, default=150_000, help="events of a worker's run")
    parser.add_argument("--runs", type=int, default=2, help="interleaved runs of each contender")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="results, page and pictures elsewhere"
    )
    parser.add_argument(
        "--probes", type=int, default=freshness.PROBES, help="with freshness: events followed"
    )
    parser.add_argument("--long", action="store_true", help="with --only scale: the long form of the curves")
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
