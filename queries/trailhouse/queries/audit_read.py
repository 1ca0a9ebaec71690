"""The audit log of whole days, read from ClickHouse as a stream of bytes: any number of entries in the same memory.

A day is read in slices of time, because sorting and joining take the store's memory, and a slice is what they take.
Bounds are (millisecond, event id): an importer may give a million events one and the same time.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final, NamedTuple

from trailhouse.queries.audit_columns import WANDB, Column
from trailhouse.queries.audit_copies import ALL, first_received
from trailhouse.queries.audit_lines import csv_header, csv_line, json_line, table_columns
from trailhouse.queries.audit_window import Window
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

FORMATS: Final = ("ndjson", "csv", "parquet")
SLICE_ROWS: Final = 500_000
CHUNK_BYTES: Final = 1 << 18
TAG_HEADER: Final = "X-ClickHouse-Exception-Tag"


class Bound(NamedTuple):
    """A place in the order of entries."""

    ms: int
    event_id: str


class Slice(NamedTuple):
    """The entries of the days `first` to `last` after `after`, up to and with `until`."""

    first: date
    last: date
    after: Bound
    until: Bound


START: Final = Bound(-1, str(uuid.UUID(int=0)))
END: Final = Bound(2**62, str(uuid.UUID(int=2**128 - 1)))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries, and what of them: `collected` is SQL over a row of `events`, never from outside."""

    org: str
    window: Window
    read_pii: bool
    collected: str = "1"
    columns: Sequence[Column] = WANDB


def read_days(
    client: Client, selection: Selection, form: str, *, slice_rows: int = SLICE_ROWS
) -> Generator[bytes]:
    """The entries of the selection's days in order of time, as chunks of bytes; `form` is one of `FORMATS`.

    Raises `QueryError`, also after the first chunks: what came then is not the whole.
    """
    read_pii = selection.read_pii
    if form == "parquet":
        values = table_columns(selection.columns, read_pii=read_pii)
        parts = list(slices(client, selection, slice_rows))
        # Which copies count is asked slice by slice: what is asked of all days at once would not fit in memory.
        first = [_first_received(client, selection.org, part) for part in parts]
        copies = (
            ALL if set(first) <= {ALL} else first_received(client, _IDS.format(rows=_DAYS), _of(selection))
        )
        yield from stream(client, _sql(values, selection, _DAYS, copies), _of(selection), "Parquet")
        return
    if form == "csv":
        yield csv_header(selection.columns, read_pii=read_pii)
    line = (csv_line if form == "csv" else json_line)(selection.columns, read_pii=read_pii)
    for part in slices(client, selection, slice_rows):
        copies = _first_received(client, selection.org, part)
        yield from stream(
            client, _sql(line, selection, _SLICE, copies), _bindings(selection.org, part), "TSVRaw"
        )


def slices(client: Client, selection: Selection, slice_rows: int) -> Iterator[Slice]:
    """What the selection's days hold in parts of about `slice_rows` entries, in order: some days, or a part of one."""
    with our_errors():
        rows = client.query(_COUNTS, parameters=_of(selection)).result_rows
    days = [(day, int(count)) for day, count in rows]
    for first, last, count in grouped(days, slice_rows):
        inner: list[Bound] = []
        if count > slice_rows:
            asked = {"org": selection.org, "day": str(first), "rows": slice_rows}
            with our_errors():
                rows = client.query(_BOUNDS, parameters=asked).result_rows
            inner = [Bound(int(ms), str(event_id)) for ms, event_id in rows]
        for after, until in pairwise([START, *inner, END]):
            yield Slice(first, last, after, until)


def grouped(days: Iterable[tuple[date, int]], most: int) -> Iterator[tuple[date, date, int]]:
    """(first day, last day, entries) of neighbouring days that have at most `most` together; a larger day is alone."""
    group: tuple[date, date, int] | None = None
    for day, count in days:
        if group is not None and group[2] + count <= most:
            group = group[0], day, group[2] + count
        else:
            if group is not None:
                yield group
            group = day, day, count
    if group is not None:
        yield group


