"""The emitter beside kafka-python's own `send` of the same bytes: from the first call until the last is confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaProducer

from bench.events import REJECT_EVERY, events
from bench.stage import Stage
from bench.topics import Watch
from trailhouse.producers import AuditProducer, BufferSettings, KafkaSettings
from trailhouse.producers.kafka import OPTIONS

EMITTER = "AuditProducer.emit"
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
        pair = [(EMITTER, _emit), (PLAIN, _send)]
        for name, measure in pair if run % 2 else reversed(pair):
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


def _emit(settings: KafkaSettings, calls: Sequence[Call]) -> None:
    with AuditProducer(settings, buffer=BufferSettings(close_timeout_ms=120_000)) as trail:
        for call in calls:
            trail.emit(call.action, org_id=call.org_id, **call.fields)


def _send(settings: KafkaSettings, calls: Sequence[Call]) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap, **OPTIONS)
    for call in calls:
        producer.send(settings.raw_topic, value=call.value)
    producer.flush()
    producer.close()
