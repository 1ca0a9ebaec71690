from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from trailhouse.deploy.cli import run
from trailhouse.deploy.landing import NotAnswering, Positions, read_positions
from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import admin, create_topics

PARTITIONS = 3
GROUP = "trailhouse-sink"
MAPS = [
    "--map",
    "occurred_at=ts",
    "--map",
    "event_id=id",
    "--set",
    "org_id=acme",
    "--set",
    "action=page:view",
]


@pytest.fixture
def stack(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """A stack known by the environment: Kafka with the topics, and nobody behind it."""
    create_topics(kafka_settings, PARTITIONS)
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", kafka_settings.bootstrap)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_RAW", kafka_settings.raw_topic)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_ENRICHED", kafka_settings.enriched_topic)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_REJECTED", kafka_settings.rejected_topic)
    return kafka_settings


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.jsonl"
    rows = [{"ts": f"2026-01-31T12:00:{n % 60:02d}Z", "id": f"row-{n}"} for n in range(5_000)]
    path.write_text("\n".join(json.dumps(row) for row in [*rows, {"ts": "never"}]))
    return str(path)


def commit(stack: KafkaSettings, positions: Positions) -> None:
    """What a sink commits once it has stored everything."""
    offsets = {
        TopicPartition(stack.enriched_topic, number): OffsetAndMetadata(
            end, json.dumps({positions.epoch: end - 1}), -1
        )
        for number, end in positions.ends.items()
    }
    with admin(stack) as client:
        sink: Any = client
        sink.alter_group_offsets(GROUP, offsets)


def raw_events(stack: KafkaSettings) -> list[dict[str, object]]:
    consumer = KafkaConsumer(bootstrap_servers=stack.bootstrap, consumer_timeout_ms=2_000)
    partitions = [TopicPartition(stack.raw_topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    values = [orjson.loads(record.value) for record in consumer]
    consumer.close()
    return values


def test_an_import_is_on_the_raw_topic_and_a_second_one_repeats_it(stack: KafkaSettings, log: str) -> None:
    """Every good line is there when the command returns; importing again sends the same events under the same ids."""
    assert run(["import", "ndjson", log, *MAPS], os.environ) == 0
    first = raw_events(stack)
    assert len({event["event_id"] for event in first}) == len(first) == 5_000
    assert run(["import", "ndjson", log, *MAPS], os.environ) == 0
    again = raw_events(stack)
    assert len(again) == 10_000
    assert {orjson.dumps(event) for event in again} == {orjson.dumps(event) for event in first}


def test_wait_returns_when_the_sink_has_stored_everything(
    stack: KafkaSettings, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sink's commit metadata decides; here a stand-in commits what a sink would."""
    is_over = threading.Event()

    def store() -> None:
        while not is_over.wait(0.2):
            try:
                positions = read_positions(stack, GROUP)
                if sum(positions.ends.values()) == 5_000:
                    commit(stack, positions)
            except (NotAnswering, KafkaError):
                continue

    sink = threading.Thread(target=store)
    sink.start()
    try:
        code = run(
            ["import", "ndjson", log, *MAPS, "--wait", "--wait-timeout", "20", "--format", "json"], os.environ
        )
    finally:
        is_over.set()
        sink.join()
    printed = capsys.readouterr()
    outcome = json.loads(printed.out)
    assert (code, outcome["events"], outcome["rejected"]) == (0, 5_000, 1), printed.err
    assert outcome["waited_seconds"] >= 0


def test_wait_gives_up_when_nothing_moves(
    stack: KafkaSettings, log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nobody behind Kafka the command says so; what was sent stays sent."""
    code = run(["import", "ndjson", log, *MAPS, "--wait", "--wait-timeout", "1"], os.environ)
    assert code == 1
    assert "error: 5,000 records are in Kafka but not in ClickHouse yet" in capsys.readouterr().err


def test_kafka_that_is_away_fails_the_import(
    stack: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is dropped in silence: the command fails and says that a second import is harmless."""
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr("trailhouse.deploy.importing.FLUSH_TIMEOUT_S", 1.0)
    path = tmp_path / "one.jsonl"
    path.write_text('{"ts":"2026-01-31","id":"x"}')
    assert run(["import", "ndjson", str(path), *MAPS], os.environ) == 1
    assert "import again: nothing is counted twice" in capsys.readouterr().err
