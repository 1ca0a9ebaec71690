"""`trailhouse trace` at its edges: what it prints, which reports count a copy; ways are tested with the sink."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.trace import counted_by, took
from trailhouse.queries.report import load
from trailhouse.sinks.trace import CONFLICT, REJECTED, STORED, Step, Way

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
    is_activity=True,
    has_user=True,
    action="page:view",
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
    assert "active_users" in copy["counted_by"]


def test_nobody_knows_it(ways: list[Way], capsys: pytest.CaptureFixture[str]) -> None:
    """1, and what that may mean; no id is wrong usage."""
    assert run(["trace", ID, "--org", "acme"], {}) == 1
    assert f"nothing knows the event {ID} of acme" in capsys.readouterr().err
    assert run(["trace", "x"], {}) == 2


def test_which_reports_count_it() -> None:
    """Every report that reads a table the copy is in, and no other."""
    reports = load()
    assert counted_by(WAY, reports) == [
        "active_users",
        "activity_outside_working_hours",
        "balance_by_hour",
        "events_by_action",
        "inactive_users",
        "leaderboard",
        "lifecycle",
        "most_active_users",
        "popular_pages_of_admins",
        "popular_pages_of_members",
        "retention_cohorts",
        "stickiness",
        "user_statistics",
        "users_active_over_time",
        "weekly_active_users",
    ]
    login = set(counted_by(replace(WAY, action="user:login"), reports))
    assert {"last_logins", "latest_logins", "most_engaged_teams"} <= login
    assert "popular_pages_of_members" not in login
    assert counted_by(Way("acme", STORED, ()), reports) == ["balance_by_hour", "events_by_action"]
    assert counted_by(Way("acme", REJECTED, ()), reports) == ["balance_by_hour", "rejected_by_reason"]
    assert counted_by(Way("acme", CONFLICT, ()), reports) == ["balance_by_hour"]
    assert counted_by(Way("acme", "in flight", ()), reports) == []


def test_spans() -> None:
    """As people read them, also of what was imported years later, and of clocks that differ."""
    spans = [None, 0.0, 0.0404, -0.2, 61.25, 7200.0, 864000.0]
    assert [took(span) for span in spans] == ["-", "0 ms", "40 ms", "-200 ms", "61.2 s", "2.0 h", "10 days"]
