"""Where a role's time goes: samples of the process as shipped while it works off a full topic, and what each was for.

Samples are py-spy's, from outside and every ten milliseconds, so nothing runs slower for being looked at; waiting threads
are left out. The engine is no Python: what exactness costs there is what the same inserts cost less without it.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.database import fresh_database
from bench.groups import Committed
from bench.machine import describe
from bench.peers import python_of
from bench.process import ROOT, Measured, environment, running
from bench.profiles.attribution import (
    EXACTNESS,
    SINK,
    WAIT,
    WORKER,
    Rule,
    Sample,
    hottest,
    parse,
    purpose,
    shares,
)
from bench.rows import enriched_chunks, write_files, write_topic
from bench.stage import STALL_TIMEOUT_S, START_TIMEOUT_S, RunFailed, Stage
from bench.topics import Watch
from trailhouse.sinks.settings import SinkSettings

ROLES: Final = ("worker", "sink", "clickhouse")
HOME: Final = Path(__file__).parents[1]
RATE_HZ: Final = 100
TOP: Final = 40
POLL_S: Final = 0.2
END_TIMEOUT_S: Final = 60.0
ENGINE_RUNS: Final = 5
#: With fewer, most of a sink's work is done before it can be looked at.
EVENTS_MIN: Final = 240_000


def write(stage: Stage, role: str, count: int, folder: Path, say: Callable[[str], None]) -> None:
    """Measure one role over `count` events and write `<role>.json` and `<role>.txt` into `folder`.

    Raises `PeerMissing` without py-spy, `RunFailed` when the role stops or nothing can be sampled.
    """
    machine = describe()
    if role == "clickhouse":
        told, lines = _engine(stage, count, say)
    else:
        samples = (_worker if role == "worker" else _sink)(stage, count)
        told, lines = _summary(samples, WORKER if role == "worker" else SINK)
    found = {"machine": machine, "events": count, **told}
    (folder / f"{role}.json").write_text(json.dumps(found, indent=1) + "\n")
    head = (
        f"{role}: where its time goes, {count:,} events; {machine['cores']} cores, {machine['system']},"
        f" Python {machine['python']}, {machine['measured_at']}"
    )
    (folder / f"{role}.txt").write_text("\n".join([head, "", *lines, ""]))
    for line in lines[: len(told["shares"]) + 2]:
        say(f"  {line}")
    say(f"{folder / role}.txt written")


def _summary(samples: Sequence[Sample], rules: Sequence[Rule]) -> tuple[dict[str, Any], list[str]]:
    found = shares(samples, rules)
    if not found:
        raise RunFailed("no samples: more --events, or a user who may look at processes (ptrace)")
    working = sum(each.count for each in samples if purpose(each.frames, rules) != WAIT)
    lines = [f"{share:6.1%}  {name}" for name, share in found.items()]
    lines += ["", f"{'share':>6}  {'for':14} function, innermost"]
    lines += [f"{share:6.1%}  {what:14} {name}" for share, name, what in hottest(samples, rules, TOP)]
    return {"samples": working, "shares": {name: round(share, 4) for name, share in found.items()}}, lines


def _worker(stage: Stage, count: int) -> list[Sample]:
    wiring = stage.wire(stage.fill(count))
    argv = [sys.executable, str(ROOT / "bench/contenders/stream_worker.py"), wiring.to_argument()]
    watch = Watch(stage.bootstrap, wiring.enriched)
    try:
        with running(argv, stage.folder / f"{wiring.group}.log") as process:
            return _sampled(process, stage.folder / "worker.stacks", watch.count, count)
    finally:
        watch.close()


def _sink(stage: Stage, count: int) -> list[Sample]:
    raw = stage.fill(0)
    with fresh_database(stage.server, "profile") as database:
        wiring = replace(stage.wire(raw), clickhouse=database.dsn)
        write_topic(stage.bootstrap, wiring.enriched, list(enriched_chunks(count, raw.epoch)))
        argv = [sys.executable, str(ROOT / "bench/contenders/sink_worker.py"), wiring.to_argument()]
        with (
            running(argv, stage.folder / f"{wiring.group}.log") as process,
            Committed(stage.bootstrap, wiring.group) as committed,
        ):
            return _sampled(process, stage.folder / "sink.stacks", committed.count, count)


def _sampled(process: Measured, file: Path, done: Callable[[], int], count: int) -> list[Sample]:
    """Samples from the first record that is done to the last."""
    _wait(process, done, 1)
    with _sampler(process.pid, file):
        _wait(process, done, count)
    return parse(file.read_text())


@contextmanager
def _sampler(pid: int, file: Path) -> Iterator[None]:
    spy = Path(python_of("profiles", HOME)).with_name("py-spy")
    argv = [str(spy), "record", "--pid", str(pid), "--format", "raw", "--rate", str(RATE_HZ)]
    with file.with_suffix(".log").open("w+") as log:
        sampler = subprocess.Popen(
            [*argv, "--output", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # What a shell starts in the background ignores the interrupt, and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - takes no lock
        )
        until = time.monotonic() + END_TIMEOUT_S
        while "Sampling" not in Path(log.name).read_text() and sampler.poll() is None:
            if time.monotonic() > until:
                break
            time.sleep(POLL_S / 10)
        try:
            yield
            sampler.send_signal(signal.SIGINT)  # it writes what it has
            sampler.wait(END_TIMEOUT_S)
        finally:
            sampler.kill()
            sampler.wait()
        if not file.exists():
            log.seek(0)
            raise RunFailed(f"nothing was sampled\n{log.read()[-2000:]}")


def _wait(process: Measured, done: Callable[[], int], count: int) -> None:
    moved, seen = time.monotonic(), 0
    while seen < count:
        time.sleep(POLL_S)
        last, seen = seen, done()
        if seen > last:
            moved = time.monotonic()
        limit = STALL_TIMEOUT_S if seen else START_TIMEOUT_S
        if not process.is_alive or time.monotonic() - moved > limit:
            raise RunFailed(f"{seen} of {count} records, then nothing\n{process.end_of_log()}")


def _engine(stage: Stage, count: int, say: Callable[[str], None]) -> tuple[dict[str, Any], list[str]]:
    """CPU of the same inserts into all views as they are, and into those a pipeline that counts plainly would have."""
    folder = stage.folder / "rows"
    files = write_files(folder, list(enriched_chunks(count, "epoch")), SinkSettings().batch_rows)
    spent: dict[str, list[float]] = {"as shipped": [], "without": []}
    for run in range(ENGINE_RUNS):
        for what in spent if run % 2 else reversed(spent):
            data = stage.folder / f"engine-{run}-{what[:2]}"
            flags = [] if what == "as shipped" else ["--without-exactness"]
            argv = [sys.executable, str(ROOT / "bench/contenders/infile.py"), *flags, str(data)]
            done = subprocess.run(
                [*argv, *map(str, files)], capture_output=True, text=True, check=False, env=environment()
            )
            shutil.rmtree(data, ignore_errors=True)
            if done.returncode:
                raise RunFailed(done.stderr[-2000:])
            cpu = json.loads(done.stdout)["cpu"]
            spent[what].append(sum(cpu[1:] or cpu) / (count - count / len(files) * bool(cpu[1:])) * 1e6)
            say(f"  {what:20} {spent[what][-1]:7.2f} CPU s per million")
    shutil.rmtree(folder, ignore_errors=True)
    as_shipped, without = sorted(spent["as shipped"]), sorted(spent["without"])
    middle = ENGINE_RUNS // 2
    share = max(0.0, 1 - without[middle] / as_shipped[middle])
    found = {EXACTNESS: round(share, 4), "everything else": round(1 - share, 4)}
    lines = [f"{value:6.1%}  {name}" for name, value in found.items()]
    lines += ["", "CPU s per million events of INSERT … FROM INFILE into all views, lowest to highest:"]
    lines += [
        f"  {name:12} {' '.join(f'{each:.2f}' for each in sorted(runs))}" for name, runs in spent.items()
    ]
    return {"cpu_s_per_million": spent, "shares": found}, lines
