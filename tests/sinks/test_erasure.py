"""Erasing: nothing about the person is left in any table or file, nothing comes back, and nothing else changes."""

from __future__ import annotations

import os
import threading
import time
import uuid
from pathlib import Path

import pytest
from tests.sinks.lines import enriched, event
from tests.sinks.people import (
    ANNA,
    ANNA_ACTS,
    BOB,
    CANARIES,
    PSEUDONYMS,
    anna,
    keep_in_plain_text,
    marked,
    store,
    texts,
    totals,
)

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.erasure import erase, plan_erasure
from trailhouse.sinks.errors import Held
from trailhouse.sinks.hold import place, release
from trailhouse.sinks.person import find_person
from trailhouse.sinks.settings import ClickHouseSettings

#: Only where the files are the point does a test wait until they are gone.
NO_WAIT = 0.0


def told(text: str) -> list[str]:
    return [each for each in CANARIES if each in text.lower()]


def test_nothing_is_left_and_nothing_comes_back(database: Client) -> None:
    """Every row that speaks of her is gone, others keep theirs; replays, late and new events bring nothing back."""
    store(database)
    before = totals(database)
    assert told(texts(database)) == list(CANARIES)
    person = anna(database)
    done = erase(database, person, reason="ticket 12", erased_by="ops", patience_s=NO_WAIT)
    assert done.rows["event_pii"] == 7
    assert done.erased_at is not None
    assert told(texts(database)) == []
    assert "dora@example.org" in texts(database)
    assert told(texts(database, "beta")) != []  # the same address in another organisation is another person
    assert totals(database) == before

    store(database)  # the enriched topic read again from its start
    for table in ("events", "event_pii", "users", "landed"):
        database.command(f"OPTIMIZE TABLE {table} FINAL")
    assert told(texts(database)) == []
    assert totals(database) == before
    # A refill or re-import under other offsets, and events of hers that nobody had seen yet.
    insert_lines(
        database, "landing", enriched([event(31, **ANNA_ACTS), event(32, **BOB, user_email=ANNA)], start=90)
    )
    assert told(texts(database)) == []
    assert database.query("SELECT uniqExact(event_id) FROM events WHERE org_id = 'acme'").result_rows == [
        (11,)
    ]
    assert set(plan_erasure(database, person).rows.values()) == {0}  # nor is there a row without a name
    people = {
        row[0] for row in database.query("SELECT identity FROM people WHERE org_id = 'acme'").result_rows
    }
    assert people == {"bob", ""}  # Carl's only event names her: what it called him is not kept


def test_an_insert_under_way_is_waited_for(database: Client, clickhouse_settings: ClickHouseSettings) -> None:
    """It looked for tombstones before hers was there, and ends after everything was deleted: nothing of it stays."""
    store(database)
    person = anna(database)
    started = threading.Event()

    def insert_slowly() -> None:
        client = connect(clickhouse_settings)
        started.set()
        client.command(
            "INSERT INTO landing (epoch, partition, `from`, offset, org_id, event_id, user_ref, subject_refs, identity, pii) "
            "SELECT 'x', 0, number, number, 'acme', generateUUIDv4(), {ref:UInt64}, [{ref:UInt64}], 'anna-7', map('actor_name', 'Anna Canary') "
            "FROM numbers(6) WHERE sleepEachRow(0.2) = 0 SETTINGS max_block_size = 1",
            parameters={"ref": person.refs[0]},
        )
        client.close()

    thread = threading.Thread(target=insert_slowly)
    thread.start()
    try:
        started.wait(10)
        running = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0.2)%' AND query_kind = 'Insert' AND current_database = currentDatabase()"
        deadline = time.monotonic() + 20
        while database.query(running).result_rows == [(0,)]:
            assert time.monotonic() < deadline, "the insert never began"
        erase(database, person, reason="", erased_by="ops")
        assert database.query(running).result_rows == [(0,)]
    finally:
        thread.join()
    assert database.query("SELECT count() FROM events WHERE epoch = 'x'").result_rows == [(6,)]
    assert told(texts(database)) == []


