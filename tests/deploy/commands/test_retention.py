"""`trailhouse retention`: set, shown, planned and applied from the command line."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.recording import Recorded
from tests.sinks.people import store

from trailhouse.deploy.cli import run
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings


def test_data_goes_as_it_was_said_and_planned(
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the plan shows goes and nothing else; a hold shows in it; all of it is recorded where it happened."""

    def told(*words: str) -> Any:
        assert run(["retention", *words, "--format", "json"], os.environ) == 0
        return json.loads(capsys.readouterr().out)

    point_at(monkeypatch, clickhouse_settings)
    store(database)
    assert run(["retention", "show"], os.environ) == 0
    assert run(["retention", "plan"], os.environ) == 0
    assert capsys.readouterr().err == "everything is kept for ever\nnothing is due\n"
    assert run(["retention", "set", "--org", "acme", "--class", "events", "--days", "30"], os.environ) == 0
    assert run(["retention", "set", "--org", "*", "--class", "pii", "--days", "0"], os.environ) == 0
    assert [(each["org"], each["class"], each["days"]) for each in told("show")] == [
        ("*", "pii", "for ever"),
        ("acme", "events", 30),
    ]
    assert run(["hold", "add", "--org", "beta", "--reason", "case 1"], os.environ) == 0
    capsys.readouterr()
    plan = told("plan")
    assert [(each["org"], each["class"], each["rows"], each["hold"]) for each in plan] == [
        ("acme", "events", 9, None),
        ("acme", "pii", 9, None),
    ]
    assert told("plan", "--org", "beta") == []
    assert database.query("SELECT count() FROM events").result_rows == [(10,)]
    assert told("apply") == plan
    assert database.query("SELECT org_id FROM events").result_rows == [("beta",)]
    assert database.query("SELECT DISTINCT org_id FROM event_pii").result_rows == [("beta",)]
    assert told("apply") == []

    assert run(["retention", "set", "--org", "beta", "--class", "events", "--days", "1"], os.environ) == 0
    capsys.readouterr()
    assert [(each["rows"], each["held"], each["hold"] is None) for each in told("apply")] == [
        (0, 1, False)
    ] * 2
    assert database.query("SELECT org_id FROM events").result_rows == [("beta",)]
    actions = [(each["action"], each["org_id"]) for each in recorded.take()]
    assert ("retention:apply", "acme") in actions
    assert ("retention:update", "acme") in actions
    assert ("retention:update", "trailhouse:installation") in actions
    assert ("retention:apply", "beta") not in actions


def test_what_cannot_be_is_refused(
    clickhouse_settings: ClickHouseSettings,
    database: Client,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2, nothing set, nothing recorded."""
    point_at(monkeypatch, clickhouse_settings)
    for name, days in (("logs", "1"), ("pii", "-1")):
        assert run(["retention", "set", "--org", "acme", "--class", name, "--days", days], os.environ) == 2
    assert database.query("SELECT count() FROM retention").result_rows == [(0,)]
    assert recorded.take() == []
