"""Expiry: what the plan says goes, nothing else does, and the books know where it went."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

from tests.sinks.lines import RECEIVED, enriched, event, imagine
from tests.sinks.people import ANNA, ANNA_ACTS, BOB, PSEUDONYMS

from trailhouse.sinks.balance import Balance, settle
from trailhouse.sinks.books import Books, Sealed, read_books
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.expiry import Due, expire, plan_expiry
from trailhouse.sinks.hold import place, release
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.retention import ACTIVITY, EVENTS, EVERY_ORG, PII, REJECTED, Policy, set_policy

TODAY = date(2026, 3, 2)


def books(client: Client, last: int, sealed: Sealed | None = None) -> tuple[Books, Balance]:
    found = read_books(client, {("epoch-a", 0): last}, sealed)
    return found, settle({0: Mark({"epoch-a": last})}, {}, "epoch-a", found)


def ids(client: Client, table: str, condition: str = "1") -> set[str]:
    query = f"SELECT DISTINCT concat(org_id, ' ', toString(event_id)) FROM {table} WHERE {condition}"
    return {str(row[0]) for row in client.query(query).result_rows}


def expire_all(client: Client) -> list[Due]:
    due = plan_expiry(client, TODAY)
    for each in due:
        expire(client, each, expired_by="ops")
    return due


def test_what_is_due_goes_and_the_books_know(database: Client) -> None:
    """By class and organisation, to the day; books closed whole or from a seal find nothing missing, repeats included."""
    random = Random(5)
    events = imagine(random, 300)
    lines = enriched([*events, b"broken", *random.sample(events, 20)])
    insert_lines(database, "landing", lines)
    last = len(lines) - 1
    before, balance = books(database, last)
    assert balance.is_closed
    assert plan_expiry(database, TODAY) == []
    counts = "SELECT org_id, action, uniqExactMerge(events) FROM action_slots GROUP BY ALL ORDER BY ALL"
    counted = database.query(counts).result_rows

    set_policy(database, Policy("acme", EVENTS, 20))
    set_policy(database, Policy("beta", PII, 10))
    set_policy(database, Policy(EVERY_ORG, ACTIVITY, 30))
    old = "(org_id = 'acme' AND toDate(occurred_at) < '2026-02-10')"
    no_pii = f"({old} OR (org_id = 'beta' AND toDate(occurred_at) < '2026-02-20'))"
    gone, kept = ids(database, "events", old), ids(database, "events", f"NOT {old}")
    kept_pii = ids(database, "event_pii", f"NOT {no_pii}")
    due = expire_all(database)
    (of_events,) = [each for each in due if each.data_class == EVENTS]
    assert (of_events.org_id, of_events.rows, of_events.before) == ("acme", len(gone), date(2026, 2, 10))
    assert of_events.newest is not None
    assert of_events.newest < of_events.before
    assert {(each.org_id, each.data_class) for each in due} >= {
        ("acme", PII),
        ("beta", PII),
        ("gamma", ACTIVITY),
    }
    assert ids(database, "events") == kept
    assert ids(database, "event_pii") == kept_pii
    assert database.query("SELECT min(day) FROM user_days").result_rows[0][0] >= date(2026, 1, 31)
    assert database.query(counts).result_rows == counted
    assert plan_expiry(database, TODAY) == []

    after, balance = books(database, last)
    assert (after.distinct, after.expired, after.absent, after.uncounted) == (
        before.distinct,
        len(gone),
        0,
        0,
    )
    assert (balance.expired, balance.stored, balance.unaccounted) == (len(gone), len(kept), 0)
    rows = database.query("SELECT org_id, class, rows, expired_by FROM expiries").result_rows
    assert ("acme", EVENTS, len(gone), "ops") in rows

    # The log read again brings the events back for a while; they go again, and nothing is counted twice.
    insert_lines(database, "landing", lines)
    assert books(database, last)[1].expired == 0
    assert books(database, last)[1].is_closed
    expire_all(database)
    assert ids(database, "events") == kept
    assert books(database, last)[1].expired == len(gone)
    # From a seal on: new events, and repeats of expired ones under new offsets.
    sealed = books(database, last)[0].sealed
    more = enriched([event(9000), *events[:50]], start=last + 1, received=RECEIVED + timedelta(hours=1))
    insert_lines(database, "landing", more)
    expire_all(database)
    found, balance = books(database, last + len(more), sealed)
    assert (found.absent, found.uncounted, balance.is_closed) == (0, 0, True)
    whole = books(database, last + len(more))[0]
    assert (found.distinct, found.expired) == (whole.distinct, whole.expired)
    # What is lost is still missed, old or not.
    database.command("ALTER TABLE events DELETE WHERE org_id = 'beta' SETTINGS mutations_sync = 2")
    lost = books(database, last + len(more))[1]
    assert lost.unaccounted == len({each for each in kept if each.startswith("beta")})


def test_rejected_records_expire(database: Client) -> None:
    """Those that name no organisation by the setting for all; the ledger goes on knowing them."""
    lines = enriched([b"broken", event(1)], received=datetime(2026, 1, 1, tzinfo=UTC)) + enriched(
        [b""], start=2
    )
    insert_lines(database, "landing", lines)
    set_policy(database, Policy(EVERY_ORG, REJECTED, 30))
    (due,) = expire_all(database)
    assert (due.org_id, due.rows) == ("", 1)
    assert database.query("SELECT offset FROM rejected").result_rows == [(2,)]
    found, balance = books(database, 2)
    assert (found.unlisted, balance.rejected, balance.unaccounted) == (0, 2, 0)
    database.command("TRUNCATE TABLE rejected")
    assert books(database, 2)[1].unaccounted == 1


def test_a_hold_keeps_what_it_covers(database: Client) -> None:
    """A person's: what they did, what was done to them, where they are named. An organisation's: everything."""
    mine = [
        event(1, **ANNA_ACTS),
        event(2, **BOB, action="user:update", user_asset="anna-7"),
        event(3, **BOB, attributes={"note": ANNA}),
    ]
    lines = enriched([*mine, event(4, **BOB), event(5, **BOB)])
    insert_lines(database, "landing", lines)
    for data_class in (EVENTS, ACTIVITY):
        set_policy(database, Policy("acme", data_class, 30))
    every = place(database, "acme", [], reason="case 1", placed_by="legal")
    due = plan_expiry(database, TODAY)
    assert {(each.rows, each.hold_id) for each in due} == {(0, every.hold_id)}
    assert {(each.data_class, each.held) for each in due} == {(EVENTS, 5), (PII, 5), (ACTIVITY, 2)}
    expire_all(database)
    assert len(ids(database, "events")) == 5

    refs = [PSEUDONYMS.ref("acme", each) for each in ("anna-7", ANNA.lower())]
    hold = place(database, "acme", refs, reason="case 2", placed_by="legal")
    release(database, every.hold_id, reason="over", released_by="legal")
    due = expire_all(database)
    assert {(each.data_class, each.rows, each.held) for each in due} == {
        (EVENTS, 2, 3),
        (PII, 2, 3),
        (ACTIVITY, 1, 1),
    }
    kept = {f"acme {each['event_id']}" for each in mine}
    assert ids(database, "events") == ids(database, "event_pii") == kept
    assert database.query("SELECT DISTINCT user_ref FROM user_days").result_rows == [(refs[0],)]

    release(database, hold.hold_id, reason="over", released_by="legal")
    expire_all(database)
    assert ids(database, "events") == ids(database, "event_pii") == set()
    assert books(database, 4)[1].is_closed


def test_what_was_planned_before_a_hold_is_not_done(database: Client) -> None:
    """The hold that is placed between looking and letting go counts."""
    insert_lines(database, "landing", enriched([event(1, **BOB)]))
    set_policy(database, Policy("acme", EVENTS, 30))
    due = plan_expiry(database, TODAY)
    assert due
    place(database, "acme", [], reason="case 1", placed_by="legal")
    assert [expire(database, each, expired_by="ops") for each in due] == [0] * len(due)
    assert len(ids(database, "events")) == 1


def test_a_run_that_was_cut_off_is_finished(database: Client) -> None:
    """Written down and not deleted, or deleted by half: the next run leaves nothing, and the books stay clean."""
    lines = enriched([event(number, **BOB) for number in range(4)])
    insert_lines(database, "landing", lines)
    database.command(
        "INSERT INTO expired (class, org_id, slot, id) SELECT 'events', org_id, toStartOfFifteenMinutes(toDateTime(occurred_at, 'UTC')), sipHash64(org_id, event_id) FROM events"
    )
    assert books(database, 3)[1].expired == 0
    database.command("ALTER TABLE event_pii DELETE WHERE 1 SETTINGS mutations_sync = 2")
    set_policy(database, Policy("acme", EVENTS, 30))
    expire_all(database)
    assert ids(database, "events") == set()
    assert (books(database, 3)[1].expired, books(database, 3)[1].unaccounted) == (4, 0)


def test_what_was_made_of_the_rows_goes_with_them(database: Client) -> None:
    """Notable events with the events, key days and sightings with the activity; a person's hold keeps theirs everywhere."""
    used = {"actor_ip": "203.0.113.7", "attributes": {"api_key_id": "k1"}, "action": "entity:delete"}
    old = [event(1, **ANNA_ACTS, **used), event(2, **BOB, **used)]
    new = [event(number, **BOB, **used, occurred_at=f"2026-03-01T0{number}:00:00Z") for number in (3, 4)]
    dora = event(5, **used, actor_user_id="dora")
    insert_lines(database, "landing", enriched([*old, *new, dora]))
    for data_class in (EVENTS, ACTIVITY):
        set_policy(database, Policy("acme", data_class, 30))
    anna, bob, gone = (PSEUDONYMS.ref("acme", each) for each in ("anna-7", "bob", "dora"))
    place(database, "acme", [anna], reason="case 1", placed_by="legal")
    refs = "SELECT DISTINCT user_ref FROM {} ORDER BY user_ref"
    assert len(ids(database, "notable")) == 5
    assert len(database.query(refs.format("sightings")).result_rows) == 3
    expire_all(database)
    kept = {f"acme {each['event_id']}" for each in (old[0], *new)}
    assert ids(database, "notable") == ids(database, "events") == kept
    for table in ("notable", "key_days", "sightings"):
        left = {int(row[0]) for row in database.query(refs.format(table)).result_rows}
        assert left == {anna, bob}, table
        assert gone not in left
    # Bob's address was seen since: when it was seen first is still known.
    first = "SELECT min(first).1 FROM sightings WHERE user_ref = {ref:UInt64}"
    (at,) = database.query(first, parameters={"ref": bob}).result_rows[0]
    assert at.date() == date(2025, 12, 1)
    days = "SELECT DISTINCT day FROM key_days WHERE user_ref = {ref:UInt64}"
    assert database.query(days, parameters={"ref": bob}).result_rows == [(date(2026, 3, 1),)]


