"""Pages of the event log: events by the place at which they arrived, up to what is stored for good.

`batches` says what is: a sink writes a batch's row after its events and before it commits, and it takes no batch beyond
a gap. So everything up to the last offset of a partition's batches is in `events`, and what comes later lies beyond it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_copies import first_received
from trailhouse.queries.audit_cursor import Cursor, Key, Place, Stretch
from trailhouse.queries.audit_filter import Filter
from trailhouse.queries.audit_lines import csv_line, json_line, table_columns
from trailhouse.queries.audit_read import source
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

#: Places looked at in one go where a filter may let few of them through, and how often and how long
#: before a page ends unfilled.
PLACES_AT_ONCE: Final = 50_000
ROUNDS: Final = 8
PATIENCE_S: Final = 5.0
_LINES: Final = {"json": json_line, "ndjson": json_line, "csv": csv_line}


@dataclass(frozen=True, slots=True)
class Page:
    """Entries as text, how far they go, and whether there is more by now.

    As Parquet, `table` is the file, and `lines` are as many empty texts.
    """

    lines: Sequence[str]
    cursor: Cursor
    has_more: bool
    table: bytes = b""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of the events at some places is shown, and to whom."""

    wanted: Filter
    collected: str
    read_pii: bool


def read_marks(client: Client) -> dict[Key, int]:
    """Up to which offset everything of a partition is stored; raises `StorageUnavailable`."""
    with our_errors():
        rows = client.query(
            "SELECT epoch, partition, max(last) FROM batches GROUP BY epoch, partition"
        ).result_rows
    return {(str(epoch), int(partition)): int(last) for epoch, partition, last in rows}


def read_page(  # noqa: PLR0913 - each is part of the question
    client: Client,
    cursor: Cursor,
    wanted: Filter,
    *,
    limit: int,
    read_pii: bool,
    form: str = "json",
    collected: str = "1",
    places_at_once: int = PLACES_AT_ONCE,
    patience_s: float = PATIENCE_S,
) -> Page:
    """At most `limit` events after `cursor`. A page may hold fewer, even none, and still have more after it.

    `form`: json, ndjson, csv or parquet. `collected` is SQL over a row of `events`, never from outside. Raises `QueryError`.
    """
    shown = _Shown(wanted, collected, read_pii)
    # A table is read in one go, when it is known how far it goes.
    line = _LINES[form](EVENT, read_pii=read_pii) if form in _LINES else "''"
    marks, lines = read_marks(client), list[str]()
    start, deadline = cursor, time.monotonic() + patience_s
    for number in range(ROUNDS):
        left = cursor.left(marks)
        if not left or len(lines) == limit or (number and time.monotonic() > deadline):
            break
        room = limit - len(lines)
        last = _nth_place(client, cursor.org, left, room if wanted.is_open else places_at_once)
        rows = _rows(client, cursor.org, left, last, line=line, shown=shown, limit=room)
        lines += [text for _, text in rows]
        cursor = cursor.after(left, rows[-1][0] if len(rows) == room else last)
    table = _table(client, start, cursor, shown) if form == "parquet" else b""
    return Page(lines, cursor, bool(cursor.left(marks)), table)


def _nth_place(client: Client, org: str, left: Sequence[Stretch], count: int) -> Place | None:
    """The place of the organisation's `count`th event in `left`; None when there are fewer."""
    condition, bound = _within(left, None)
    sql = (
        f"SELECT epoch, partition, offset FROM event_places WHERE org_id = {{org:String}} AND ({condition})"
        " ORDER BY epoch, partition, offset LIMIT 1 OFFSET {count:UInt32}"
    )
    with our_errors():
        rows = client.query(sql, parameters={"org": org, "count": count - 1, **bound}).result_rows
    return Place(str(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None


def _rows(  # noqa: PLR0913 - each is part of the question
    client: Client,
    org: str,
    left: Sequence[Stretch],
    last: Place | None,
    *,
    line: str,
    shown: _Shown,
    limit: int,
) -> list[tuple[Place, str]]:
    """The events of `left` up to `last` that pass, with their places, in order."""
    selected, bound = _selected(client, org, left, last, shown)
    sql = f"SELECT event.epoch, event.partition, event.offset, {line} {selected} LIMIT {{limit:UInt32}}"
    with our_errors():
        found = client.query(sql, parameters=bound | {"limit": limit}).result_rows
    return [(Place(str(row[0]), int(row[1]), int(row[2])), str(row[3])) for row in found]


def _table(client: Client, start: Cursor, end: Cursor, shown: _Shown) -> bytes:
    """The events between two cursors that pass, as a Parquet file."""
    values = table_columns(EVENT, read_pii=shown.read_pii)
    if left := start.left(end.read):
        selected, bound = _selected(client, start.org, left, None, shown)
    else:  # nothing was read; a file without rows has its columns, too
        rows, bound = "org_id = {org:String} AND 0", {"org": start.org}
        selected = f"FROM {source(rows, read_pii=shown.read_pii, is_key=True)}"
    with our_errors():
        return bytes(client.raw_query(f"SELECT {values} {selected}", parameters=bound, fmt="Parquet"))


def _selected(
    client: Client, org: str, left: Sequence[Stretch], last: Place | None, shown: _Shown
) -> tuple[str, dict[str, Any]]:
    """SQL from FROM on, and its values: the events of `left` up to `last` that pass, in order."""
    condition, places = _within(left, last)
    bound = {"org": org, **places}
    keys = f"FROM event_places WHERE org_id = {{org:String}} AND ({condition})"
    rows = f"org_id = {{org:String}} AND (toDate(occurred_at), event_id) IN (SELECT day, event_id {keys})"
    copies = first_received(client, f"SELECT event_id {keys}", bound)
    # A copy of an event has a place of its own, which is not the event's: it is read where it counts.
    at_place, _ = _within(left, last, "event.")
    sql = (
        f"FROM {source(rows, read_pii=shown.read_pii, is_key=True)}"
        f" WHERE ({at_place}) AND {copies} AND {shown.collected} AND {shown.wanted.sql}"
        " ORDER BY event.epoch, event.partition, event.offset"
    )
    return sql, bound | dict(shown.wanted.bound)


def _within(left: Sequence[Stretch], last: Place | None, prefix: str = "") -> tuple[str, Mapping[str, Any]]:
    """The condition that a place is in `left`, not after `last`, and its values."""
    parts: list[str] = []
    bound: dict[str, Any] = {}
    for number, stretch in enumerate(left):
        if last is not None and stretch.key > last.key:
            break
        until = last.offset if last is not None and stretch.key == last.key else stretch.until
        bound |= {
            f"epoch_{number}": stretch.epoch,
            f"partition_{number}": stretch.partition,
            f"after_{number}": stretch.after,
            f"until_{number}": until,
        }
        parts.append(
            f"{prefix}epoch = {{epoch_{number}:String}} AND {prefix}partition = {{partition_{number}:UInt16}}"
            f" AND {prefix}offset > {{after_{number}:Int64}} AND {prefix}offset <= {{until_{number}:Int64}}"
        )
    return " OR ".join(f"({part})" for part in parts), bound
