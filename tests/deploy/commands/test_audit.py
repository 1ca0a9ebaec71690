"""`trailhouse audit fetch` against the real API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.queries.auditing import entry, imagine, order, settle, store
from tests.queries.keyring import give
from tests.queries.serving import NO_KAFKA, serving

from trailhouse.deploy.cli import run
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

FETCH = ["audit", "fetch", "--start-date", "2026-03-01", "--num-days", "2"]


@dataclass(frozen=True)
class Served:
    client: Client
    events: list[dict[str, Any]]
    address: tuple[str, ...]


@pytest.fixture
def api(
    clickhouse_settings: ClickHouseSettings, database: Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """An API with sixty events, and its key in the environment."""
    events = sorted(imagine(Random(41), 60), key=order)
    store(database, events)
    settle(database, 39)
    _, key = give(database, ["acme"], (Scope.AUDIT_READ, Scope.AUDIT_READ_PII))
    monkeypatch.setenv("TRAILHOUSE_API_KEY", key)
    with serving(ApiSettings(clickhouse=clickhouse_settings, kafka=NO_KAFKA)) as http:
        yield Served(database, events, ("--url", str(http.base_url).rstrip("/")))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_days_go_to_stdout_or_a_file(
    api: Served, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """As W&B's API gives them, with and without people; CSV and Parquet too."""
    assert run([*FETCH, *api.address], os.environ) == 0
    printed = capfdbinary.readouterr().out
    assert [json.loads(line) for line in printed.split(b"\n") if line] == [
        entry(event) for event in api.events
    ]
    out = tmp_path / "log.ndjson"
    assert run([*FETCH, "--anonymize", "--out", str(out), *api.address], os.environ) == 0
    assert lines(out) == [entry(event, read_pii=False) for event in api.events]
    for form, magic in (("csv", b"action,"), ("parquet", b"PAR1")):
        assert run([*FETCH, "--format", form, "--out", str(out), *api.address], os.environ) == 0
        assert out.read_bytes().startswith(magic)


def test_new_events_are_added_from_where_the_last_time_ended(
    api: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each once, however often it is run; filters hold; stderr says how many there were."""
    out, cursor = tmp_path / "log.ndjson", tmp_path / "cursor"
    fetch = ["audit", "fetch", "--cursor-file", str(cursor), "--out", str(out), *api.address]
    for _ in range(2):
        assert run(fetch, os.environ) == 0
        assert [each["event_id"] for each in lines(out)] == [event["event_id"] for event in api.events[:40]]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"40 events from the beginning added to {out};")
    assert second.startswith(f"0 events since {cursor} was written last added to {out};")
    settle(api.client, 59)
    assert run(fetch, os.environ) == 0
    assert capsys.readouterr().err.startswith("20 events since ")
    assert [each["event_id"] for each in lines(out)] == [event["event_id"] for event in api.events]
    only = tmp_path / "only"
    filtered = ["audit", "fetch", "--cursor-file", str(tmp_path / "other"), "--out", str(only), *api.address]
    assert run([*filtered, "--where", "action=user:login"], os.environ) == 0
    assert {each["action"] for each in lines(only)} == {"user:login"}


def test_failures_say_why_and_leave_no_file(
    api: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused organisation, a bad date, a made-up cursor, no key."""
    out = tmp_path / "log"
    assert run([*FETCH, "--org", "other", "--out", str(out), *api.address], os.environ) == 4
    assert "403: you may not read organisation 'other'" in capsys.readouterr().err
    assert run([*FETCH, "--start-date", "never", "--out", str(out), *api.address], os.environ) == 2
    assert "400: startDate is 'never'" in capsys.readouterr().err
    cursor = tmp_path / "cursor"
    cursor.write_text("made-up")
    fetch = ["audit", "fetch", "--cursor-file", str(cursor), "--out", str(out), *api.address]
    assert run(fetch, os.environ) == 2
    assert (list(tmp_path.iterdir()), cursor.read_text()) == ([cursor], "made-up")
    key = tmp_path / "key"
    key.write_text("\n")
    assert run([*FETCH, "--key-file", str(key), *api.address], os.environ) == 1
    assert "needs an API key" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--where", "action=x"],
        ["--cursor-file", "x", "--num-days", "1"],
        ["--cursor-file", "x", "--format", "csv"],
        ["--cursor-file", "x", "--where", "action"],
        ["--cursor-file", "x", "--where", "cursor=x"],
    ],
)
def test_options_that_do_not_go_together(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage, before anything is asked."""
    monkeypatch.setenv("TRAILHOUSE_API_KEY", "thk_none")
    assert run(["audit", "fetch", *options, "--url", "http://127.0.0.1:9"], os.environ) == 2
