"""How far an archive is, from its target alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.queries.archive.world import events, land

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused
from trailhouse.queries.archive.journal import check_ours, listing, mark_as_ours, standing
from trailhouse.queries.archive.manifest import MARKER, manifest_path, plan_path
from trailhouse.queries.archive.round import Archiver
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client


def test_nothing_is_nothing(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path)
    assert (standing(target).rounds, standing(target).begun, standing(target).marks) == (0, None, {})
    assert not listing(target).done


def test_the_last_round_is_found(database: Client, tmp_path: Path) -> None:
    """Done rounds and the one begun, also where they lie in two folders."""
    target = FolderTarget(tmp_path)
    land(database, events(2))
    assert Archiver(target, database).step()
    found = standing(target)
    assert (found.rounds, found.marks, found.begun) == (1, {("topic", 0): 1}, None)
    assert (found.last and found.last.events, len(found.digest)) == (2, 64)
    (tmp_path / manifest_path(1)).unlink()
    found = standing(target)
    assert (found.rounds, found.begun and found.begun.number) == (0, 1)
    plan = (tmp_path / plan_path(1)).read_bytes()
    for name in (plan_path(999), manifest_path(999), plan_path(1000)):
        assert target.create(name, plan)
    with pytest.raises(ArchiveBroken, match="cannot be read"):
        standing(target)  # what was put there is no manifest; that it looked there is what counts
    assert listing(target).planned == {1, 999, 1000}


def test_an_archive_says_what_it_is(tmp_path: Path) -> None:
    """A store that writes over what is there is told apart; what is not ours is left alone."""

    class Careless(FolderTarget):
        def create(self, path: str, content: bytes) -> bool:
            (tmp_path / "careless" / path).unlink(missing_ok=True)
            return super().create(path, content)

    assert mark_as_ours(FolderTarget(tmp_path))
    assert not mark_as_ours(Careless(tmp_path / "careless"))
    with pytest.raises(TargetRefused, match="there is no archive"):
        check_ours(FolderTarget(tmp_path / "empty"))
    (tmp_path / MARKER).write_bytes(b"somebody's")
    with pytest.raises(TargetRefused, match="not ours"):
        mark_as_ours(FolderTarget(tmp_path))
