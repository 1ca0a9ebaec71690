"""The emitter beside clients and SDKs, each in a process of its own: from the first call until the last event is confirmed,
what one call costs its caller, and the spool beside a queue on disk.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import endpoint
from bench.events import REJECT_EVERY, events
from bench.job import Call, Job, percentiles, write_calls
from bench.peers import PeerMissing, python_of
from bench.process import ROOT, cpu_seconds_of, environment
from bench.stage import Stage
from bench.topics import emitted
from trailhouse.producers import AuditProducer, KafkaSettings, SpoolSettings

EMITTER: Final = "AuditProducer.emit"
IN_MEMORY: Final = "AuditProducer.emit, spool off"
CONFLUENT: Final = "AuditProducer.emit, confluent-kafka"
CONFLUENT_IN_MEMORY: Final = "AuditProducer.emit, confluent-kafka, spool off"
PLAIN: Final = "kafka-python send of ready bytes"
POSTHOG: Final = "PostHog capture"
SPOOL_SAFE: Final = "spool, level safe, 8 threads"
#: One flush to disk is for all who wait: what that is worth, as many threads show as a server has.
SPOOL_CROWD: Final = "spool, level safe, 64 threads"
SPOOL_FAST: Final = "spool, level fast"
QUEUE_SAFE: Final = "persist-queue SQLite, 8 threads"
QUEUE_CROWD: Final = "persist-queue SQLite, 64 threads"
QUEUE_FAST: Final = "persist-queue file"
TIMEOUT_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Who emits, with which interpreter, to where; `share` of the calls for the slow ones."""

    name: str
    script: str
    peer: str = ""
    to: str = "kafka"
    level: str = "fast"
    threads: int = 1
    share: float = 1.0
    arguments: tuple[str, ...] = ()

    def python(self) -> str:
        """Raises `PeerMissing`."""
        return python_of(self.peer) if self.peer else sys.executable


OURS: Final = "bench/contenders/emit.py"
QUEUE: Final = "bench/peers/persist_queue/emit.py"
CONTENDERS: Final = (
    Contender(EMITTER, OURS),
    Contender(IN_MEMORY, OURS, level="off"),
    Contender(CONFLUENT, OURS, arguments=("confluent",)),
    Contender(CONFLUENT_IN_MEMORY, OURS, level="off", arguments=("confluent",)),
    Contender(PLAIN, "bench/contenders/kafka_python.py"),
    Contender(
        "confluent-kafka produce of ready bytes", "bench/peers/confluent_kafka/emit.py", "confluent_kafka"
    ),
    Contender("aiokafka send of ready bytes", "bench/peers/aiokafka/emit.py", "aiokafka"),
    Contender(POSTHOG, "bench/peers/posthog/emit.py", "posthog", to="endpoint", share=0.25),
    Contender("Segment track", "bench/peers/segment/emit.py", "segment", to="endpoint", share=0.25),
    Contender("OpenTelemetry span", "bench/peers/opentelemetry/emit.py", "opentelemetry", to="itself"),
    Contender(SPOOL_SAFE, OURS, to="itself", level="safe", threads=8, share=0.25, arguments=("away",)),
    Contender(QUEUE_SAFE, QUEUE, "persist_queue", to="itself", level="safe", threads=8, share=0.05),
    Contender(SPOOL_CROWD, OURS, to="itself", level="safe", threads=64, share=0.5, arguments=("away",)),
    Contender(QUEUE_CROWD, QUEUE, "persist_queue", to="itself", level="safe", threads=64, share=0.05),
    Contender(SPOOL_FAST, OURS, to="itself", arguments=("away",)),
    Contender(QUEUE_FAST, QUEUE, "persist_queue", to="itself", share=0.05),
)


