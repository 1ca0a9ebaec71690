"""Rebuild ClickHouse from an archive: round by round through `landing`, so that every table is made as it was.

What the sinks' ledger knows already is left alone, so restoring twice, or beside a sink, changes nothing. A round is
entered into that ledger when all of it is stored; what was cut off is stored again, which every table takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Final

import msgspec

from trailhouse.queries.archive.coverage import covering
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.journal import check_ours, manifests, standing
from trailhouse.queries.archive.manifest import Manifest, Range, sha256
from trailhouse.queries.archive.record import COPY, EVENT, GONE, REJECTED, Record, decode_file, landing_line
from trailhouse.queries.archive.signature import NO_SIGNATURES, Signatures
from trailhouse.queries.archive.state import BY, decode_state, write_state
from trailhouse.queries.archive.target import Target
from trailhouse.sinks.batch import Batch
from trailhouse.sinks.clickhouse import Client, insert_lines, insert_rows
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
    signatures: Signatures = NO_SIGNATURES,
    *,
    is_trial: bool = False,
    on_round: Callable[[int, int], None] = lambda _done, _all: None,
) -> Restored:
    """Store what the archive has and the tables do not; with `is_trial`, only count it. Needs ClickHouse's admin.

    Raises `TargetRefused`, `TargetUnavailable`, what ClickHouse raises, and `ArchiveBroken` before anything of a round
    that is not what its manifest says is stored; the rounds before it are stored then.
    """
    check_ours(target)
    done, last = Restored(), standing(target, signatures)
    if last.last is None:
        return done
    state = decode_state(
        _whole(target, last.last.state.path, last.last.state.sha256),
        last.last.state.path,
        target.file_max,
    )
    if not is_trial:
        # First of all who was erased: nothing that is stored from here on brings them back.
        done.decisions = write_state(client, state)
    for manifest, _ in manifests(target, range(1, last.rounds + 1), signatures):
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

    def records() -> Iterator[Record]:
        return covering(decode_file(content, file.path, target.file_max), manifest.plan.ranges, file.path)

    # All of the file is right before anything of it is stored; read twice, it is never in memory as records.
    for _ in records():
        pass
    ranges = {each.key: each for each in manifest.plan.ranges}
    for key, some in groupby(records(), lambda record: (record.epoch, record.partition)):
        taken = _restore_range(client, ranges[key], some, is_trial=is_trial)
        done.stored += taken.stored
        done.known += taken.known
        if taken.stored and not is_trial:
            _enter(client, ranges[key], taken, file.sha256)


@dataclass(slots=True)
class _Taken:
    """What of a range was stored: how many records, how many of them rejected, when the last was received; and how many
    were there already.
    """

    stored: int = 0
    rejected: int = 0
    received_at: str = ""
    known: int = 0


def _restore_range(client: Client, each: Range, records: Iterator[Record], *, is_trial: bool) -> _Taken:
    stored, taken = _stored(client, each), _Taken()
    while part := list(islice(records, INSERT_ROWS)):
        fresh = [
            record for record in part if not any(first <= record.offset <= last for first, last in stored)
        ]
        taken.known += len(part) - len(fresh)
        taken.stored += len(fresh)
        taken.rejected += sum(record.kind == REJECTED for record in fresh)
        if fresh:
            taken.received_at = fresh[-1].received_at
            if not is_trial:
                _store(client, fresh)
    return taken


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
        columns = ["epoch", "partition", "first", "last", "reason", "accepted_by"]
        insert_rows(client, "lost", columns, rows)


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


def _enter(client: Client, each: Range, taken: _Taken, digest: str) -> None:
    """Into the ledger: from here on the range is known, to sinks, to the next archive and to the next restoring."""
    row = Entry(
        *each.key,
        each.first,
        each.last,
        0,
        0,
        taken.stored - taken.rejected,
        taken.rejected,
        0,
        0,
        digest,
        taken.received_at,
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
