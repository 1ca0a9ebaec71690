"""Sweep a conflict: take what its losing copies said out of the tables and the counts again.

The first received copy stays, and so do repeats of it. Every other copy becomes a rejected record (`conflict`). In order:

1. An envelope for each losing copy goes the way of every record: `landed` and `rejected` have it as rejected from then on,
   with the quarter-hour it was counted in. A sink that reads the log again stores the envelope in its place.
2. Inserts that had begun before are waited for, and its rows in `events` and `event_pii` are deleted, by their place.
3. Every table that is made from events is made anew beside the old (`rebuild.py`): the days of its organisation that a
   losing copy named; tables whose rows are of all time for the whole organisation.

Each step may be repeated, and one that died halfway is done again as a whole. Reports miss nothing meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.definition import definitions
from trailhouse.sinks.errors import RebuildRefused
from trailhouse.sinks.head import Head, read_heads
from trailhouse.sinks.inserts import wait_for_inserts
from trailhouse.sinks.rebuild import (
    Scope,
    day_of,
    drop_unfinished,
    rebuild,
    refuse_expired,
    whole_scope,
)
from trailhouse.stream.letter import Place
from trailhouse.stream.rejected import Reason

_COUNTED_IN: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many copies were taken out, also by earlier sweeps; `kept` = tables of months or of all time that could not be made anew."""

    copies: int = 0
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Copy:
    """A landed copy; `content` 0 = swept already, `slot` = the quarter-hour it was counted in."""

    place: Place
    from_offset: int
    received_at: datetime
    content: int
    rules: str
    slot: datetime


def sweep(client: Client, org: str, event_id: str, on_table: Callable[[str], None] = lambda _: None) -> Sweep:
    """Take the losing copies of an event out of all tables. Needs ClickHouse's admin; `on_table` gets each table's name.

    Raises `RebuildRefused` before anything is changed where events of the days concerned have expired: those days could
    not be counted anew. Tables of months or of all time stay as they are where events of those have expired.
    """
    copies = _copies(client, org, event_id)
    stored = [each for each in copies if each.content]
    losing = [each for each in copies if not each.content or each.content != stored[0].content]
    if not losing:
        return Sweep()
    days = sorted(each.slot.date() for each in losing)
    scope = Scope(org, days[0], days[-1])
    made = definitions(client)
    days_of = {table: day_of(client, table) for table in made}
    scopes = {
        table: whole_scope(client, table, scope) if day else Scope(org) for table, day in days_of.items()
    }
    kept = []
    for table, definition in made.items():
        try:
            refuse_expired(client, definition, scopes[table])
        except RebuildRefused:
            if days_of[table] not in {"", "month"}:
                raise
            kept.append(table)
    insert_lines(client, "landing", [_envelope_of(org, event_id, each) for each in losing])
    wait_for_inserts(client)
    _delete_rows(client, org, event_id, losing)
    for table, its_scope in scopes.items():
        if table not in kept:
            on_table(table)
            drop_unfinished(client, table)
            rebuild(client, table, its_scope)
    return Sweep(len(losing), tuple(kept))


def read_swept(client: Client) -> frozenset[Place]:
    """Where all swept copies lie in the raw topics."""
    rows = client.query(
        "SELECT epoch, partition, offset FROM rejected WHERE reason = {reason:String}",
        parameters={"reason": Reason.CONFLICT.value},
    ).result_rows
    return frozenset(Place(str(epoch), int(partition), int(offset)) for epoch, partition, offset in rows)


def without_swept(lines: Sequence[bytes], swept: Collection[Place]) -> Sequence[bytes]:
    """The lines, with envelopes in place of those whose copies were swept: a log that is read again brings none back."""
    if not swept:
        return lines
    return [
        _swept_envelope(head, line)
        if head is not None and not head.reason and Place(head.epoch, head.partition, head.offset) in swept
        else line
        for line, head in zip(lines, read_heads(lines), strict=True)
    ]


class _Identity(msgspec.Struct):
    event_id: str
    rules: str


def _swept_envelope(head: Head, line: bytes) -> bytes:
    event = msgspec.json.decode(line, type=_Identity)
    moment = datetime.fromisoformat(head.occurred_at or "1970-01-01T00:00:00Z").astimezone(UTC)
    slot = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    received = datetime.fromisoformat(head.received_at)
    place = Place(head.epoch, head.partition, head.offset)
    copy = _Copy(place, head.from_offset, received, 0, event.rules, slot)
    return _envelope_of(head.org_id, event.event_id, copy)


def _copies(client: Client, org: str, event_id: str) -> list[_Copy]:
    """All landed copies, first received first."""
    rows = client.query(
        """
        SELECT epoch, partition, offset, `from`, received_at, content, rules, slot, detail
        FROM landed FINAL LEFT JOIN (
          SELECT epoch, partition, offset, detail FROM rejected FINAL WHERE reason = {reason:String}
        ) AS swept USING (epoch, partition, offset)
        WHERE org_id = {org:String} AND event_id = {id:UUID} AND (content != 0 OR reason = {reason:String})
        ORDER BY received_at, partition, offset
        """,
        parameters={"org": org, "id": event_id, "reason": Reason.CONFLICT.value},
    ).result_rows
    return [
        _Copy(
            Place(str(epoch), int(partition), int(offset)),
            int(start),
            _utc(received),
            int(content),
            str(rules),
            _utc(slot) if content else counted_in(str(detail)),
        )
        for epoch, partition, offset, start, received, content, rules, slot, detail in rows
    ]


def counted_in(detail: str) -> datetime:
    """The quarter-hour that the detail of a swept copy names."""
    found = _COUNTED_IN.search(detail)
    assert found is not None, detail
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _envelope_of(org: str, event_id: str, copy: _Copy) -> bytes:
    return msgspec.json.encode(
        {
            "epoch": copy.place.epoch,
            "partition": copy.place.partition,
            "from": copy.from_offset,
            "offset": copy.place.offset,
            "received_at": copy.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reason": Reason.CONFLICT.value,
            "detail": f"another copy came first; was counted in {copy.slot:%Y-%m-%d %H:%M} UTC",
            "rules": copy.rules,
            "org_id": org,
            "event_id": event_id,
        }
    )


def _delete_rows(client: Client, org: str, event_id: str, copies: Sequence[_Copy]) -> None:
    """`event_pii` knows no places, but its version is made of them, and so is that of `events`."""
    asked: dict[str, Any] = {"org": org, "id": event_id, "versions": [_version(each) for each in copies]}
    for table in ("events", "event_pii"):
        client.command(
            f"ALTER TABLE {table} DELETE WHERE org_id = {{org:String}} AND event_id = {{id:UUID}} "
            "AND ver IN {versions:Array(UInt128)} SETTINGS mutations_sync = 2",
            parameters=asked,
        )


def _version(copy: _Copy) -> int:
    """As the tables compute it (0002_events.sql)."""
    milliseconds = round(copy.received_at.timestamp() * 1000)
    return (1 << 128) - 1 - ((milliseconds << 80) + (copy.place.partition << 64) + copy.place.offset)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