def test_views_leave_her_out_at_once(database: Client) -> None:
    """From the tombstone on, before any row is deleted."""
    store(database)
    refs = list(anna(database).refs)
    views = (
        "SELECT count() FROM people WHERE org_id = 'acme' AND has({refs:Array(UInt64)}, user_ref)",
        "SELECT count() FROM directory_facts(org = 'acme') WHERE has({refs:Array(UInt64)}, user_ref)",
    )

    def shown() -> list[int]:
        return [int(database.query(view, parameters={"refs": refs}).result_rows[0][0]) for view in views]

    assert all(shown())
    database.insert("erased", [["acme", ref] for ref in refs], column_names=["org_id", "user_ref"])
    assert shown() == [0, 0]


def test_erasing_again_changes_nothing(database: Client) -> None:
    """The second time finds the same person by their tombstone, deletes nothing, and keeps when it was first."""
    store(database)
    first = erase(database, anna(database), reason="", erased_by="ops", patience_s=NO_WAIT)
    person = find_person(database, PSEUDONYMS, "acme", [ANNA])
    second = erase(database, person, reason="again", erased_by="else", patience_s=NO_WAIT)
    assert dict(second.rows) == dict.fromkeys(first.rows, 0)
    assert second.erased_at == first.erased_at
    (row,) = database.query("SELECT DISTINCT erased_by FROM erased FINAL").result_rows
    assert row == ("ops",)


def test_a_plan_deletes_nothing(database: Client) -> None:
    """It counts what erasing would delete, and leaves no tombstone."""
    store(database)
    before = texts(database)
    planned = plan_erasure(database, anna(database))
    assert (planned.rows["event_pii"], planned.erased_at) == (7, None)
    assert texts(database) == before
    assert database.query("SELECT count() FROM erased").result_rows == [(0,)]


def test_a_hold_forbids_it(database: Client) -> None:
    """One on her, or on all of the organisation, and none on strangers; once released it may go on."""
    store(database)
    person = anna(database)
    dora = find_person(database, PSEUDONYMS, "acme", ["dora"])
    place(database, "acme", dora.refs, reason="suit 1", placed_by="legal")
    place(database, "beta", [], reason="suit 2", placed_by="legal")
    for refs in (person.refs[:1], ()):
        hold = place(database, "acme", refs, reason="suit 3", placed_by="legal")
        with pytest.raises(Held, match=hold.hold_id):
            erase(database, person, reason="", erased_by="ops")
        assert told(texts(database)) == list(CANARIES)
        assert database.query("SELECT count() FROM erased").result_rows == [(0,)]
        release(database, hold.hold_id, reason="settled", released_by="legal")
    erase(database, person, reason="", erased_by="ops", patience_s=NO_WAIT)
    assert told(texts(database)) == []


def test_a_hold_keeps_what_speaks_of_its_person_and_of_others(database: Client) -> None:
    """Bob's hold covers the events he and Anna share: she is not erased, and nothing of anybody is changed."""
    store(database)
    person, before = anna(database), texts(database)
    bob = find_person(database, PSEUDONYMS, "acme", ["bob"])
    hold = place(database, "acme", bob.refs, reason="suit 1", placed_by="legal")
    with pytest.raises(Held, match=f"{hold.hold_id}.* somebody it covers"):
        plan_erasure(database, person)
    with pytest.raises(Held, match=f"{hold.hold_id}.* somebody it covers"):
        erase(database, person, reason="", erased_by="ops")
    assert texts(database) == before
    assert database.query("SELECT count() FROM erased").result_rows == [(0,)]
    # The id of one who is held may hold her address: their row of the directory would go.
    release(database, hold.hold_id, reason="settled", released_by="legal")
    insert_lines(database, "landing", enriched([event(40, actor_user_id=f"bot of {ANNA}")], start=90))
    hold = place(
        database, "acme", [PSEUDONYMS.ref("acme", f"bot of {ANNA}")], reason="suit 2", placed_by="legal"
    )
    with pytest.raises(Held, match=hold.hold_id):
        erase(database, person, reason="", erased_by="ops")


