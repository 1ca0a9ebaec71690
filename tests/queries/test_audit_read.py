"""The audit log out of ClickHouse: every key, every format, any slices, with and without people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import orjson
import pyarrow.parquet
import pytest
from tests.databases import Databases
from tests.queries.auditing import HARD, KEYS, PERSONAL, entry, imagine, order, store

from trailhouse.queries.audit_read import END, START, Selection, grouped, read_days, slices, stream
from trailhouse.queries.audit_window import Window
from trailhouse.queries.errors import QueryError, StorageUnavailable
from trailhouse.queries.render import FORMULA_STARTS
from trailhouse.sinks.clickhouse import Client

WINDOW = Window(date(2026, 2, 27), date(2026, 3, 1))
FULL = Selection("acme", WINDOW, read_pii=True)
OPEN = Selection("acme", WINDOW, read_pii=False)


@dataclass(frozen=True)
class Log:
    """A database and what was put into it."""

    client: Client
    events: tuple[dict[str, Any], ...]


@pytest.fixture(scope="module")
def log(databases: Databases) -> Iterator[Log]:
    """Three days of two organisations, stored twice over."""
    with databases.lend() as (_, client):
        events = imagine(Random(7), 300)
        store(client, events)
        store(client, imagine(Random(8), 40, "beta"), start=1000)
        store(client, events[:100], start=2000)
        yield Log(client, tuple(sorted(events, key=order)))


def fetch(client: Client, selection: Selection, form: str = "ndjson", **asked: int) -> bytes:
    return b"".join(read_days(client, selection, form, **asked))


def entries(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in data.split(b"\n") if line]


@pytest.mark.parametrize("read_pii", [True, False])
def test_entries_are_what_the_events_say(log: Log, read_pii: bool) -> None:
    """Every key W&B names, its value as it was sent, keys in alphabetical order, absent ones left out, repeats once."""
    found = entries(fetch(log.client, replace(FULL, read_pii=read_pii)))
    assert found == [entry(event, read_pii=read_pii) for event in log.events]
    assert all(list(each) == sorted(each) for each in found)
    assert {key for each in found for key in each} == set(KEYS) - (set() if read_pii else set(PERSONAL))


def test_lines_are_lines(log: Log) -> None:
    """One object a line, each ended by a line feed, slashes as they are."""
    data = fetch(log.client, FULL)
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == len(log.events)
    assert b"\\/" not in data.replace(b"\\\\/", b"")


@pytest.mark.parametrize("rows", [17, 300])
def test_slices_change_nothing(log: Log, rows: int) -> None:
    """A day read in parts is the same bytes, whatever the size of a part."""
    assert fetch(log.client, FULL, slice_rows=rows) == fetch(log.client, FULL)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ([], []),
        ([5], [(0, 0, 5)]),
        ([5, 5, 1], [(0, 1, 10), (2, 2, 1)]),
        ([99, 5, 5], [(0, 0, 99), (1, 2, 10)]),
        ([1, 99, 1, 1], [(0, 0, 1), (1, 1, 99), (2, 3, 2)]),
        ([10, 10], [(0, 0, 10), (1, 1, 10)]),
    ],
)
def test_small_days_are_read_together(counts: list[int], groups: list[tuple[int, int, int]]) -> None:
    """In order, none left out; a day that is too large is by itself."""
    start = date(2026, 1, 1)
    days = [(start + timedelta(days=number), count) for number, count in enumerate(counts)]
    found = [((first - start).days, (last - start).days, count) for first, last, count in grouped(days, 10)]
    assert found == groups


def test_slices_are_small_where_all_happened_at_once(database: Client) -> None:
    """A million events of one millisecond, as importers give them, are still parts that fit into memory."""
    events = imagine(Random(3), 90)
    moment = {"occurred_at": "2026-02-28T00:00:00.000Z"}
    store(database, [event | moment for event in events])
    parts = list(slices(database, FULL, 10))
    assert (len(parts), parts[0].after, parts[-1].until) == (10, START, END)
    assert len(entries(fetch(database, FULL, slice_rows=10))) == 90


def safe(text: str) -> str:
    return f"'{text}" if text and text[0] in FORMULA_STARTS else text


@pytest.mark.parametrize("read_pii", [True, False])
def test_csv_holds_the_same(log: Log, read_pii: bool) -> None:
    """All keys as columns, empty where there is none; what a spreadsheet would run begins with an apostrophe."""
    data = fetch(log.client, replace(FULL, read_pii=read_pii), "csv").decode()
    assert data.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(data, newline="")))
    names = [key for key in KEYS if read_pii or key not in PERSONAL]
    assert data.partition("\r\n")[0] == ",".join(names)
    wanted = []
    for event in log.events:
        made = {key: str(value) for key, value in entry(event, read_pii=read_pii).items()}
        wanted.append({name: safe(made.get(name, "")) for name in names})
    assert rows == wanted
    assert any(cell == "'=1+1" for row in rows for cell in row.values())


@pytest.mark.parametrize("read_pii", [True, False])
def test_parquet_holds_the_same(log: Log, read_pii: bool) -> None:
    """One file with typed columns: times are times, absent keys are null."""
    data = fetch(log.client, replace(FULL, read_pii=read_pii), "parquet")
    rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    names = [key for key in KEYS if read_pii or key not in PERSONAL]
    assert [list(row) for row in rows[:1]] == [names]
    found = [
        {
            name: value.isoformat(timespec="seconds").replace("+00:00", "Z") if name == "timestamp" else value
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    ]
    assert found == [entry(event, read_pii=read_pii) for event in log.events]


@pytest.mark.parametrize(("first", "last"), [(27, 27), (28, 28), (26, 26), (27, 28)])
def test_days_are_whole_and_included(log: Log, first: int, last: int) -> None:
    """From the first millisecond of the first date to the last of the last, in UTC."""
    window = Window(date(2026, 2, first), date(2026, 2, last))
    found = entries(fetch(log.client, replace(FULL, window=window)))
    days = {str(window.first + timedelta(days=number)) for number in range(last - first + 1)}
    assert found == [entry(event) for event in log.events if event["occurred_at"][:10] in days]


def test_another_organisation_has_its_own(log: Log) -> None:
    """And nobody's is nothing."""
    beta = imagine(Random(8), 40, "beta")
    assert len(entries(fetch(log.client, replace(FULL, org="beta")))) == len(beta)
    assert fetch(log.client, replace(FULL, org="' OR 1 --")) == b""


