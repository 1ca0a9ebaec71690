"""Tables made anew from events, beside the old: equal when nothing was wrong, whole while inserts go on, never half done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from tests.databases import Databases
from tests.sinks.lines import RECEIVED, differences, enriched, event, expected, imagine, readings

from trailhouse.sinks import rebuild as rebuilding
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect, insert_lines
from trailhouse.sinks.comparison import Comparison
from trailhouse.sinks.definition import definition_of, definitions
from trailhouse.sinks.errors import RebuildRefused
from trailhouse.sinks.rebuild import Scope, drop_unfinished, rebuild, refuse_replicated
from trailhouse.sinks.settings import ClickHouseSettings

SAME = ("gone", "new", "changed")


@pytest.fixture(scope="module")
def settings_here(databases: Databases) -> Iterator[ClickHouseSettings]:
    """One database for all of these tests."""
    with databases.lend() as (settings, _):
        yield settings


@pytest.fixture
def database(settings_here: ClickHouseSettings) -> Iterator[Client]:
    """A client on it, with empty tables and the views as they were made."""
    with closing(connect(settings_here)) as client:
        before = definitions(client)
        for table in ("events", "event_pii", "landed", "rejected", "touched", "expired", "expiries", *before):
            client.command(f"TRUNCATE TABLE {table}")
        yield client
        for table in before:
            drop_unfinished(client, table)
        for each in definitions(client).values():
            if each.query != before[each.table].query:
                client.command(f"ALTER TABLE {each.view} MODIFY QUERY {before[each.table].query}")


def company(seed: int, count: int = 120) -> list[dict[str, Any]]:
    """Events that reach every table there is."""
    random = Random(seed)
    events = imagine(random, count, days=12)
    kinds: tuple[dict[str, Any], ...] = (
        {
            "action": "team:invite_user",
            "user_asset": "u-5",
            "user_email": "a@new.example",
            "entity_name": "t",
        },
        {"action": "entity:create", "attributes": {"entity": "e", "blueprint": "b", "api_key_id": "k"}},
        {
            "action": "page:view",
            "attributes": {"page": "home"},
            "outcome": "success",
            "user_agent": "Mozilla/5.0",
        },
        {"action": "run:create", "actor_role": "admin", "actor_ip": "192.0.2.7"},
        {"action": "user:login", "outcome": "success", "actor_user_id": "u-1"},
        {"action": "user:delete_api_key", "outcome": "failure"},
    )
    for number in range(0, len(events), 3):
        events[number] = events[number] | random.choice(kinds)
    return events


def test_every_table_comes_out_as_it_was(database: Client) -> None:
    """What the views made of the inserts, they make of the stored events: all tables that views fill, none forgotten."""
    events = company(1)
    lines = enriched(events) + enriched(events[:40], start=5000, received=RECEIVED + timedelta(hours=1))
    insert_lines(database, "landing", lines)
    before = readings(database)
    assert differences(before, expected(lines)) == {}
    filled = {
        "action_slots",
        "actors",
        "directory",
        "newcomers",
        "notable",
        "page_slots",
        "user_days",
        "users",
    }
    assert filled <= set(definitions(database))
    for table in definitions(database):
        found = rebuild(database, table)
        assert found.keys, table
        if table != "event_places":  # those of repeats, which nobody asks for, go
            assert [getattr(found, name) for name in SAME] == [0, 0, 0], table
    assert differences(readings(database), before) == {}


def test_what_was_wrong_is_said_and_mended(database: Client) -> None:
    """Rows lost, invented and spoilt by hand; first without touching them."""
    insert_lines(database, "landing", lines := enriched(company(2, 100)))
    wanted = readings(database)
    orgs = [row[0] for row in database.query("SELECT DISTINCT org_id FROM user_days").result_rows]
    assert len(orgs) > 1
    database.command("ALTER TABLE user_days DELETE WHERE org_id = 'beta' SETTINGS mutations_sync = 2")
    database.command(
        "INSERT INTO user_days (org_id, day, actor_type, user_ref) VALUES ('acme', '2026-02-01', 'user', 7)"
    )
    database.command(
        "INSERT INTO user_days SELECT * REPLACE (bitNot(toUInt128(0)) AS slots) FROM user_days WHERE org_id = 'acme' AND user_ref != 7 LIMIT 1"
    )
    spoilt = readings(database)["user_days"]
    found = rebuild(database, "user_days", is_trial=True)
    assert (found.gone, found.changed) == (1, 1)
    assert found.new == sum(key[0] == "beta" for key in wanted["user_days"])
    assert "'2026-02-01','user',7" in "".join(found.examples)
    assert readings(database)["user_days"] == spoilt
    assert rebuild(database, "user_days") == found
    assert readings(database)["user_days"] == wanted["user_days"]
    insert_lines(database, "landing", late := enriched([event(7000)], start=9000))
    assert differences(readings(database), expected([*lines, *late])) == {}


def test_only_the_scope_is_made_anew(database: Client) -> None:
    """Of one organisation, from one day to another; months where a row is one; the rest is left as wrong as it was."""
    insert_lines(database, "landing", enriched(company(3, 120)))
    wanted = readings(database)["user_days"]
    database.command("ALTER TABLE user_days UPDATE slots = 1 WHERE 1 SETTINGS mutations_sync = 2")
    rebuild(database, "user_days", Scope("acme", date(2026, 2, 19), date(2026, 2, 23)))
    found = readings(database)["user_days"]
    assert found.keys() == wanted.keys()
    for key, row in found.items():
        inside = key[0] == "acme" and date(2026, 2, 19) <= key[1] <= date(2026, 2, 23)
        assert row[0] == (wanted[key][0] if inside else 1), key
    assert rebuild(database, "actors", Scope("acme", date(2026, 2, 19), date(2026, 2, 23))).is_same
    with pytest.raises(RebuildRefused, match="all time"):
        rebuild(database, "users", Scope("", date(2026, 2, 3)))
    with pytest.raises(RebuildRefused, match="not made from events"):
        rebuild(database, "events")


@pytest.mark.parametrize("table", ["action_slots", "users"])
def test_inserts_that_go_on_are_all_in_it(
    database: Client, settings_here: ClickHouseSettings, table: str
) -> None:
    """Before, while and after the tables change places."""
    lines = enriched(company(4, 60))
    insert_lines(database, "landing", lines)
    stop, more = threading.Event(), list[bytes]()

    def run() -> None:
        with closing(connect(settings_here)) as client:
            while not stop.is_set():
                start = 1000 + len(more)
                batch = enriched([event(start + n) for n in range(5)], start=start)
                insert_lines(client, "landing", batch)
                more.extend(batch)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        for _ in range(2):
            rebuild(database, table)
    finally:
        stop.set()
        thread.join()
    assert more
    assert differences(readings(database), expected([*lines, *more])) == {}


def test_a_changed_definition_step_by_step(database: Client) -> None:
    """The procedure of docs/operations/upgrade.md: write the new SELECT, compare it, switch to it, and go on with it."""
    insert_lines(database, "landing", enriched([event(1), event(2, action="user:login"), event(3)]))
    definition = definition_of(database, "user_days")
    new = definition.query.replace("AND is_activity", "AND is_activity AND (action != 'page:view')")
    assert new != definition.query
    compared = rebuild(database, "user_days", query=new, is_trial=True)
    assert (compared.keys, compared.gone, compared.new, compared.changed) == (3, 2, 0, 0)
    assert len(readings(database)["user_days"]) == 3
    assert definition_of(database, "user_days").query == definition.query
    assert rebuild(database, "user_days", query=new) == compared
    assert len(readings(database)["user_days"]) == 1
    insert_lines(database, "landing", enriched([event(4), event(5, action="user:login")], start=10))
    assert len(readings(database)["user_days"]) == 2
    assert rebuild(database, "user_days").is_same
    with pytest.raises(RebuildRefused, match="does not read landing"):
        rebuild(database, "user_days", query="SELECT 1")


@pytest.mark.parametrize("step", ["_fill", "_switch"])
def test_a_rebuild_that_fails_leaves_all_as_it_was(
    database: Client, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Nothing beside is left, and the next one works."""
    insert_lines(database, "landing", lines := enriched([event(1)]))
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(rebuilding, step, lambda *_: 1 / 0)
        rebuild(database, "user_days")
    assert differences(readings(database), expected(lines)) == {}
    assert rebuild(database, "user_days") == Comparison(1)


