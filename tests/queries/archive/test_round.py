"""A round of the archive: complete, once, whatever cuts it off and whoever else is at it."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from tests.queries.archive.world import events, land, record_batch
from tests.stream import factories

from trailhouse.queries.archive.errors import ArchiveBroken, TargetUnavailable
from trailhouse.queries.archive.journal import standing
from trailhouse.queries.archive.manifest import ENTRIES, Manifest, plan_path, records_path
from trailhouse.queries.archive.record import Record, decode
from trailhouse.queries.archive.round import Archiver, Choices
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.sinks.clickhouse import Client


def records_of(target: FolderTarget, manifest: Manifest) -> list[Record]:
    return decode(gzip.decompress(target.read(manifest.records.path) or b""))


def entries_in(target: FolderTarget) -> list[dict[str, object]]:
    """Every audit log entry there is, from all rounds."""
    return [
        orjson.loads(line)
        for path in target.walk(ENTRIES)
        for line in gzip.decompress(target.read(path) or b"").splitlines()
    ]


def done(archiver: Archiver) -> Manifest:
    manifest = archiver.step()
    assert manifest is not None
    return manifest


def test_what_landed_since_the_last_round_is_archived_once(database: Client, tmp_path: Path) -> None:
    """Two rounds hold two landings, a third has nothing to do; a rejected record is archived, and is no entry."""
    target = FolderTarget(tmp_path / "archive")
    archiver = Archiver(target, database)
    end = land(database, [*events(5), b"not json"])
    first = done(archiver)
    assert (first.events, first.rejected, first.copies, first.gone) == (5, 1, 0, 0)
    land(database, events(3, start=100, org="globex"), start=end)
    second = done(archiver)
    assert second.plan.ranges[0].first == 6
    assert archiver.step() is None
    assert Archiver(target, database).step() is None  # nothing but the target knows how far we are
    offsets = [record.offset for each in (first, second) for record in records_of(target, each)]
    assert offsets == list(range(9))
    assert len(entries_in(target)) == 8
    assert [file.org for file in (*first.entries, *second.entries)] == ["acme", "globex"]


def test_what_a_sink_is_in_the_middle_of_waits(database: Client, tmp_path: Path) -> None:
    """Rows are archived once the ledger says that all tables have them."""
    archiver = Archiver(FolderTarget(tmp_path), database)
    land(database, events(5))
    land(database, events(5, start=5), start=5, is_recorded=False)
    assert done(archiver).plan.ranges[0].last == 4
    assert archiver.step() is None
    record_batch(database, 5, 9)
    assert done(archiver).events == 5


def test_an_event_that_came_again_is_one_entry(database: Client, tmp_path: Path) -> None:
    """In the same round, in a later one, on another partition, and where the one that is kept was received first and landed last."""
    target = FolderTarget(tmp_path)
    archiver = Archiver(target, database)
    some = events(6)
    land(database, [*some[:4], some[0]])
    assert (done(archiver).events, len(entries_in(target))) == (4, 4)
    later = factories.RECEIVED + timedelta(seconds=1)
    land(database, [some[1], some[4]], partition=1, at=later)
    second = done(archiver)
    assert (second.events, second.copies) == (1, 1)
    earlier = factories.RECEIVED - timedelta(seconds=1)
    land(database, [some[2], some[4], some[5]], partition=2, at=earlier)
    third = done(archiver)
    assert (third.events, third.copies) == (1, 2)
    assert len(entries_in(target)) == 6
    assert all(record.action for record in records_of(target, third))  # kept, so with what they say


def test_a_copy_archived_before_the_one_that_is_kept_makes_the_entry(
    database: Client, tmp_path: Path
) -> None:
    """Where rounds are small, the copy that is not kept may come first; the entry comes with it, and only with it."""
    target = FolderTarget(tmp_path)
    some = events(2)
    land(database, some, partition=0, at=factories.RECEIVED + timedelta(seconds=5))
    land(database, [*events(3, start=50), *some], partition=1)
    for last in (1, 2):
        record_batch(database, 0, last, partition=1)
    archiver = Archiver(target, database, rows_max=1)
    while archiver.step():
        pass
    actions = entries_in(target)
    assert len(actions) == 5
    assert standing(target).rounds >= 1


def test_a_round_that_was_cut_off_is_taken_up(database: Client, tmp_path: Path) -> None:
    """Whatever of it is written already, it ends with the same files, and what landed meanwhile waits for the next."""

    class Failing(FolderTarget):
        left = 0

        def create(self, path: str, content: bytes) -> bool:
            if self.left == 0:
                raise TargetUnavailable("gone")
            self.left -= 1
            return super().create(path, content)

    land(database, [*events(3), *events(2, start=10, org="globex")])
    whole = FolderTarget(tmp_path / "whole")
    wanted = done(Archiver(whole, database))
    for number in range(6):
        folder = tmp_path / str(number)
        failing = Failing(folder)
        failing.left = number
        with pytest.raises(TargetUnavailable):
            Archiver(failing, database).step()
    land(database, events(1, start=20), start=5)
    for number in range(6):
        target = FolderTarget(tmp_path / str(number))
        archiver = Archiver(target, database)
        manifest = done(archiver)
        if number:  # there was a plan
            assert manifest.plan.ranges == wanted.plan.ranges
            assert [file.sha256 for file in manifest.files] == [file.sha256 for file in wanted.files]
            manifest = done(archiver)
        assert len(entries_in(target)) == 6
        assert archiver.step() is None


def test_two_archivers_write_one_archive(database: Client, tmp_path: Path) -> None:
    """The second to come finds the plan or the manifest of the first, and goes on from there."""
    target = FolderTarget(tmp_path)
    one, other = Archiver(target, database), Archiver(target, database)
    assert one.step() is None
    assert other.step() is None
    land(database, events(4))
    first = done(one)
    assert done(other) == first  # it believed that there was no round yet
    land(database, events(2, start=10), start=4)
    assert done(other).plan.number == 2
    assert one.step() == other.step() or one.step() is None
    assert len(entries_in(target)) == 6


def test_rounds_are_bounded(database: Client, tmp_path: Path) -> None:
    """A round ends with the batch that makes it full; the next one goes on."""
    target = FolderTarget(tmp_path)
    for start in range(0, 12, 3):
        land(database, events(3, start=start), start=start)
    archiver = Archiver(target, database, rows_max=5)
    assert [done(archiver).events, done(archiver).events] == [6, 6]
    assert archiver.step() is None


def test_missing_rows_are_waited_for_then_said(database: Client, tmp_path: Path) -> None:
    """What the ledger has and the tables do not show ends the round before it; when that lasts, it is archived as missing."""
    target = FolderTarget(tmp_path)
    land(database, events(2))
    land(database, events(2, start=4), start=4, is_recorded=False)
    record_batch(database, 2, 5)
    assert done(Archiver(target, database)).plan.ranges[0].last == 1
    assert Archiver(target, database).step() is None
    manifest = done(Archiver(target, database, patience_s=0))
    assert manifest.plan.ranges[0].missing == ((2, 3),)
    assert manifest.plan.ranges[0].last == 5


def test_accepted_losses_are_no_holes(database: Client, tmp_path: Path) -> None:
    """A range that was accepted as lost is named in the round that passes it."""
    land(database, events(2))
    land(database, events(2, start=5), start=5)
    database.insert(
        "lost",
        [["topic", 0, 2, 4, "x", "me"]],
        column_names=["epoch", "partition", "first", "last", "reason", "accepted_by"],
    )
    (each,) = done(Archiver(FolderTarget(tmp_path), database)).plan.ranges
    assert (each.first, each.last, each.lost, each.missing) == (0, 6, ((2, 4),), ())


def test_a_file_that_says_something_else_stops_the_round(database: Client, tmp_path: Path) -> None:
    """Nothing is written over, and nothing wrong is sealed by a manifest."""
    target = FolderTarget(tmp_path)
    land(database, events(2))

    class Stopping(FolderTarget):
        def create(self, path: str, content: bytes) -> bool:
            if path.startswith(ENTRIES):
                raise TargetUnavailable("gone")
            return super().create(path, content)

    with pytest.raises(TargetUnavailable):
        Archiver(Stopping(tmp_path), database).step()
    plan = standing(target).begun
    assert plan is not None
    assert target.read(plan_path(1))
    (tmp_path / records_path(plan)).write_bytes(
        gzip.compress(b'{"epoch":"topic","partition":0,"from":0,"offset":0,"received_at":""}\n')
    )
    with pytest.raises(ArchiveBroken, match=r"lacks offsets 1\.\.1"):
        Archiver(target, database).step()


def test_parquet_and_no_entries_are_choices(database: Client, tmp_path: Path) -> None:
    """Parquet has the entries' columns; without entries there are records alone."""
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    land(database, events(4, response_code=200))
    target = FolderTarget(tmp_path / "both")
    manifest = done(Archiver(target, database, Choices(parquet=True)))
    (file,) = manifest.parquet
    rows = parquet.read_table(tmp_path / "both" / file.path).to_pylist()
    assert [row["response_code"] for row in rows] == [200] * 4
    assert [row["timestamp"].isoformat()[:19] + "Z" for row in rows] == [
        entry["timestamp"] for entry in entries_in(target)
    ]
    bare = FolderTarget(tmp_path / "bare")
    assert done(Archiver(bare, database, Choices(entries=False))).events == 4
    assert entries_in(bare) == []


def test_who_may_only_read_can_archive(
    database: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role runs as `analyst`, whose profile lets nobody change a setting or write anything."""
    land(database, events(2))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    def plain(name: str) -> None:
        real = getattr(database, name)

        def asked(sql: str, *, settings: object = None, **more: object) -> object:
            assert settings is None
            return real(sql, **more)

        monkeypatch.setattr(database, name, asked)

    for name in ("query", "raw_query"):
        plain(name)
    for name in ("command", "insert", "raw_insert"):
        monkeypatch.setattr(database, name, refuse)
    assert done(Archiver(FolderTarget(tmp_path), database)).events == 2
