"""Entries in the bucket are the API's, anonymised: the same keys, the same values."""

from __future__ import annotations

import re
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
from tests.queries.archive.test_round import entries_in
from tests.queries.archive.world import events, land
from tests.stream import factories

from trailhouse.queries.archive.entry import KEYS, encode, entries_by_org
from trailhouse.queries.archive.record import Record
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.queries.audit_read import Selection, read_days
from trailhouse.queries.audit_window import Window
from trailhouse.sinks.clickhouse import Client


def test_keys_are_wandbs_without_the_personal_ones() -> None:
    """WA4: no e-mails, no names of projects, teams or reports; nor what embeds them, nor who acted or was acted upon."""
    assert KEYS == (
        "action",
        "artifact_asset",
        "artifact_digest",
        "artifact_sequence_asset",
        "cli_version",
        "entity_asset",
        "project_asset",
        "report_asset",
        "response_code",
        "timestamp",
    )


def test_the_bucket_has_what_the_api_gives(database: Client, tmp_path: Path) -> None:
    """WA1: entry by entry, every key an event can have, odd characters and sparse entries too."""
    full: dict[str, Any] = {name: f'{name} "ü" \u2028 </x>' for name in KEYS if name.endswith("_asset")}
    full |= {"response_code": 404, "artifact_digest": "sha", "cli_version": "0.1", "project_name": "secret"}
    land(database, [*events(3), *events(2, start=10, **full), *events(2, start=20, org="globex")])
    target = FolderTarget(tmp_path)
    assert Archiver(target, database).step()
    day = date(2026, 3, 2)
    wanted = []
    for org in ("acme", "globex"):
        window = Window(day, day)
        lines = b"".join(read_days(database, Selection(org, window, read_pii=False), "ndjson"))
        wanted += [orjson.loads(line) for line in lines.splitlines()]
    assert len(wanted) == 7
    assert entries_in(target) == wanted


def test_a_month_is_counted_as_the_page_says(database: Client, tmp_path: Path) -> None:
    """With nothing of ours: the entries of a month, those that came late, too, and nobody else's."""
    page = (Path(__file__).parents[3] / "docs" / "archive.md").read_text()
    (command,) = re.findall(r"^ *(find wandb-audit-logs/acme .*)$", page, re.MULTILINE)
    target = FolderTarget(tmp_path)
    before = [
        factories.event(event_id=f"01920f0e-7c5a-7b3e-8f43-{number:012x}", occurred_at=at, org_id="acme")
        for number, at in enumerate(("2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00.000Z"), 900)
    ]
    land(database, [*before, *events(5), events(1)[0], b"no json", *events(3, start=50, org="globex")])
    assert Archiver(target, database).step()
    land(database, events(2, start=20), start=12, at=factories.RECEIVED + timedelta(days=40))
    assert Archiver(target, database).step()
    counted = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert counted.stdout == b"8\n"


def test_only_entries_count() -> None:
    """A record that is no entry of its own is in no organisation's file."""
    made = [
        Record("e", 0, 0, 0, "", org_id="b", occurred_at="2026-01-01T01:02:03.456Z", is_entry=True),
        Record("e", 0, 1, 1, "", org_id="a", occurred_at="2026-01-01T01:02:03.456Z"),
    ]
    found = entries_by_org(made)
    assert list(found) == ["b"]
    assert encode(found["b"]) == b'{"timestamp":"2026-01-01T01:02:03Z"}\n'