def test_what_is_not_collected_is_not_there(log: Log) -> None:
    """The profile's condition holds for every row."""
    found = entries(fetch(log.client, replace(FULL, collected="event.action != 'user:login'")))
    assert found == [entry(event) for event in log.events if event["action"] != "user:login"]


def test_personal_data_belong_to_their_own_record(database: Client) -> None:
    """Of two records with one id the first received wins, and the other's people are not shown as the winner's."""
    event = imagine(Random(1), 1)[0]
    bare = {key: event[key] for key in ("event_id", "occurred_at", "org_id", "action")}
    store(database, [bare], start=0)
    store(database, [bare | {"actor_email": "loser@example.org"}], start=9)
    assert entries(fetch(database, FULL)) == [entry(bare)]


def test_a_store_that_fails_is_an_error(log: Log) -> None:
    """At once, or in the middle of the answer: never an answer that only looks whole."""
    with pytest.raises(QueryError):
        list(stream(log.client, "SELECT nothing", {}, "TSVRaw"))
    sql = "SELECT if(number = 3000000, throwIf(number > 0), number) FROM numbers(5000000)"
    taken: list[bytes] = []
    with pytest.raises(QueryError):
        taken.extend(stream(log.client, sql, {}, "TSVRaw"))


@pytest.mark.parametrize("cut", range(0, 52, 4))
def test_the_mark_of_a_failure_is_found_across_chunks(cut: int) -> None:
    """However the network cuts the answer, nothing of the failure is handed on as an entry."""
    body = b'{"a":1}\n' * 3 + b"\r\n__exception__\r\ntag0\nCode: 241\n10 tag0\r\n__exception__\r\n"

    class Answer:
        def __init__(self) -> None:
            self.headers = {"X-ClickHouse-Exception-Tag": "tag0"}
            self.chunks = [
                chunk for chunk in (body[:cut], body[cut : cut + 9], body[cut + 9 :], b"") if chunk
            ]

        def read(self, _: int) -> bytes:
            return self.chunks.pop(0) if self.chunks else b""

        def close(self) -> None:
            pass

    class Store:
        def raw_stream(self, *_: object, **__: object) -> Answer:
            return Answer()

    taken: list[bytes] = []
    with pytest.raises(StorageUnavailable):
        taken.extend(stream(Store(), "", {}, "TSVRaw"))  # type: ignore[arg-type]
    assert b'{"a":1}\n' * 3 + b"\r" not in b"".join(taken)


def test_hard_texts_are_among_the_events(log: Log) -> None:
    """The examples above are worth something."""
    used = {value for event in log.events for value in event.values() if isinstance(value, str)}
    assert set(HARD) <= used
