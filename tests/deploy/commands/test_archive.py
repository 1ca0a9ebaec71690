"""`trailhouse archive` as somebody runs it: check, status, verify, and what each says and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.queries.archive.world import events, land
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.queries.archive.journal import mark_as_ours, read_manifest
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def environ(clickhouse_settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stack known by the environment alone, and an archive in a folder."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", clickhouse_settings.dsn.reveal())
    monkeypatch.setenv("TRAILHOUSE_ARCHIVE_TARGET", str(tmp_path / "archive"))


def test_an_archive_is_looked_after(
    database: Client,
    environ: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recorded: Recorded,
) -> None:
    """How far it is, whether it is whole, what is wrong; restoring what is there already stores nothing."""
    folder = str(tmp_path / "archive")
    target = FolderTarget(tmp_path / "archive")
    mark_as_ours(target)
    land(database, events(4))
    assert Archiver(target, database).step()
    land(database, events(2, start=10), start=4)

    assert run(["archive", "status", "--format", "json"], {}) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["partitions"] == [{"epoch": "topic", "partition": 0, "archived_to": 3, "waiting": 2}]
    assert run(["archive", "status"], {}) == 0
    assert "rounds: 1" in capsys.readouterr().err

    assert run(["archive", "verify"], {}) == 0
    assert "whole and agrees with ClickHouse's ledger" in capsys.readouterr().err
    assert run(["import", "archive", folder], {}) == 0
    assert "1 rounds: 0 records stored, 4 were there already" in capsys.readouterr().err
    (told,) = recorded.take()
    assert (told["action"], told["attributes"]) == ("archive:import", {"target": "folder"})
    assert run(["import", "archive", folder, "--dry-run", "--format", "json"], {}) == 0
    assert json.loads(capsys.readouterr().out)["known"] == 4
    assert recorded.take() == []

    (tmp_path / "archive" / read_manifest(target, 1)[0].records.path).unlink()
    assert run(["archive", "verify", "--no-ledger"], {}) == 1
    printed = capsys.readouterr()
    assert "is missing" in printed.out
    assert "NOT whole: 1 problems" in printed.err
    assert run(["archive", "verify", "--format", "json"], {}) == 1
    assert json.loads(capsys.readouterr().out)["is_whole"] is False
    assert run(["import", "archive", folder], {}) == 1
    assert "hint: trailhouse archive verify" in capsys.readouterr().err


def test_a_target_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it can do, and that nobody asked for a lock; one that cannot lock is refused when asked."""
    monkeypatch.delenv("TRAILHOUSE_ARCHIVE_TARGET", raising=False)
    assert run(["archive", "check"], {}) == 1
    assert "no archive target is set" in capsys.readouterr().err
    assert run(["archive", "check", "--target", str(tmp_path), "--format", "json"], {}) == 0
    assert json.loads(capsys.readouterr().out)["keeps_what_is_there"] is True
    assert run(["archive", "check", "--target", str(tmp_path)], {}) == 0
    assert "no lock was asked for" in capsys.readouterr().err
    monkeypatch.setenv("TRAILHOUSE_ARCHIVE_LOCK_DAYS", "2190")
    assert run(["archive", "check", "--target", str(tmp_path)], {}) == 1
    assert "cannot be asked whether it locks" in capsys.readouterr().err


def test_what_is_no_archive_is_said(
    environ: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anybody asks ClickHouse."""
    (tmp_path / "archive").mkdir()
    for words in (["archive", "verify"], ["archive", "status"]):
        assert run(words, {}) == 1
        assert "there is no archive at" in capsys.readouterr().err
