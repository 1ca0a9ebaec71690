"""Copies of one event with other times: the log serves the first received, on whichever day, in whichever form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import orjson
import pyarrow.parquet
import pytest
from tests.databases import Databases
from tests.queries.auditing import imagine, settle, store

from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_copies import ALL, first_received
from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.audit_filter import filter_of
from trailhouse.queries.audit_page import read_page
from trailhouse.queries.audit_read import FORMATS, Selection, read_days
from trailhouse.queries.audit_window import Window
from trailhouse.sinks.clickhouse import Client

WINDOW = Window(date(2026, 1, 1), date(2026, 12, 31))
Log = tuple[Client, list[dict[str, Any]]]
IDS = "SELECT event_id FROM events WHERE org_id = {org:String}"


@pytest.fixture(scope="module")
def log(databases: Databases) -> Iterator[Log]:
    """Thirty events, of which ten come again with another day: some earlier, some later, most of them before the first's
    place. Another organisation has the same ids, once each.
    """
    with databases.lend() as (_, client):
        events = imagine(Random(5), 30)
        store(client, events, partition=3)
        for number, event in enumerate(events[:10]):
            copy = event | {"occurred_at": f"2026-{'01' if number % 2 else '05'}-05T00:00:00.000Z"}
            store(client, [copy], partition=number % 5, start=100 + number)
        store(client, [event | {"org_id": "beta"} for event in events], partition=4, start=500)
        for partition in range(5):
            settle(client, 1000, partition=partition)
        yield client, events


def test_it_is_asked_for_only_where_a_copy_is(log: Log) -> None:
    """An organisation without one reads as if there were no such thing."""
    database, events = log
    assert first_received(database, IDS, {"org": "beta"}) == ALL
    assert first_received(database, IDS, {"org": "acme"}) != ALL
    few = f"{IDS} AND toString(event_id) = {{one:String}}"
    assert first_received(database, few, {"org": "acme", "one": events[0]["event_id"]}) != ALL
    assert first_received(database, few, {"org": "acme", "one": events[20]["event_id"]}) == ALL


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_hold_the_first_received(log: Log, limit: int) -> None:
    """Each event once and as it came first, page by page to the end."""
    database, events = log
    cursor, found = Cursor("acme", {}), list[dict[str, Any]]()
    while True:
        page = read_page(database, cursor, filter_of({}, read_pii=True), limit=limit, read_pii=True)
        found += map(orjson.loads, page.lines)
        cursor = page.cursor
        if not page.has_more:
            break
    said = {each["event_id"]: each["occurred_at"] for each in found}
    assert said == {each["event_id"]: each["occurred_at"] for each in events}
    assert len(found) == len(events)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rows", [7, 500_000])
def test_days_hold_the_first_received(log: Log, form: str, rows: int) -> None:
    """Whole years as well as the day on which only a copy lies."""
    database, events = log
    for window, wanted in ((WINDOW, events), (Window(date(2026, 1, 5), date(2026, 1, 5)), [])):
        selection = Selection("acme", window, read_pii=True, columns=EVENT)
        data = b"".join(read_days(database, selection, form, slice_rows=rows))
        if form == "parquet":
            ids = pyarrow.parquet.read_table(io.BytesIO(data))["event_id"].to_pylist()
        elif form == "csv":
            ids = [row["event_id"] for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
        else:
            ids = [orjson.loads(line)["event_id"] for line in data.split(b"\n") if line]
        assert sorted(ids) == sorted(event["event_id"] for event in wanted)


def test_a_copy_whose_first_is_gone_is_served(log: Log) -> None:
    """Retention may take the first before the other; the last test here, it takes them."""
    database, events = log
    database.command(
        "ALTER TABLE events DELETE WHERE partition = 3 AND offset < 100", settings={"mutations_sync": 2}
    )
    page = read_page(database, Cursor("acme", {}), filter_of({}, read_pii=True), limit=100, read_pii=True)
    assert {orjson.loads(line)["event_id"] for line in page.lines} == {
        each["event_id"] for each in events[:10]
    }