def stream(client: Client, sql: str, bound: Mapping[str, Any], form: str) -> Generator[bytes]:
    """A result's bytes as they arrive; raises `QueryError`, also when the store fails in the middle."""
    with our_errors():
        response: Any = client.raw_stream(sql, parameters=dict(bound), fmt=form)
    # A store that fails after it began to answer says so in the answer, behind a mark of this answer alone.
    tag = response.headers.get(TAG_HEADER, "").encode()
    mark = b"\r\n__exception__\r\n" + tag
    kept = b""
    try:
        while chunk := _read(response):
            kept += chunk
            if tag and mark in kept:
                raise StorageUnavailable("ClickHouse failed in the middle of its answer", "try again")
            # What may be the beginning of the mark waits.
            held = len(mark) - 1 if tag else 0
            ready, kept = kept[: len(kept) - held], kept[len(kept) - held :]
            if ready:
                yield ready
        if kept:
            yield kept
    finally:
        response.close()


def _read(response: Any) -> bytes:
    with our_errors():
        try:
            return bytes(response.read(CHUNK_BYTES))
        except OSError as error:
            raise StorageUnavailable("ClickHouse stopped in the middle of its answer", "try again") from error


def _bindings(org: str, part: Slice) -> dict[str, Any]:
    return {
        "org": org,
        "first": str(part.first),
        "last": str(part.last),
        "after_ms": part.after.ms,
        "after_id": part.after.event_id,
        "until_ms": part.until.ms,
        "until_id": part.until.event_id,
    }


def _of(selection: Selection) -> dict[str, Any]:
    return {"org": selection.org, "first": str(selection.window.first), "last": str(selection.window.last)}


def _first_received(client: Client, org: str, part: Slice) -> str:
    return first_received(client, _IDS.format(rows=_SLICE), _bindings(org, part))


def _sql(values: str, selection: Selection, rows: str, copies: str) -> str:
    return (
        f"SELECT {values} FROM {source(rows, read_pii=selection.read_pii)}"
        f" WHERE {selection.collected} AND {copies} ORDER BY event.occurred_at, event.event_id"
    )


def source(rows: str, *, read_pii: bool, is_key: bool = False) -> str:
    """The rows of `events` (`event`) that meet the condition `rows`, each with its `pii` for those who may see people.

    Personal data belong to one record, not to an event id: of two records in conflict each has its own. `is_key`: the
    condition is about the table's key alone, so all copies of an event meet it or none; then it is checked before the
    copies are compared, and only what meets it is read whole.
    """
    when = "PREWHERE" if is_key else "WHERE"
    events = f"(SELECT * FROM events FINAL {when} {rows}) AS event"
    if not read_pii:
        return events
    people = f"(SELECT event_id, ver, pii FROM event_pii FINAL {when} {rows}) AS person"
    return f"{events} LEFT JOIN {people} ON person.event_id = event.event_id AND person.ver = event.ver"


_DAYS: Final = (
    "org_id = {org:String} AND toDate(occurred_at) >= {first:Date} AND toDate(occurred_at) <= {last:Date}"
)
_PLACE: Final = "(toUnixTimestamp64Milli(occurred_at), event_id)"
_SLICE: Final = (
    f"{_DAYS} AND {_PLACE} > ({{after_ms:Int64}}, {{after_id:UUID}})"
    f" AND {_PLACE} <= ({{until_ms:Int64}}, {{until_id:UUID}})"
)
_IDS: Final = "SELECT event_id FROM events WHERE {rows}"
_COUNTS: Final = (
    f"SELECT toDate(occurred_at) AS day, count() FROM events WHERE {_DAYS} GROUP BY day ORDER BY day"
)
# Repeats count here, too: slices need not be equal.
_BOUNDS: Final = """
SELECT toUnixTimestamp64Milli(occurred_at) AS ms, event_id
FROM (
  SELECT occurred_at, event_id, row_number() OVER (ORDER BY occurred_at, event_id) AS number
  FROM events WHERE org_id = {org:String} AND toDate(occurred_at) = {day:Date}
)
WHERE number % {rows:UInt32} = 0
ORDER BY ms, event_id
"""
