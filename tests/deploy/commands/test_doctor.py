"""`trailhouse doctor` on real parts."""

from __future__ import annotations

import json

import pytest
from tests.deploy.commands.elsewhere import point_at

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import create_topics


def test_a_stack_that_is_well(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    kafka_settings: KafkaSettings,
) -> None:
    """Exit code 0, every area, as JSON and as a table with what to do."""
    create_topics(kafka_settings, 2)
    point_at(monkeypatch, clickhouse_settings, kafka_settings)
    assert run(["doctor", "--format", "json"], {}) == 0
    found = json.loads(capsys.readouterr().out)
    assert {each["area"] for each in found} >= {
        "versions",
        "settings",
        "host",
        "clocks",
        "topics",
        "ClickHouse",
    }
    assert not [each for each in found if each["level"] == "fail"]
    assert list(found[0]) == ["area", "name", "level", "found", "advice"]
    assert run(["doctor"], {}) == 0
    printed = capsys.readouterr()
    assert "as this host" in printed.out
    assert " 0 fail" in printed.err


def test_what_must_be_mended_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    clickhouse_settings: ClickHouseSettings,
    kafka_settings: KafkaSettings,
) -> None:
    """No topics, no tables, a name nobody reads: each with its advice."""
    point_at(monkeypatch, clickhouse_settings, kafka_settings)
    monkeypatch.setenv("TRAILHOUSE_SINK_BATCHROWS", "5")
    assert run(["doctor", "--format", "json"], {}) == 1
    failed = [each for each in json.loads(capsys.readouterr().out) if each["level"] == "fail"]
    advice = {each["advice"] for each in failed}
    assert {"trailhouse topics", "trailhouse migrate", "did you mean TRAILHOUSE_SINK_BATCH_ROWS?"} <= advice


def test_without_a_stack_it_says_what_it_did_not_look_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack that was named and does not run is an error."""
    for name in ("TRAILHOUSE_DATA", "TRAILHOUSE_KAFKA_BOOTSTRAP", "TRAILHOUSE_CLICKHOUSE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("trailhouse.deploy.stack.started_stacks", lambda _environ: [])
    monkeypatch.setattr("trailhouse.deploy.stack.local_stack", lambda *_: None)
    run(["doctor"], {})
    assert "Kafka and ClickHouse are not looked at" in capsys.readouterr().err
    assert run(["doctor", "--data", "/nowhere"], {}) == 1
    assert "no stack runs in /nowhere" in capsys.readouterr().err
