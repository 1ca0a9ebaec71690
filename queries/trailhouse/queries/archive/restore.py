"""Rebuild ClickHouse from an archive: round by round through `landing`, so that every table is made as it was.

What the sinks' ledger knows already is left alone, so restoring twice, or beside a sink, changes nothing. A round is
entered into that ledger when all of it is stored; what was cut off is stored again, which every table takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.journal import check_ours, manifests, standing
from trailhouse.queries.archive.manifest import Manifest, Range, sha256
from trailhouse.queries.archive.record import COPY, EVENT, GONE, REJECTED, Record, decode, landing_line
from trailhouse.queries.archive.round import check_ranges, unpack
from trailhouse.queries.archive.state import BY, decode_state, write_state
from trailhouse.queries.archive.target import Target
from trailhouse.sinks.batch import Batch
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.head import Head
from trailhouse.sinks.ledger import Entry

INSERT_ROWS: Final = 50_000


@dataclass(slots=True)
class Restored:
    """What was done: rounds read, records stored, records that were there already, settings and decisions written."""

    rounds: int = 0
    stored: int = 0
    known: int = 0
    decisions: int = 0


def restore(
    target: Target,
    client: Client,
    *,
    is_trial: bool = False,
    on_round: Callable[[int, int], None] = lambda _done, _all: None,
) -> Restored:
    """Store what the archive has and the tables do not; with `is_trial`, only count it. Needs ClickHouse's admin.

    Raises `TargetRefused`, `TargetUnavailable`, what ClickHouse raises, and `ArchiveBroken` before anything of a round
    that is not what its manifest says is stored; the rounds before it are stored then.
    """
    check_ours(target)
    done, last = Restored(), standing(target)
    if last.last is None:
        return done
    state = decode_state(_whole(target, last.last.state.path, last.last.state.sha256))
    if not is_trial:
        # First of all who was erased: nothing that is stored from here on brings them back.
        done.decisions = write_state(client, state)
    for manifest, _ in manifests(target, range(1, last.rounds + 1)):
        _restore_round(target, client, manifest, done, is_trial=is_trial)
        done.rounds += 1
        on_round(done.rounds, last.rounds)
    if not is_trial:
        _settle(client)
    return done


def _restore_round(
    target: Target, client: Client, manifest: Manifest, done: Restored, *, is_trial: bool
) -> None:
    file = manifest.records
    content = _whole(target, file.path, file.sha256)
    records = decode(unpack(content, file.path))
    check_ranges(records, manifest.plan.ranges, file.path)
    at = 0
    for each in manifest.plan.ranges:
        end = at
        while end < len(records) and (records[end].epoch, records[end].partition) == each.key:
            end += 1
        stored = _stored(client, each)
        fresh = [
            record
            for record in records[at:end]
            if not any(first <= record.offset <= last for first, last in stored)
        ]
        done.known += end - at - len(fresh)
        done.stored += len(fresh)
        at = end
        if fresh and not is_trial:
            _store(client, fresh)
            _enter(client, each, fresh, file.sha256)


def _store(client: Client, records: Sequence[Record]) -> None:
    for part in _parts([each for each in records if each.kind in {EVENT, REJECTED}]):
        insert_lines(client, "landing", [landing_line(each) for each in part])
    # The ledger's rows as they were: `content` also says of whom the event spoke, which the archive does not know.
    for part in _parts([each for each in records if each.kind in {EVENT, COPY}]):
        insert_lines(client, "landed", [_ledger_line(each) for each in part])
    for part in _parts([each for each in records if each.kind == COPY]):
        insert_lines(client, "event_places", [_place_line(each) for each in part])
    if gone := [each for each in records if each.kind == GONE]:
        # Nobody knows what they said; the books show them as lost, for that.
        rows = [
            [each.epoch, each.partition, each.from_offset, each.offset, "expired before it was archived", BY]
            for each in gone
        ]
        client.insert(
            "lost", rows, column_names=["epoch", "partition", "first", "last", "reason", "accepted_by"]
        )


def _settle(client: Client) -> None:
    """Leave one row for each place of the ledger: two with other contents would look like a conflict until they merge.

    Asked day by day of what is there, so that a restoring that was cut off is made good by the next.
    """
    days = client.query("SELECT DISTINCT toYYYYMMDD(received_at) FROM landed ORDER BY 1").result_rows
    for (day,) in days:
        if client.query(_DOUBLED, parameters={"day": int(day)}).result_rows:
            client.command(f"OPTIMIZE TABLE landed PARTITION ID '{int(day)}' FINAL")


_DOUBLED: Final = """
SELECT 1 FROM landed WHERE toYYYYMMDD(received_at) = {day:UInt32}
GROUP BY epoch, partition, offset HAVING min(content) != max(content)
LIMIT 1 SETTINGS optimize_aggregation_in_order = 1
"""


def _parts(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Pieces that one insert takes: as a sink cuts its batches."""
    for start in range(0, len(records), INSERT_ROWS):
        some = records[start : start + INSERT_ROWS]
        batch = Batch(0, 0.0)
        for number, record in enumerate(some):
            occurred = "" if record.kind == REJECTED else record.occurred_at or record.slot
            head = Head(
                record.epoch,
                record.partition,
                record.from_offset,
                record.offset,
                record.received_at,
                occurred,
                record.reason,
                record.org_id,
            )
            batch.add(str(number).encode(), head)
        for piece in batch.inserts():
            yield [some[int(number)] for number in piece]


def _ledger_line(record: Record) -> bytes:
    return msgspec.json.encode(
        {
            "epoch": record.epoch,
            "partition": record.partition,
            "from": record.from_offset,
            "offset": record.offset,
            "received_at": record.received_at,
            "org_id": record.org_id,
            "event_id": record.event_id,
            "slot": record.slot,
            "content": record.content,
            "rules": record.rules,
        }
    )


def _place_line(record: Record) -> bytes:
    return msgspec.json.encode(
        {
            "org_id": record.org_id,
            "epoch": record.epoch,
            "partition": record.partition,
            "offset": record.offset,
            "day": record.slot[:10],
            "event_id": record.event_id,
        }
    )


def _stored(client: Client, each: Range) -> list[tuple[int, int]]:
    """What of a range the sinks' ledger says is complete."""
    rows = client.query(
        "SELECT first, last FROM batches FINAL WHERE epoch = {epoch:String} AND partition = {partition:UInt16} "
        "AND last >= {first:UInt64} AND first <= {last:UInt64}",
        parameters={"epoch": each.epoch, "partition": each.partition, "first": each.first, "last": each.last},
    ).result_rows
    return [(int(first), int(last)) for first, last in rows]


def _enter(client: Client, each: Range, fresh: Sequence[Record], digest: str) -> None:
    """Into the ledger: from here on the range is known, to sinks, to the next archive and to the next restoring."""
    rejected = sum(record.kind == REJECTED for record in fresh)
    row = Entry(
        *each.key,
        each.first,
        each.last,
        0,
        0,
        len(fresh) - rejected,
        rejected,
        0,
        0,
        digest,
        fresh[-1].received_at,
        BY,
        0,
    )
    insert_lines(client, "batches", [row.encode()])


def _whole(target: Target, path: str, digest: str) -> bytes:
    content = target.read(path)
    if content is None:
        raise ArchiveBroken(f"{path} is missing", "trailhouse archive verify")
    if sha256(content) != digest:
        raise ArchiveBroken(
            f"{path} was changed: its SHA-256 is not the manifest's", "trailhouse archive verify"
        )
    return content