def test_a_rebuild_that_died_is_in_the_way(database: Client) -> None:
    """Until somebody says that nobody is at it."""
    database.command("CREATE TABLE user_days_beside AS user_days")
    with pytest.raises(RebuildRefused, match="somebody is at it"):
        rebuild(database, "user_days")
    drop_unfinished(database, "user_days")
    assert rebuild(database, "user_days") == Comparison()


def test_days_whose_events_expired_are_not_made_anew(database: Client) -> None:
    """Their counts outlive them; later days can be."""
    insert_lines(database, "landing", enriched([event(1), event(400)]))
    database.command(
        "INSERT INTO expired (class, org_id, slot, id) VALUES ('events', 'acme', '2025-12-01 08:00:00', 1)"
    )
    with pytest.raises(RebuildRefused, match="from before 2025-12-02 have expired") as caught:
        rebuild(database, "action_slots")
    assert caught.value.hint.endswith("--since 2025-12-02")
    with pytest.raises(RebuildRefused, match="have expired"):
        rebuild(database, "sightings")
    assert rebuild(database, "action_slots", Scope("", date(2025, 12, 2))) == Comparison(1)
    assert rebuild(database, "action_slots", Scope("beta")) == Comparison()


def test_whoever_was_erased_does_not_come_back(database: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a rebuild after it nor by one during it."""
    insert_lines(database, "landing", enriched([event(1), event(2)]))
    ((ref,),) = database.query("SELECT min(user_ref) FROM users").result_rows
    fill = rebuilding._fill

    def erase(*arguments: Any) -> Comparison:
        database.insert(
            "erased", [["acme", ref, "me", "x"]], column_names=["org_id", "user_ref", "erased_by", "reason"]
        )
        return fill(*arguments)

    with monkeypatch.context() as patch, pytest.raises(RebuildRefused, match="erased meanwhile"):
        patch.setattr(rebuilding, "_fill", erase)
        rebuild(database, "users")
    rebuild(database, "users")
    assert [key[1] == ref for key in readings(database)["users"]] == [False]
    database.command("TRUNCATE TABLE erased")


def test_progress_is_told(database: Client) -> None:
    """In months of organisations."""
    insert_lines(database, "landing", enriched([event(1), event(1, org_id="beta"), event(9000)]))
    told: list[tuple[int, int]] = []
    rebuild(database, "user_days", is_trial=True, on_progress=lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_view_that_cannot_be_is_refused_by_the_engine(database: Client) -> None:
    """And nothing of it stays."""
    with pytest.raises(ClickHouseError):
        rebuild(database, "user_days", query="SELECT nothing FROM landing")
    assert rebuild(database, "user_days") == Comparison()


def test_a_replicated_table_is_refused() -> None:
    """What would happen to one replica alone does not begin."""

    class Cluster:
        result_rows = (("ReplicatedReplacingMergeTree",),)

        def query(self, *_: object, **__: object) -> Cluster:
            return self

    with pytest.raises(RebuildRefused, match="replicated"):
        refuse_replicated(Cluster(), "user_days")  # type: ignore[arg-type]  # all it asks of a client
