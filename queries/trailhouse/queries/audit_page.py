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
from trailhouse.queries.audit_cursor import Cursor, Key, Place, Stretch
from trailhouse.queries.audit_filter import Filter
from trailhouse.queries.audit_lines import csv_line, json_line
from trailhouse.queries.audit_read import source
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

#: Places looked at in one go where a filter may let few of them through, and how often and how long
#: before a page ends unfilled.
PLACES_AT_ONCE: Final = 50_000
ROUNDS: Final = 8
PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """Entries as text, how far they go, and whether there is more by now."""

    lines: Sequence[str]
    cursor: Cursor
    has_more: bool


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
    is_csv: bool = False,
    collected: str = "1",
    places_at_once: int = PLACES_AT_ONCE,
    patience_s: float = PATIENCE_S,
) -> Page:
    """At most `limit` events after `cursor`. A page may hold fewer, even none, and still have more after it.

    `collected` is SQL over a row of `events`, never from outside. Raises `QueryError`.
    """
    line = (csv_line if is_csv else json_line)(EVENT, read_pii=read_pii)
    marks, lines = read_marks(client), list[str]()
    deadline = time.monotonic() + patience_s
    for number in range(ROUNDS):
        left = cursor.left(marks)
        if not left or len(lines) == limit or (number and time.monotonic() > deadline):
            break
        room = limit - len(lines)
        last = _nth_place(client, cursor.org, left, room if wanted.is_open else places_at_once)
        rows = _rows(
            client,
            cursor,
            left,
            last,
            line,
            wanted=wanted,
            collected=collected,
            read_pii=read_pii,
            limit=room,
        )
        lines += [text for _, text in rows]
        cursor = cursor.after(left, rows[-1][0] if len(rows) == room else last)
    return Page(lines, cursor, bool(cursor.left(marks)))


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


def _rows(  # noqa: PLR0913 - as `read_page`
    client: Client,
    cursor: Cursor,
    left: Sequence[Stretch],
    last: Place | None,
    line: str,
    *,
    wanted: Filter,
    collected: str,
    read_pii: bool,
    limit: int,
) -> list[tuple[Place, str]]:
    """The events of `left` up to `last` that pass, with their places, in order."""
    condition, bound = _within(left, last)
    keys = f"SELECT day, event_id FROM event_places WHERE org_id = {{org:String}} AND ({condition})"
    rows = f"org_id = {{org:String}} AND (toDate(occurred_at), event_id) IN ({keys})"
    # A copy of an event has a place of its own, which is not the event's: it is read where it counts.
    at_place, _ = _within(left, last, "event.")
    sql = (
        f"SELECT event.epoch, event.partition, event.offset, {line}"
        f" FROM {source(rows, read_pii=read_pii, is_key=True)}"
        f" WHERE ({at_place}) AND {collected} AND {wanted.sql}"
        " ORDER BY event.epoch, event.partition, event.offset LIMIT {limit:UInt32}"
    )
    parameters = {"org": cursor.org, "limit": limit, **bound, **wanted.bound}
    with our_errors():
        found = client.query(sql, parameters=parameters).result_rows
    return [(Place(str(row[0]), int(row[1]), int(row[2])), str(row[3])) for row in found]


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
