"""`trailhouse migrate` and `trailhouse topics` against a Kafka and a ClickHouse named by the environment."""

from __future__ import annotations

import os

import pytest

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(autouse=True)
def elsewhere(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands find what these variables name."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", kafka_settings.bootstrap)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_RAW", kafka_settings.raw_topic)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_ENRICHED", kafka_settings.enriched_topic)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_REJECTED", kafka_settings.rejected_topic)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", clickhouse_settings.dsn.reveal())


def test_migrations_run_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The names of those applied go to stdout; the second time there is nothing to do."""
    assert run(["migrate"], os.environ) == 0
    first = capsys.readouterr()
    assert first.out.startswith("0001_landing.sql\n0002_events.sql\n")
    assert run(["migrate"], os.environ) == 0
    second = capsys.readouterr()
    assert second.out == ""
    assert second.err == "nothing to do: every migration is applied\n"


def test_topics_are_created_once_and_grow(
    kafka_settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was done goes to stdout, the enriched topic first; asked again there is nothing to do."""
    assert run(["topics", "--partitions", "2"], os.environ) == 0
    created = capsys.readouterr().out.splitlines()
    assert created[0] == f"created {kafka_settings.enriched_topic} with 2 partitions"
    assert len(created) == 3
    assert run(["topics", "--partitions", "2"], os.environ) == 0
    assert capsys.readouterr().err == "nothing to do: every topic exists as it should\n"
    assert run(["topics", "--partitions", "3"], os.environ) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith(f"grew {kafka_settings.enriched_topic} from 2")
