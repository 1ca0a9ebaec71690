"""The proof finds every way in which an archive can be wrong, and says which file or offset it is."""

from __future__ import annotations

import gzip
import re
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.queries.archive.world import events, land

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused
from trailhouse.queries.archive.journal import mark_as_ours, read_manifest
from trailhouse.queries.archive.manifest import MARKER, encode, manifest_path, plan_path, sha256, state_path
from trailhouse.queries.archive.packed import DOCUMENT_MAX
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
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


def forged(folder: Path, kind: str, content: bytes) -> str:
    """Exchange a file of the last round, and write its manifest anew with the right hash; the file's path."""
    manifest, _ = read_manifest(FolderTarget(folder), 3)
    old = manifest.state if kind == "state" else getattr(manifest, kind)
    old = old[0] if isinstance(old, tuple) else old
    path = state_path(sha256(content)) if kind == "state" else old.path
    new = replace(old, path=path, sha256=sha256(content), size=len(content))
    (folder / path).write_bytes(content)
    changed = {kind: (new,) if kind == "entries" else new}
    (folder / manifest_path(3)).write_bytes(encode(replace(manifest, **changed)))
    return path


@pytest.mark.parametrize("kind", ["records", "entries", "state"])
def test_a_forged_file_fills_no_memory(database: Client, tmp_path: Path, kind: str) -> None:
    """Verifying and restoring stop at the bound, and say of which file; the hash is right, for who forges knows how."""
    target = made(database, tmp_path)
    target.file_max = 1 << 20
    line = b'{"epoch":"topic","partition":0,"from":12,"offset":12,"received_at":""}'
    path = forged(tmp_path, kind, gzip.compress(line + b" " * (64 << 20) + b"\n", mtime=0))
    wanted = f"{re.escape(path)} has .* bytes.*at most (1,048,576|65,536) bytes are read"
    tracemalloc.start()
    try:
        (problem,) = prove(target).problems
        assert re.search(wanted, problem)
        if kind != "entries":  # nothing is restored from these
            with pytest.raises(ArchiveBroken, match=wanted):
                restore(target, database, is_trial=True)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_a_manifest_without_end_is_not_read(database: Client, tmp_path: Path) -> None:
    """Nor is what says that this is an archive."""
    target = made(database, tmp_path)
    with (tmp_path / manifest_path(3)).open("ab") as file:
        file.truncate(DOCUMENT_MAX + 1)
    problem = prove(target).problems[0]
    assert problem.startswith(f"round 3: {manifest_path(3)} has {DOCUMENT_MAX + 1:,} bytes; at most")
    with (tmp_path / MARKER).open("ab") as file:
        file.truncate(DOCUMENT_MAX + 1)
    with pytest.raises(ArchiveBroken, match=f"{MARKER} has"):
        prove(target)


def test_entries_that_nobody_asked_for_are_said(database: Client, tmp_path: Path) -> None:
    """And those that are not the records', though their manifest has the right hash of them."""
    target = made(database, tmp_path)
    path = forged(tmp_path, "entries", gzip.compress(b'{"action":"x"}\n', mtime=0))
    assert f"round 3: {path} does not have the entries of its records" in prove(target).problems
    manifest, _ = read_manifest(target, 3)
    (tmp_path / manifest_path(3)).write_bytes(encode(replace(manifest, entries=())))
    assert "round 3: its entries are not those of its organisations" in prove(target).problems


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Somebody's own folder is not called whole."""
    with pytest.raises(TargetRefused, match="there is no archive"):
        prove(FolderTarget(tmp_path))