def test_whoever_is_called_the_same_person_does_not_keep_their_id(database: Client) -> None:
    """A roster's alias of her that is somebody else's row: what it says goes, earlier and later; the rest of it stays."""
    boss = BOB | {"user_asset": "boss"}
    alias = {"action": "roster:alias", "attributes": {"alias_of_user": ANNA_ACTS["actor_user_id"]}}
    insert_lines(
        database,
        "landing",
        enriched([event(1, **ANNA_ACTS), event(2, **boss, action="user:create"), event(3, **boss, **alias)]),
    )
    assert "('alias', ''," in texts(database)
    person = find_person(database, PSEUDONYMS, "acme", [ANNA_ACTS["actor_user_id"]], is_exact=True)
    erase(database, person, reason="", erased_by="ops", patience_s=NO_WAIT)
    assert "anna-7" not in texts(database)
    assert "('identity', '', 'boss')" in texts(database)
    insert_lines(database, "landing", enriched([event(4, **boss, **alias)], start=90))
    assert "anna-7" not in texts(database)


def test_an_address_in_odd_writing_is_erased_and_does_not_come_back(database: Client) -> None:
    """With a name beside it, another @, or a code for it: found by the plain address, with the id it came with."""
    odd = [
        "Olga Ott <olga@acme.example>",
        "mailto:olga@acme.example",
        "Olga\uff20acme.example",
        "Olga@acme.example.",
    ]
    events = [
        *(event(n, actor_user_id=None, actor_email=each) for n, each in enumerate(odd)),
        *(event(10 + n, **BOB, attributes={"note": f"**{each}**"}) for n, each in enumerate(odd)),
        event(20, **BOB, attributes={"url": "https://acme.example/?email=olga%40acme.example"}),
        event(21, actor_user_id="o-17", actor_email=odd[0], actor_name="Olga Ott"),
        event(22, actor_user_id="o-17", actor_name="Olga Ott"),
    ]
    insert_lines(database, "landing", enriched(events))
    person = find_person(database, PSEUDONYMS, "acme", ["olga@acme.example"])
    assert "o-17" in person.identities
    erase(database, person, reason="", erased_by="ops", patience_s=NO_WAIT)
    assert "olga" not in texts(database)
    insert_lines(database, "landing", enriched(events, start=90))
    assert "olga" not in texts(database)


def test_no_file_of_the_engine_holds_a_name(
    database: Client, clickhouse_server: LocalClickHouse, is_containers: bool
) -> None:
    """The parts on disk, those that were replaced among them, the texts of mutations, and the engine's logs."""
    if is_containers:
        pytest.skip("the files lie in the container")
    mark = uuid.uuid4().hex[:8]
    keep_in_plain_text(database)
    insert_lines(database, "landing", marked(mark))
    canaries = {each.replace("anna", f"anna{mark}").encode() for each in CANARIES}
    assert names_in(clickhouse_server.data, canaries) == canaries
    person = find_person(database, PSEUDONYMS, "acme", [f"anna{mark}-7"])
    done = erase(database, person, reason="", erased_by="ops")
    assert not done.has_old_files
    assert names_in(clickhouse_server.data, canaries) == set()


def names_in(folder: Path, names: set[bytes]) -> set[bytes]:
    """Which of `names`, in lower case, the files of a folder hold."""
    found = set()
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                text = Path(root, name).read_bytes().lower()
            except FileNotFoundError:  # a running engine renames and removes
                continue
            found |= {each for each in names if each in text}
    return found
