"""Pages of the event log: nothing above the marks, nothing missed, nothing twice, whatever arrives when."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest
from tests.databases import Databases
from tests.queries.auditing import imagine, settle, store

from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.audit_filter import filter_of
from trailhouse.queries.audit_lines import csv_header
from trailhouse.queries.audit_page import Page, read_marks, read_page
from trailhouse.sinks.clickhouse import Client

START = Cursor("acme", {})
ALL = filter_of({}, read_pii=True)


@pytest.fixture(scope="module")
def settled(databases: Databases) -> Iterator[tuple[Client, list[dict[str, Any]]]]:
    """Events in three partitions, some twice, and everything stored for good."""
    with databases.lend() as (_, client):
        events = imagine(Random(11), 240)
        for partition in range(3):
            store(client, events[partition * 80 : partition * 80 + 80], partition=partition)
        store(client, imagine(Random(12), 30, "beta"), start=80)
        store(client, events[:50], start=200, partition=1)
        for partition in range(3):
            settle(client, 1000, partition=partition)
        yield client, events


def ids(page: Page) -> list[str]:
    return [orjson.loads(line)["event_id"] for line in page.lines]


def follow(client: Client, cursor: Cursor = START, **asked: Any) -> list[str]:
    """The ids of all pages until there is no more."""
    found: list[str] = []
    for _ in range(1000):
        given: dict[str, Any] = {"wanted": ALL, "read_pii": True, "limit": 100} | asked
        page = read_page(client, cursor, **given)
        found += ids(page)
        cursor = page.cursor
        if not page.has_more:
            return found
    raise AssertionError(found)


@pytest.mark.parametrize("limit", [1, 80, 240])
def test_pages_of_any_size_hold_every_event_once(settled: tuple[Client, list[Any]], limit: int) -> None:
    """In the order of arrival; copies do not show."""
    client, events = settled
    if limit == 1:
        page = read_page(client, START, ALL, limit=1, read_pii=True)
        assert ids(page) == [events[0]["event_id"]]
        assert page.has_more
        return
    assert follow(client, limit=limit) == [event["event_id"] for event in events]


def test_a_reader_between_batches_misses_nothing_and_sees_nothing_twice(database: Client) -> None:
    """Batches of three partitions come in any order, events of any day; the reader reads whenever it likes."""
    random = Random(21)
    queues = {partition: imagine(Random(partition), 45) for partition in range(3)}
    arrived = dict.fromkeys(queues, 0)
    cursor, seen = START, list[str]()
    while any(arrived[partition] < 45 for partition in queues):
        partition = random.choice([each for each in queues if arrived[each] < 45])
        first, size = arrived[partition], random.randrange(5, 40)
        batch = queues[partition][first : first + size]
        store(database, batch, start=first, partition=partition)
        arrived[partition] += len(batch)
        if random.random() < 0.7:
            settle(database, arrived[partition] - 1, partition=partition)
        for _ in range(random.randrange(3)):
            page = read_page(database, cursor, ALL, limit=random.choice([3, 20, 500]), read_pii=True)
            cursor, seen = page.cursor, seen + ids(page)
    for partition in queues:
        settle(database, 44, partition=partition)
    seen += follow(database, cursor)
    assert sorted(seen) == sorted(event["event_id"] for queue in queues.values() for event in queue)


def test_what_is_not_stored_for_good_is_not_served(database: Client) -> None:
    """Rows may lie in the table before the batch they belong to is whole."""
    store(database, imagine(Random(1), 10))
    page = read_page(database, START, ALL, limit=100, read_pii=True)
    assert (list(page.lines), page.has_more, page.cursor) == ([], False, START)
    settle(database, 3)
    page = read_page(database, START, ALL, limit=100, read_pii=True)
    assert (len(page.lines), page.has_more) == (4, False)
    assert page.cursor.read == read_marks(database) == {("epoch-a", 0): 3}


def test_a_topic_made_anew_goes_on_beside_the_old_one(database: Client) -> None:
    """Its offsets begin again; the cursor knows both."""
    store(database, imagine(Random(1), 5))
    settle(database, 4)
    page = read_page(database, START, ALL, limit=100, read_pii=True)
    from tests.sinks.lines import enriched

    from trailhouse.sinks.clickhouse import insert_lines

    insert_lines(database, "landing", enriched(imagine(Random(2), 3), epoch="epoch-b"))
    settle(database, 2, epoch="epoch-b")
    assert len(read_page(database, page.cursor, ALL, limit=100, read_pii=True).lines) == 3


FILTERS: list[tuple[dict[str, str], Any]] = [
    ({"action": "user:login"}, lambda event: event["action"] == "user:login"),
    ({"action": "team:*"}, lambda event: event["action"].startswith("team:")),
    ({"since": "2026-02-28"}, lambda event: event["occurred_at"] >= "2026-02-28"),
    ({"until": "2026-02-28"}, lambda event: event["occurred_at"] < "2026-03-01"),
    ({"outcome": "denied"}, lambda event: event.get("response_code") == 403),
    ({"actor": "=1+1"}, lambda event: "=1+1" in {event.get("actor_user_id"), event.get("actor_email")}),
    (
        {"actor": "Person3@Example.org"},
        lambda event: event.get("actor_email") == "person3@example.org",
    ),
    (
        {"target": "it's 'so'"},
        lambda event: "it's 'so'" in {event.get("user_asset"), event.get("user_email")},
    ),
    ({"q": "MIA@example"}, lambda event: "mia@example.org" in str(event)),
    ({"action": "nothing"}, lambda _: False),
    (
        {"action": "user:*", "until": "2026-02-27"},
        lambda event: event["action"] == "user:login" and event["occurred_at"] < "2026-02-28",
    ),
]


@pytest.mark.parametrize(("params", "passes"), FILTERS, ids=[str(params)[:40] for params, _ in FILTERS])
def test_filters(settled: tuple[Client, list[Any]], params: dict[str, str], passes: Any) -> None:
    """What passes is what brute force says, whatever the size of pages and looks."""
    client, events = settled
    wanted = [event["event_id"] for event in events if passes(event)]
    asked = filter_of(params, read_pii=True)
    assert follow(client, wanted=asked, limit=10_000) == wanted
    if "q" in params or "nothing" in params.values():  # most looks for one that finds little
        assert follow(client, wanted=asked, limit=40, places_at_once=100) == wanted
    assert wanted or params["action"] == "nothing"


def test_a_search_that_finds_nothing_ends(settled: tuple[Client, list[Any]]) -> None:
    """A page may be empty and not the last; the cursor has moved on."""
    client, _ = settled
    asked = filter_of({"action": "nothing"}, read_pii=True)
    page = read_page(client, START, asked, limit=10, read_pii=True, places_at_once=5, patience_s=float("inf"))
    assert (list(page.lines), page.has_more) == ([], True)
    assert page.cursor.read == {("epoch-a", 0): 39}
    page = read_page(client, START, asked, limit=10, read_pii=True, places_at_once=5, patience_s=0.0)
    assert (page.has_more, page.cursor.read) == (True, {("epoch-a", 0): 4})


def test_masked_pages_hold_no_people(settled: tuple[Client, list[Any]]) -> None:
    """Actors are `u_` and digits, by which they can be found again; searching finds nothing that is not shown."""
    client, _ = settled
    page = read_page(client, START, filter_of({}, read_pii=False), limit=1000, read_pii=False)
    text = "".join(page.lines)
    assert "@example.org" not in text
    actor = next(entry["actor"] for line in page.lines if "actor" in (entry := orjson.loads(line)))
    again = read_page(client, START, filter_of({"actor": actor}, read_pii=False), limit=1000, read_pii=False)
    assert {orjson.loads(line)["actor"] for line in again.lines} == {actor}
    hidden = filter_of({"q": "example.org"}, read_pii=False)
    assert read_page(client, START, hidden, limit=1000, read_pii=False).lines == []


def test_everything_that_was_sent_can_be_read(settled: tuple[Client, list[Any]]) -> None:
    """With the right to see people an entry holds the event as it was sent, field by field."""
    client, events = settled
    page = read_page(client, START, ALL, limit=1000, read_pii=True)
    for line, event in zip(page.lines, events, strict=True):
        found = orjson.loads(line)
        assert {name: found.get(name) for name in event} == event


def test_csv_pages_hold_the_same(settled: tuple[Client, list[Any]]) -> None:
    """A record for each event, as many columns as the header."""
    client, events = settled
    page = read_page(client, START, ALL, limit=1000, read_pii=True, form="csv")
    text = csv_header(EVENT, read_pii=True).decode() + "".join(f"{line}\n" for line in page.lines)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["event_id"] for row in rows] == [event["event_id"] for event in events]
    assert all(None not in row for row in rows)
