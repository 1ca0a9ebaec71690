"""The proof finds every way in which an archive can be wrong, and says which file or offset it is."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.queries.archive.world import events, land

from trailhouse.queries.archive.errors import TargetRefused
from trailhouse.queries.archive.journal import mark_as_ours, read_manifest
from trailhouse.queries.archive.manifest import encode, manifest_path, plan_path
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.round import Archiver, Choices
from trailhouse.queries.archive.sums import differences, ledger_sums
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client


def made(client: Client, folder: Path) -> FolderTarget:
    """Three rounds over two partitions, with copies, a rejected record and two organisations."""
    target = FolderTarget(folder)
    mark_as_ours(target)
    archiver = Archiver(target, client, Choices(parquet=True))
    land(client, [*events(6), b"no json", events(1)[0]])
    assert archiver.step()
    land(client, events(4, start=20), start=8)
    land(client, events(5, start=40, org="globex"), partition=1)
    assert archiver.step()
    land(client, events(3, start=60), start=12)
    assert archiver.step()
    return target


def file(target: FolderTarget, number: int, kind: str) -> str:
    manifest, _ = read_manifest(target, number)
    return {"records": manifest.records, "entries": manifest.entries[0], "parquet": manifest.parquet[0]}[
        kind
    ].path


def drop(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def test_every_damage_is_found(database: Client, tmp_path: Path) -> None:
    """A file gone, changed, cut or put beside; a manifest gone, changed or exchanged; the whole one is whole."""
    target = made(database, tmp_path / "whole")
    proof = prove(target)
    assert proof.problems == []
    assert (proof.rounds, proof.events, proof.copies, proof.rejected) == (3, 18, 1, 1)
    assert proof.marks == {("topic", 0): 14, ("topic", 1): 4}
    assert differences(proof.sums, ledger_sums(database, proof.marks)) == []

    def flip(path: str) -> Callable[[Path], None]:
        def change(folder: Path) -> None:
            content = bytearray((folder / path).read_bytes())
            content[len(content) // 2] ^= 1
            (folder / path).write_bytes(content)

        return change

    def reword(folder: Path) -> None:
        """Change records and manifest together, as somebody would who knows how; the next manifest knows better."""
        damaged = FolderTarget(folder)
        manifest, _ = read_manifest(damaged, 1)
        (folder / manifest_path(1)).write_bytes(encode(manifest).replace(b'"version"', b'"version" '))

    def copy(folder: Path) -> None:
        shutil.copy(folder / file(target, 1, "entries"), folder / "wandb-audit-logs/acme/again.ndjson.gz")

    damages: dict[str, tuple[Callable[[Path], object], str]] = {
        "records gone": (drop(file(target, 2, "records")), "is missing"),
        "records changed": (flip(file(target, 1, "records")), "was changed"),
        "entries changed": (flip(file(target, 3, "entries")), "was changed"),
        "entries gone": (drop(file(target, 1, "entries")), "is missing"),
        "parquet gone": (drop(file(target, 1, "parquet")), "is missing"),
        "manifest gone": (drop(manifest_path(2)), "round 2: its manifest is missing"),
        "first manifest gone": (drop(manifest_path(1)), "round 1: its manifest is missing"),
        "plan gone": (drop(plan_path(2)), "round 2: its plan is missing"),
        "manifest reworded": (reword, "round 2: the manifest before it"),
        "manifest cut": (lambda folder: (folder / manifest_path(3)).write_bytes(b"{"), "round 3: "),
        "a second copy": (copy, "is in no manifest"),
    }
    for name, (damage, wanted) in damages.items():
        folder = tmp_path / name
        shutil.copytree(tmp_path / "whole", folder)
        damage(folder)
        problems = prove(FolderTarget(folder)).problems
        assert any(wanted in problem for problem in problems), (name, problems)


def test_a_round_that_is_begun_is_no_problem(database: Client, tmp_path: Path) -> None:
    """Its files are expected; so an archive can be verified while it is written."""
    target = made(database, tmp_path)
    (tmp_path / manifest_path(3)).unlink()
    proof = prove(target)
    assert (proof.begun, proof.rounds, proof.problems) == (3, 2, [])


def test_the_ledger_is_compared(database: Client, tmp_path: Path) -> None:
    """A record more, one less or another one at its place in ClickHouse: the archive and it differ, and where is said."""
    proof = prove(made(database, tmp_path))
    database.command(
        "ALTER TABLE landed DELETE WHERE partition = 1 AND offset = 2 SETTINGS mutations_sync = 2"
    )
    database.command(
        "ALTER TABLE landed UPDATE event_id = generateUUIDv4() WHERE partition = 0 AND offset = 9 SETTINGS mutations_sync = 2"
    )
    found = differences(proof.sums, ledger_sums(database, proof.marks))
    assert [each.partition(":")[0] for each in found] == ["partition 0 of topic", "partition 1 of topic"]
    assert "5 records, ClickHouse 4" in found[1]


def test_missing_offsets_are_said(database: Client, tmp_path: Path) -> None:
    """A range that begins too late or too early, in manifests that are otherwise right."""
    target = made(database, tmp_path)
    for first, wanted in ((13, "offsets 12..12 are missing"), (11, "offsets 11..11 are there twice")):
        manifest = (tmp_path / manifest_path(3)).read_bytes()
        changed = manifest.replace(b'"first": 12', b'"first": %d' % first)
        assert changed != manifest
        (tmp_path / manifest_path(3)).write_bytes(changed)
        assert any(wanted in problem for problem in prove(target).problems)
        (tmp_path / manifest_path(3)).write_bytes(manifest)


def test_a_record_cannot_be_taken_out_unseen(database: Client, tmp_path: Path) -> None:
    """Not even with a manifest that has the right hash of the wrong file."""
    target = made(database, tmp_path)
    manifest, _ = read_manifest(target, 1)
    path = tmp_path / manifest.records.path
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:2] + lines[3:]), mtime=0))
    assert any("lacks offsets 2..2" in each or "was changed" in each for each in prove(target).problems)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Somebody's own folder is not called whole."""
    with pytest.raises(TargetRefused, match="there is no archive"):
        prove(FolderTarget(tmp_path))
