"""Restoring: every report as it was, nothing twice, nobody erased back, and nothing personal in any archived byte."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest
from pyarrow import parquet
from tests.integration.test_canaries import canaries, leaks
from tests.queries.archive.world import events, land, record_batch
from tests.queries.directory_events import said
from tests.queries.test_directory_views import imagine
from tests.sinks.lines import enriched
from tests.stream import factories

from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.queries import render
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.journal import mark_as_ours, read_manifest, standing
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
from trailhouse.queries.archive.round import Archiver, Choices
from trailhouse.queries.archive.state import decode_state
from trailhouse.queries.archive.sums import differences, ledger_sums
from trailhouse.queries.archive.target import FolderTarget
from trailhouse.queries.caller import Caller
from trailhouse.queries.report import load
from trailhouse.queries.runner import run
from trailhouse.sinks.books import read_books
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.stream.persons import Pseudonyms

PLAN: Final = Plan(until=date(2026, 3, 31), orgs=2, people=8, days=30)
NOW: Final = datetime(2026, 4, 2, 12, tzinfo=UTC)
#: Who is who, and how everybody stands: what reports on people ask. `identity` is a name and stays where it was.
WHO: Final = "SELECT org_id, user_ref, person_ref, is_alias FROM directory_refs_in(orgs = ['acme', 'globex']) ORDER BY ALL"
STAND: Final = "SELECT * EXCEPT identity FROM staff_in(orgs = ['acme', 'globex']) ORDER BY ALL"
LISTED: Final = "SELECT person_ref, user_refs, kind, role, seat, invitation, is_revoked FROM directory_people(org = 'acme') ORDER BY ALL"


def archived(client: Client, folder: Path, *, has_parquet: bool = False) -> FolderTarget:
    target = FolderTarget(folder)
    mark_as_ours(target)
    archiver = Archiver(target, client, Choices(parquet=has_parquet), rows_max=3000)
    while archiver.step():
        pass
    return target


def answers(client: Client) -> dict[str, list[str]]:
    """Every report over all organisations, as whoever may not see people reads it; rows in no order, for equal ones are
    ordered by names."""
    params = {
        "org": ",".join(PLAN.sizes()),
        "since": "2026-02-20",
        "until": PLAN.until.isoformat(),
        "timezone": "Europe/Berlin",
    }
    caller = Caller(orgs=None, read_pii=False)
    return {
        name: sorted(render.csv(run(client, report, caller, params, now=NOW)).splitlines())
        for name, report in load().items()
    }


def rows_of(client: Client) -> dict[str, int]:
    """How many rows each table has, repeats not counted."""
    names = client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations' ORDER BY name"
    ).result_rows
    return {
        str(name): int(client.query(f"SELECT count() FROM {name} FINAL").result_rows[0][0])
        for (name,) in names
    }


def test_every_report_is_as_it_was(database: Client, other_database: Client, tmp_path: Path) -> None:
    """Of a simulated company with rejects and repeats: reports, tables, ledger and books; and again when done twice."""
    sent = list(Simulation(PLAN).arrived())
    lines = enriched([*sent, b"no json", *sent[:50], *sent[300:303]], received=NOW)
    for start in range(0, len(lines), 2000):
        insert_lines(database, "landing", lines[start : start + 2000])
        last = min(start + 2000, len(lines)) - 1
        record_batch(database, start, last, epoch="epoch-a", at=NOW)
    database.insert(
        "org_settings",
        [[next(iter(PLAN.sizes())), "Asia/Tokyo", 7, "Example"]],
        column_names=["org_id", "timezone", "week_start", "company"],
    )
    target = archived(database, tmp_path)
    proof = prove(target)
    assert proof.problems == []
    distinct = len({(each["org_id"], each["event_id"]) for each in sent})
    assert (proof.events, proof.copies, proof.rejected) == (distinct, len(lines) - distinct - 1, 1)
    before = answers(database)

    done = restore(target, other_database)
    links = database.query("SELECT count() FROM known_links").result_rows[0][0]
    assert links > 0  # somebody was invited by address and came with an id
    assert (done.stored, done.known, done.decisions) == (len(lines), 0, 1 + links)
    after = answers(other_database)
    assert {name for name in before if before[name] != after[name]} == set()
    assert differences(proof.sums, ledger_sums(other_database, proof.marks)) == []
    books = [read_books(each, dict(proof.marks)) for each in (database, other_database)]
    assert books[0] == books[1]
    assert books[1].is_clean
    assert not books[1].conflicts
    counted = rows_of(other_database)

    again = restore(target, other_database)
    assert (again.stored, again.known, again.decisions) == (0, len(lines), 0)
    assert rows_of(other_database) == counted
    assert Archiver(target, other_database).step() is None  # who goes on from here archives nothing twice


def who(client: Client) -> list[list[tuple[object, ...]]]:
    return [[tuple(row) for row in client.query(sql).result_rows] for sql in (WHO, STAND, LISTED)]


@pytest.mark.parametrize("seed", range(3))
def test_who_is_whom_is_restored_without_a_name(
    database: Client, other_database: Client, tmp_path: Path, seed: int
) -> None:
    """Of any history whatever of invitations, rosters and aliases; again from what was restored; and no otherwise when
    the topics tell all the names again, or somebody is erased.
    """
    random = Random(seed)
    told = [
        {**imagine(random), "org_id": org}
        for org, count in (("acme", 150), ("globex", 40))
        for _ in range(count)
    ]
    land(database, told)
    before = who(database)
    assert any(row[1] != row[2] for row in before[0])
    assert any(row[3] for row in before[0])
    target = archived(database, tmp_path / "first")
    restore(target, other_database)
    assert other_database.query("SELECT max(identity) FROM users").result_rows == [("",)]
    assert who(other_database) == before
    state = read_manifest(archived(other_database, tmp_path / "second"), 1)[0].state.path
    assert decode_state((tmp_path / "second" / state).read_bytes(), state) == decode_state(
        target.read(state_of(target)) or b"", "s"
    )
    land(other_database, told, start=len(told))
    assert who(other_database) == before
    erased = random.choice([row for row in before[0] if row[1] != row[2]])[2]
    for client in (database, other_database):
        client.insert("erased", [["acme", erased], ["globex", erased]], column_names=["org_id", "user_ref"])
    assert who(other_database) == who(database)


def state_of(target: FolderTarget) -> str:
    last = standing(target).last
    assert last is not None
    return last.state.path


def test_what_is_known_later_goes_before_a_link(
    database: Client, other_database: Client, tmp_path: Path
) -> None:
    """Who was linked and then acts, or whom a newer roster calls something else, is what that says."""
    land(database, [
        said("page:view", "2026-01-01T09:00", org_id="acme", actor_user_id="ann", actor_email="ann@leak.example"),
        said("team:invite_user", "2026-01-01T08:00", org_id="acme", actor_user_id="boss", user_email="ann@leak.example"),
        said("page:view", "2026-01-01T09:00", org_id="acme", actor_user_id="bob"),
        said("page:view", "2026-01-01T09:00", org_id="acme", actor_user_id="bob-old"),
        said("roster:alias", "2026-01-02T09:00", org_id="acme", user_asset="bob-old", attributes={"alias_of_user": "bob"}),
    ])  # fmt: skip
    ref = Pseudonyms(factories.PEPPER).ref
    restore(archived(database, tmp_path), other_database)
    links = "SELECT user_ref, person_ref FROM aliases_in(orgs = ['acme']) ORDER BY ALL"
    invited, ann, old, bob = (ref("acme", each) for each in ("ann@leak.example", "ann", "bob-old", "bob"))
    assert set(other_database.query(links).result_rows) == {(invited, ann), (old, bob)}
    land(other_database, [
        said("page:view", "2026-01-03T09:00", org_id="acme", actor_email="ann@leak.example"),
        said("roster:alias", "2026-01-03T09:00", org_id="acme", user_asset="bob-old", attributes={"alias_of_user": "nobody"}),
    ], start=5)  # fmt: skip
    assert other_database.query(links).result_rows == []


def test_an_archive_of_before_there_were_links_is_read(
    database: Client, other_database: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As one whose archiver may not read them: it says so, and archives all else."""
    land(database, events(3))
    database.command("RENAME TABLE known_links TO known_links_away")
    try:
        target = archived(database, tmp_path)
    finally:
        database.command("RENAME TABLE known_links_away TO known_links")
    assert "known_links cannot be read" in caplog.text
    assert "links" not in decode_state(target.read(state_of(target)) or b"", "s")
    assert restore(target, other_database).stored == 3


