"""`trailhouse trace` at its edges: what it prints; ways are tested with the sink, who counts a copy with the reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.trace import took
from trailhouse.sinks.trace import STORED, Step, Way

ID = "01920f0e-7c5a-7b3e-8f43-0123456789ab"
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
WAY = Way(
    "acme",
    STORED,
    (
        Step("occurred", AT),
        Step(
            "received",
            (AT + timedelta(milliseconds=40)).replace(tzinfo=None),
            "audit.events 0/7",
            "310 bytes",
        ),
        Step("enriched", None, "", "not on the enriched topic any more"),
        Step("stored", AT + timedelta(seconds=2.04), "by sink-1, with 0/0-29"),
        Step("became", None, STORED),
    ),
)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[Way]:
    """A stack nobody started, on which the event went these ways."""
    found: list[Way] = []

    class Client:
        def close(self) -> None:
            pass

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr("trailhouse.sinks.trace.trace", lambda *_: found)
    monkeypatch.setattr("trailhouse.queries.counting.counted_by", lambda *_: ["active_users", "leaderboard"])
    return found


def test_a_way_step_by_step(ways: list[Way], capsys: pytest.CaptureFixture[str]) -> None:
    """Times in UTC, and how long since the step before that has one; the id in any spelling."""
    ways += [WAY, WAY]
    assert run(["trace", ID.upper()], {}) == 0
    out = capsys.readouterr().out
    assert out.count(f"{ID} of acme: stored") == 2
    assert "40 ms" in out
    assert "2.0 s" in out
    assert run(["trace", ID, "--format", "json"], {}) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["event_id"] == ID
    copy = told["copies"][0]
    assert [(step["step"], step["took_s"]) for step in copy["steps"]] == [
        ("occurred", None),
        ("received", 0.04),
        ("enriched", None),
        ("stored", 2.0),
        ("became", None),
        ("counted", None),
    ]
    assert copy["steps"][1]["at"] == "2026-03-02T10:00:00.040Z"
    assert copy["counted_by"] == ["active_users", "leaderboard"]
    assert copy["steps"][-1]["where"] == "active_users, leaderboard"


def test_nobody_knows_it(ways: list[Way], capsys: pytest.CaptureFixture[str]) -> None:
    """1, and what that may mean; no id is wrong usage."""
    assert run(["trace", ID, "--org", "acme"], {}) == 1
    assert f"nothing knows the event {ID} of acme" in capsys.readouterr().err
    assert run(["trace", "x"], {}) == 2


def test_spans() -> None:
    """As people read them, also of what was imported years later, and of clocks that differ."""
    spans = [None, 0.0, 0.0404, -0.2, 61.25, 7200.0, 864000.0]
    assert [took(span) for span in spans] == ["-", "0 ms", "40 ms", "-200 ms", "61.2 s", "2.0 h", "10 days"]
