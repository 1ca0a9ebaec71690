"""`trailhouse hold`: placed, listed, released, recorded."""

from __future__ import annotations

import json
import os

import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.recording import Recorded
from tests.sinks.people import ANNA, CANARIES, store

from trailhouse.deploy.cli import run
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.hold import holds
from trailhouse.sinks.settings import ClickHouseSettings


def test_a_hold_is_placed_listed_and_released(
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its id alone on stdout; the list names nobody; what stands is listed, the rest with --all."""
    point_at(monkeypatch, clickhouse_settings)
    store(database)
    assert run(["hold", "add", "--org", "acme", "--user", ANNA, "--reason", "case 1"], os.environ) == 0
    said = capsys.readouterr()
    hold_id = said.out.strip()
    assert said.err.startswith("nothing of one person of acme (")
    assert f"hold release {hold_id} --reason" in said.err
    assert not any(each in said.err.lower() for each in CANARIES)
    (hold,) = holds(database)
    assert (hold.hold_id, len(hold.user_refs) >= 3) == (hold_id, True)
    assert run(["hold", "add", "--org", "beta", "--reason", "case 2"], os.environ) == 0
    assert capsys.readouterr().err.startswith("nothing of everybody of beta is erased")

    assert run(["hold", "list", "--org", "acme", "--format", "json"], os.environ) == 0
    out = capsys.readouterr().out
    (listed,) = json.loads(out)
    assert (listed["hold"], listed["reason"], listed["released"]) == (hold_id, "case 1", None)
    assert not any(each in out.lower() for each in CANARIES)

    assert run(["hold", "release", hold_id, "--reason", "settled"], os.environ) == 0
    assert run(["hold", "release", hold_id, "--reason", "settled"], os.environ) == 1
    assert run(["hold", "add", "--org", "acme", "--reason", " "], os.environ) == 2
    capsys.readouterr()
    assert run(["hold", "list"], os.environ) == 0
    shown = capsys.readouterr().out
    assert hold_id not in shown
    assert "everybody" in shown
    assert run(["hold", "list", "--all"], os.environ) == 0
    assert "settled" in capsys.readouterr().out
    told = recorded.take()
    assert [(each["action"], each["org_id"]) for each in told] == [
        ("hold:create", "acme"),
        ("hold:create", "beta"),
        ("hold:release", "acme"),
    ]
    assert not any(each in str(told).lower() for each in CANARIES)