def test_logins_go_with_the_activity(database: Client) -> None:
    """A person's later logins stay, who has none has no row; a hold keeps all of theirs."""
    login = {"action": "user:login", "outcome": "success"}
    old = [event(number, **login, actor_user_id=who) for number, who in enumerate(("anna-7", "bob", "dora"))]
    new = event(9, **login, actor_user_id="bob", occurred_at="2026-03-01T00:14:00Z")
    insert_lines(database, "landing", enriched([*old, new]))
    set_policy(database, Policy("acme", ACTIVITY, 30))
    anna, bob = (PSEUDONYMS.ref("acme", each) for each in ("anna-7", "bob"))
    place(database, "acme", [anna], reason="case 1", placed_by="legal")
    expire_all(database)
    expire_all(database)
    found = database.query(
        "SELECT user_ref, arrayMap(slot -> toString(toDateTime(slot * 900, 'UTC')), bitmapToArray(groupBitmapMergeState(slots))) FROM login_slots GROUP BY user_ref"
    ).result_rows
    assert {int(ref): slots for ref, slots in found} == {
        anna: ["2025-12-01 08:00:00"],
        bob: ["2026-03-01 00:00:00"],
    }


def test_a_hold_placed_after_a_run_was_cut_off_keeps_what_it_covers(database: Client) -> None:
    """Written down already, and not deleted: it stays, and the books stay clean."""
    insert_lines(database, "landing", enriched([event(1, **ANNA_ACTS), event(2, **BOB)]))
    database.command(
        "INSERT INTO expired (class, org_id, slot, id) SELECT 'events', org_id, toStartOfFifteenMinutes(toDateTime(occurred_at, 'UTC')), sipHash64(org_id, event_id) FROM events"
    )
    place(database, "acme", [PSEUDONYMS.ref("acme", "anna-7")], reason="case 1", placed_by="legal")
    set_policy(database, Policy("acme", EVENTS, 30))
    expire_all(database)
    assert ids(database, "events") == {f"acme {event(1)['event_id']}"}
    found, balance = books(database, 1)
    assert (found.expired, balance.unaccounted) == (1, 0)
