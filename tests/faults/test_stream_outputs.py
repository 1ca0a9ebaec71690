"""A worker on a real broker, undisturbed: one output for each input, in order, and an end in time."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from tests.faults.harness import Stage, event, stage_of, wait_until

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.letter import Letter


@pytest.fixture
def stage(kafka_settings: KafkaSettings, tmp_path: Path) -> Any:
    with stage_of(kafka_settings, tmp_path) as made:
        yield made


class Name(str):
    """A header name that is no UTF-8, as clients of other languages may write it."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def test_every_record_has_its_output(stage: Stage) -> None:
    """Good ones, bad ones and too large ones; dead letters with their bytes; metrics; an end within its grace."""
    bad: dict[bytes | None, str] = {
        b"not JSON": "malformed",
        event(action=""): "invalid_field",
        None: "empty",
        b"\x00" * 900_000: "too_large",
        event(schema_version=9): "unsupported_version",
        # Small as an event; the list of everyone it speaks of is larger than any record may be.
        event(changes={"a": " ".join(f"{n:x}@b.c" for n in range(28_000))}): "too_large",
    }
    values: list[bytes | None] = [event(correlation_id=str(number)) for number in range(5000)]
    for number, value in enumerate(bad):
        values.insert(700 * number, value)
    port = free_port()
    worker = stage.start(TRAILHOUSE_METRICS_PORT=str(port))
    stage.send(values)
    bomb = b" " * 5_000_000  # compresses to what the broker takes as one record, and fits no other topic
    big = KafkaProducer(
        bootstrap_servers=stage.settings.bootstrap,
        acks="all",
        compression_type="gzip",
        max_request_size=9_000_000,
    )
    big.send(
        stage.settings.raw_topic, key=b"bomb", value=bomb, headers=[("trace", b"\x00\xff")], partition=1
    ).get(timeout=30)
    big.close()
    stage.send([event(correlation_id="last")], partition=1)
    stage.wait_until_done()

    verdict = stage.check()
    assert verdict.repeats == 0
    reasons = sorted(line["reason"] for line in verdict.lines if "reason" in line)
    assert reasons == sorted([*bad.values(), "too_large"])
    raw = stage.records(stage.settings.raw_topic)
    by_offset = {each: {record.offset: record for record in records} for each, records in raw.items()}
    for line in verdict.lines:
        if "reason" not in line:
            original = json.loads(by_offset[line["partition"]][line["offset"]].value)
            assert (line["correlation_id"], line["event_id"]) == (
                original["correlation_id"],
                original["event_id"],
            )

    letters = [
        letter for records in stage.records(stage.settings.rejected_topic).values() for letter in records
    ]
    originals = {
        f"{line['epoch']}/{line['partition']}/{line['offset']}".encode(): by_offset[line["partition"]][
            line["offset"]
        ]
        for line in verdict.lines
        if "reason" in line
    }
    assert sorted(letter.key for letter in letters) == sorted(originals)
    for letter in letters:
        original, found = originals[letter.key], Letter.from_record(letter.value, letter.headers)
        assert found is not None
        assert str(found.place).encode() == letter.key
        assert (found.key, found.headers) == (original.key, tuple(original.headers))
        if found.size is None:
            assert letter.value == original.value
        else:
            assert original.value.startswith(letter.value)
            assert found.size == len(bomb)

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    assert 'trailhouse_stream_records_total{outcome="enriched"} 5001.0' in metrics
    assert 'trailhouse_stream_records_total{outcome="rejected"} 7.0' in metrics
    assert 'trailhouse_stream_rejected_total{reason="too_large"} 3.0' in metrics

    started = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert stage.status_of(worker) == 0
    assert time.monotonic() - started < 15


def test_a_header_name_that_is_no_utf8_stops_nobody(stage: Stage) -> None:
    """Neither its record, which is judged by its value, nor those around it, nor the worker."""
    for number, value in enumerate([event(), event(), b"not JSON", event(), event()]):
        headers = [(Name("name"), b"1")] if number in {1, 2} else []
        stage.producer.send(stage.settings.raw_topic, value, headers=headers, partition=2).get(timeout=30)
    worker = stage.start()
    wait_until(lambda: stage.committed() == {2: 5} or worker.poll() is not None)
    assert worker.poll() is None
    verdict = stage.verdict()
    assert verdict.offsets(2) == [0, 1, 2, 3, 4]
    assert [line.get("reason") for line in verdict.lines] == [None, None, "malformed", None, None]
    (letter,) = [
        each for records in stage.records(stage.settings.rejected_topic).values() for each in records
    ]
    found = Letter.from_record(letter.value, letter.headers)
    assert found is not None
    assert (found.value, found.headers) == (b"not JSON", (("\\xff\\xfe", b"1"),))


def test_a_worker_refuses_topics_that_are_not_there(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    """With the status that makes a supervisor try again, and what to run."""
    stage = Stage(kafka_settings, tmp_path)
    try:
        worker = stage.start()
        assert stage.status_of(worker) == 70
        assert "run `trailhouse topics`" in stage.log_of(worker)
    finally:
        stage.close()


def test_a_stop_ends_even_when_kafka_is_gone(stage: Stage, kafka_broker: Any) -> None:
    """Faust would wait for ever; the worker ends itself after its grace."""
    worker = stage.start(TRAILHOUSE_STREAM_STOP_GRACE_S="3")
    stage.send([event() for _ in range(100)])
    stage.wait_until_done()
    kafka_broker.kill()
    try:
        worker.send_signal(signal.SIGTERM)
        assert stage.status_of(worker) in {0, 70, 75}
    finally:
        kafka_broker.restart()
    wait_until(lambda: stage.committed() == stage.wanted())
    stage.check()