def compare(
    stage: Stage, count: int, runs: int, say: Callable[[str], None], names: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One row per contender and run, interleaved; ids and times are made by the emitter, as in an application."""
    calls = list(_calls(count))
    chosen = [each for each in CONTENDERS if not names or any(name in each.name for name in names)]
    pythons: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for each in chosen:
        try:
            pythons[each.name] = each.python()
        except PeerMissing as error:
            rows.append({"contender": each.name, "missing": str(error)})
    chosen = [each for each in chosen if each.name in pythons]
    for run in range(runs):
        turn = run % max(1, len(chosen))
        for each in (*chosen[turn:], *chosen[:turn]):
            row = _measure(stage, each, pythons[each.name], calls[: max(8, int(len(calls) * each.share))])
            rows.append({"contender": each.name, "run": run + 1, **row})
            say(
                f"  {each.name:40} {row.get('rate', 0):10,.0f} events/s  p50 {row.get('p50_us', 0):8.1f} us"
                f"  p99 {row.get('p99_us', 0):8.1f} us"
            )
    return rows


def _measure(stage: Stage, contender: Contender, python: str, calls: Sequence[Call]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="emit-", dir=stage.folder) as name:
        folder = Path(name)
        write_calls(folder / "calls.ndjson", calls)
        (folder / "state").mkdir()
        topic = stage.fill(0).topic if contender.to == "kafka" else "none"
        job = Job(
            calls=str(folder / "calls.ndjson"),
            folder=str(folder / "state"),
            bootstrap=stage.bootstrap,
            topic=topic,
            level=contender.level,
            threads=contender.threads,
        )
        if contender.to == "endpoint":
            with endpoint.serving(folder) as address:
                told = _run(contender, python, replace(job, endpoint=address))
                told |= endpoint.found(address)
        else:
            broker = stage.kafka.pid or 0 if contender.to == "kafka" else 0
            before = cpu_seconds_of(broker) if broker else 0.0
            told = _run(contender, python, job)
            if broker:
                told["broker_cpu_s"] = cpu_seconds_of(broker) - before
        if "void" not in told and contender.to == "kafka":
            arrived, persons = emitted(stage.bootstrap, topic, len(calls))
            told |= {"found": arrived, "persons": persons}
        shutil.rmtree(folder / "state", ignore_errors=True)
    return told if "void" in told else judged(told, len(calls), len({each.person for each in calls}))


def judged(told: dict[str, Any], count: int, persons: int) -> dict[str, Any]:
    """The row of a run that says what arrived; void unless it is every event, of everybody."""
    if (told["found"], told["persons"]) != (count, persons):
        return {
            "void": f"(events, people) that arrived {(told['found'], told['persons'])}, wanted {(count, persons)}"
        }
    return {
        "events": count,
        "users": persons,
        "rate": count / told["seconds"],
        "call_rate": count / told["called_s"],
        "cpu_s_per_million": told["cpu_s"] / count * 1e6,
        **(
            {"broker_cpu_s_per_million": told["broker_cpu_s"] / count * 1e6} if "broker_cpu_s" in told else {}
        ),
        **{key: told[key] for key in ("rss_peak_mb", "p50_us", "p99_us", "p99.9_us")},
    }


def _run(contender: Contender, python: str, job: Job) -> dict[str, Any]:
    argv = [python, str(ROOT / contender.script), job.to_argument(), *contender.arguments]
    try:
        done = subprocess.run(
            argv,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={**environment(), "NO_PROXY": "*", "no_proxy": "*"},
        )
    except subprocess.TimeoutExpired:
        return {"void": f"not done after {TIMEOUT_S:.0f} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"void": (done.stderr or done.stdout)[-2000:] or f"ended with status {done.returncode}"}
    told: dict[str, Any] = json.loads(lines[-1])
    return told


def _calls(count: int) -> Sequence[Call]:
    calls = []
    for number, value in enumerate(events(count)):
        if number % REJECT_EVERY == REJECT_EVERY - 1:
            continue
        fields = msgspec.json.decode(value)
        del fields["event_id"], fields["occurred_at"]
        calls.append(Call(fields.pop("action"), fields.pop("org_id"), fields, value.decode()))
    return calls


def latency(stage: Stage, count: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Microseconds of single calls, encoding and spool write included: in a row, and one each millisecond."""
    calls = list(_calls(count))
    away = "127.0.0.1:1"
    cases = (
        ("fast, calls in a row", "fast", stage.bootstrap, 1, 0.0),
        ("fast, 1 000 calls/s", "fast", stage.bootstrap, 1, 0.001),
        ("fast, calls in a row, Kafka away", "fast", away, 1, 0.0),
        ("safe, calls in a row", "safe", stage.bootstrap, 1, 0.0),
        ("safe, 8 threads", "safe", stage.bootstrap, 8, 0.0),
    )
    rows = []
    for name, level, bootstrap, threads, pause_s in cases:
        raw = stage.fill(0)
        settings = KafkaSettings(bootstrap=bootstrap, raw_topic=raw.topic)
        few = calls if level == "fast" and not pause_s else calls[:4000]
        with tempfile.TemporaryDirectory(prefix="trailhouse-spool-") as folder:
            trail = AuditProducer(settings, spool=SpoolSettings(dir=folder, level=level))
            taken = _time(trail, few, threads, pause_s)
            trail.close()
        row = {
            "contender": f"emit: {name}",
            **percentiles(taken),
        }
        rows.append(row)
        say(f"  {row['contender']:40} p50 {row['p50_us']:8.1f} us, p99 {row['p99_us']:8.1f} us")
    return rows


def _time(trail: AuditProducer, calls: Sequence[Call], threads: int, pause_s: float) -> list[int]:
    """Nanoseconds of each call, sorted."""
    taken: list[int] = []

    def emit(share: Sequence[Call]) -> None:
        clock, times = time.perf_counter_ns, []
        for call in share:
            begun = clock()
            trail.emit(call.action, org_id=call.org_id, **call.fields)
            times.append(clock() - begun)
            if pause_s:
                time.sleep(pause_s)
        taken.extend(times)

    workers = [threading.Thread(target=emit, args=(calls[each::threads],)) for each in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    return sorted(taken)
