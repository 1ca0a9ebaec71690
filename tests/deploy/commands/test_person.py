"""`trailhouse person export`: JSON lines, recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.recording import Recorded
from tests.sinks.people import ANNA, ANNA_ID, CANARIES, store

from trailhouse.deploy.cli import run
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings


def test_an_export_is_lines_and_is_recorded(  # noqa: PLR0917 - fixtures
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    recorded: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A JSON document a line; that it was read is in the log, about whom only as a hash."""
    point_at(monkeypatch, clickhouse_settings)
    store(database)
    assert run(["person", "export", "--org", "acme", "--user", ANNA], os.environ) == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert said.err == f"{len(lines)} lines\n"
    assert ANNA_ID in lines[0]["identities"]
    assert len([each for each in lines if each["kind"] == "event"]) == 7
    assert "bob" not in said.out
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("person:export", "acme")
    assert not any(each in str(told).lower() for each in CANARIES)
    file = tmp_path / "anna.jsonl"
    old = os.umask(0)
    try:
        into = ["person", "export", "--org", "acme", "--user", ANNA, "--output", str(file)]
        assert run(into, os.environ) == 0
    finally:
        os.umask(old)
    assert capsys.readouterr().out == ""
    assert file.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line) for line in file.read_text().splitlines()] == lines
    assert run(into, os.environ) == 1
    assert "not there yet" in capsys.readouterr().err
    assert run(["person", "export", "--org", "beta", "--user", "bob"], os.environ) == 1
    assert capsys.readouterr().out == ""
