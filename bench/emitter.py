"""The emitter beside kafka-python's own `send` of the same bytes: from the first call until the last is confirmed; and
what one call of it costs its caller.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaProducer

from bench.events import REJECT_EVERY, events
from bench.stage import Stage
from bench.topics import Watch
from trailhouse.producers import AuditProducer, BufferSettings, KafkaSettings, SpoolSettings
from trailhouse.producers.kafka import OPTIONS

EMITTER = "AuditProducer.emit"
IN_MEMORY = "AuditProducer.emit, spool off"
PLAIN = "kafka-python send of ready bytes"


@dataclass(frozen=True, slots=True)
class Call:
    """One event as an application has it, and the bytes it becomes."""

    action: str
    org_id: str
    fields: dict[str, Any]
    value: bytes


def compare(stage: Stage, count: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Runs of both, interleaved, in this process; ids and times are made by the emitter, as in an application."""
    calls = list(_calls(count))
    rows = []
    for run in range(runs):
        trio = [(EMITTER, _emit), (IN_MEMORY, _emit_in_memory), (PLAIN, _send)]
        for name, measure in trio if run % 2 else reversed(trio):
            raw = stage.fill(0)
            settings = KafkaSettings(bootstrap=stage.bootstrap, raw_topic=raw.topic)
            started, cpu = time.perf_counter(), time.process_time()
            measure(settings, calls)
            seconds, spent = time.perf_counter() - started, time.process_time() - cpu
            watch = Watch(stage.bootstrap, raw.topic)
            written = watch.count()
            watch.close()
            row: dict[str, Any] = {"contender": name, "run": run + 1}
            if written == len(calls):
                row |= {
                    "events": written,
                    "rate": written / seconds,
                    "cpu_s_per_million": spent / written * 1e6,
                }
            else:
                row["void"] = f"{written} records on the topic, wanted {len(calls)}"
            rows.append(row)
            say(f"  {name:40} {row.get('rate', 0):10,.0f} events/s")
    return rows


def _calls(count: int) -> Sequence[Call]:
    calls = []
    for number, value in enumerate(events(count)):
        if number % REJECT_EVERY == REJECT_EVERY - 1:
            continue
        fields = msgspec.json.decode(value)
        del fields["event_id"], fields["occurred_at"]
        calls.append(Call(fields.pop("action"), fields.pop("org_id"), fields, value))
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
            **{f"p{share:g}_us": taken[int(len(taken) * share / 100)] / 1000 for share in (50, 99, 99.9)},
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


def _emit(settings: KafkaSettings, calls: Sequence[Call]) -> None:
    with tempfile.TemporaryDirectory(prefix="trailhouse-spool-") as folder:
        _emit_through(AuditProducer(settings, spool=folder), calls)


def _emit_in_memory(settings: KafkaSettings, calls: Sequence[Call]) -> None:
    buffer = BufferSettings(close_timeout_ms=120_000)
    _emit_through(AuditProducer(settings, spool="off", buffer=buffer), calls)


def _emit_through(producer: AuditProducer, calls: Sequence[Call]) -> None:
    with producer as trail:
        for call in calls:
            trail.emit(call.action, org_id=call.org_id, **call.fields)


def _send(settings: KafkaSettings, calls: Sequence[Call]) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap, **OPTIONS)
    for call in calls:
        producer.send(settings.raw_topic, value=call.value)
    producer.flush()
    producer.close()
