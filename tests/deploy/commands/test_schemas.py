"""`trailhouse migrate` and `trailhouse topics` against a Kafka and a ClickHouse named by the environment."""

from __future__ import annotations

import os

import pytest
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.errors import NotRecorded
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.sinks.clickhouse import connect
from trailhouse.sinks.migrate import load, migrate, read_applied
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


def test_migrations_run_once(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    """The names of those applied go to stdout; the second time there is nothing to do. No topic to record it on is no fault."""
    assert run(["migrate"], os.environ) == 0
    first = capsys.readouterr()
    assert recorded.take() == []
    assert "not recorded, since there is nothing to record it on yet" in first.err
    assert first.out.startswith("0001_landing.sql\n0002_events.sql\n")
    assert run(["migrate"], os.environ) == 0
    second = capsys.readouterr()
    assert second.out == ""
    assert second.err == "nothing to do: every migration is applied\n"
    assert recorded.take() == []


def test_topics_are_created_once_and_grow(
    kafka_settings: KafkaSettings, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was done goes to stdout, the enriched topic first, and is recorded; asked again there is nothing to do."""
    assert run(["topics", "--partitions", "2"], os.environ) == 0
    created = capsys.readouterr().out.splitlines()
    assert created[0] == f"created {kafka_settings.enriched_topic} with 2 partitions"
    assert len(created) == 3
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("topics:update", INSTALLATION)
    assert told["attributes"] == {"partitions": 2, "changes": "; ".join(created)}
    assert run(["topics", "--partitions", "2"], os.environ) == 0
    assert capsys.readouterr().err == "nothing to do: every topic exists as it should\n"
    assert recorded.take() == []
    assert run(["topics", "--partitions", "3"], os.environ) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith(f"grew {kafka_settings.enriched_topic} from 2")


def test_what_is_migrated_is_recorded(
    kafka_settings: KafkaSettings,
    clickhouse_settings: ClickHouseSettings,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Later migrations always, before they run; the first ones where the topics are there already."""
    every = load()
    monkeypatch.setattr("trailhouse.sinks.migrate.load", lambda: every[:1])
    assert run(["topics", "--partitions", "1"], os.environ) == 0
    recorded.take()
    assert run(["migrate"], os.environ) == 0
    monkeypatch.setattr("trailhouse.sinks.migrate.load", lambda: every[:3])
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:9")  # away: the spool keeps it
    assert run(["migrate"], os.environ) == 0
    told = [(each["action"], each["org_id"], each["attributes"]) for each in recorded.take()]
    assert told == [
        ("schema:update", INSTALLATION, {"migrations": 1, "first": every[0].name, "last": every[0].name}),
        ("schema:update", INSTALLATION, {"migrations": 2, "first": every[1].name, "last": every[2].name}),
    ]


def test_what_cannot_be_recorded_is_not_migrated(
    clickhouse_settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every change: no record, no change."""

    def refuse(*_: object, **__: object) -> None:
        raise NotRecorded("schema:update")

    client = connect(clickhouse_settings)
    migrate(client, load()[:1])
    monkeypatch.setattr("trailhouse.deploy.commands.schemas.record", refuse)
    assert run(["migrate"], os.environ) == 1
    assert list(read_applied(client)) == [load()[0].name]
    client.close()