def test_a_resend_after_restoring_is_no_conflict(
    database: Client, other_database: Client, tmp_path: Path
) -> None:
    """The ledger's hash of what an event said is restored, though of whom it spoke is not known any more."""
    some = events(3, user_asset="somebody", user_email="canary@leak.example")
    land(database, some)
    restore(archived(database, tmp_path), other_database)
    land(other_database, some, start=3)
    assert not read_books(other_database, {("topic", 0): 5}).conflicts


def test_what_was_cut_off_is_restored_again(
    database: Client, other_database: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dying between two inserts leaves what the next run puts right; a trial stores nothing."""
    land(database, [*events(5), b"x", events(1)[0]])
    target = archived(database, tmp_path)
    assert restore(target, other_database, is_trial=True).stored == 7
    assert sum(rows_of(other_database).values()) == 0
    from trailhouse.queries.archive import restore as module

    tables: list[str] = []

    def dying(client: Client, table: str, lines: list[bytes]) -> None:
        tables.append(table)
        if table == "event_places":
            raise ConnectionError
        insert_lines(client, table, lines)

    monkeypatch.setattr(module, "insert_lines", dying)
    with pytest.raises(ConnectionError):
        restore(target, other_database)
    monkeypatch.undo()
    assert tables[:2] == ["landing", "landed"]
    assert restore(target, other_database).stored == 7
    books = read_books(other_database, {("topic", 0): 6})
    assert books.is_clean
    assert (books.events, books.distinct) == (6, 5)


def test_a_changed_file_is_not_restored(database: Client, other_database: Client, tmp_path: Path) -> None:
    """Nothing of a round is stored whose records are not those of its manifest."""
    land(database, events(3))
    target = archived(database, tmp_path)
    path = tmp_path / read_manifest(target, 1)[0].records.path
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"acme", b"evil"), mtime=0))
    with pytest.raises(ArchiveBroken, match="was changed"):
        restore(target, other_database)
    assert rows_of(other_database)["events"] == 0


def test_what_had_expired_is_lost_and_said(database: Client, other_database: Client, tmp_path: Path) -> None:
    """An event that retention let go before it was archived cannot be restored; the books of the restored show it as lost."""
    land(database, events(4))
    database.command(
        "ALTER TABLE events DELETE WHERE toString(event_id) LIKE '%2' SETTINGS mutations_sync = 2"
    )
    target = archived(database, tmp_path)
    proof = prove(target)
    assert (proof.events, proof.gone, proof.problems) == (3, 1, [])
    restore(target, other_database)
    assert other_database.query("SELECT first, last FROM lost").result_rows == [(2, 2)]
    assert read_books(other_database, {("topic", 0): 3}).holes == (("topic", 0, 2, 2),)


def test_no_archived_byte_is_personal(database: Client, tmp_path: Path) -> None:
    """A canary in every field of the contract, in rejected records, and in what people write beside decisions; looked for
    in every file, unpacked. So erasing a person leaves nothing of them in the archive, and the erasure itself is archived.
    """
    late = [{**each, "occurred_at": "2999-01-01T00:00:00Z"} for each in canaries()]
    land(database, [*canaries(), *late, b"canary-broken@leak.example"])
    columns = {
        "erased": ["org_id", "user_ref", "erased_by", "reason"],
        "settled": ["org_id", "event_id", "reason", "settled_by"],
    }
    database.insert("erased", [["acme", 7, "canary", "canary"]], column_names=columns["erased"])
    nobody = "00000000-0000-0000-0000-000000000001"
    database.insert("settled", [["acme", nobody, "canary", "canary"]], column_names=columns["settled"])
    target = archived(database, tmp_path, has_parquet=True)
    read = []
    for path in target.walk(""):
        content = target.read(path) or b""
        if path.endswith(".parquet"):
            text = str(parquet.read_table(io.BytesIO(content)).to_pylist())
        else:
            text = (gzip.decompress(content) if path.endswith(".gz") else content).decode()
        assert not leaks(text), path
        assert not leaks(path)
        read.append(text)
    assert len(read) >= 7
    assert any('"erased":[{"org_id":"acme","user_ref":7' in text for text in read)


def test_late_copies_restore_to_the_same_winner(
    database: Client, other_database: Client, tmp_path: Path
) -> None:
    """Whichever copy landed first, the one received first is kept, before and after."""
    some = events(2)
    land(database, some, at=factories.RECEIVED + timedelta(seconds=5))
    first = archived(database, tmp_path)
    land(database, [*some, *events(1, start=9)], partition=1, at=factories.RECEIVED)
    target = archived(database, tmp_path)
    assert prove(first).problems == []
    restore(target, other_database)
    kept = "SELECT toString(event_id), partition, offset FROM events FINAL ORDER BY event_id"
    assert database.query(kept).result_rows == other_database.query(kept).result_rows
    assert rows_of(database)["event_places"] == rows_of(other_database)["event_places"]
