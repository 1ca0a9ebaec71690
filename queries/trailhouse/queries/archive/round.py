"""A round of the archive: from what landed since the last one to a manifest, however often it is cut off.

In order:

1. The plan, created once: which raw offsets. From here on the round is the same for everybody.
2. The records, then the entries made from them. A file that is there already, from whoever was at it before, stays, and
   what follows is made from what it says.
3. The manifest, created once, with the SHA-256 of each file. From here on the round is done.

Killed anywhere, it is taken up at the plan. Two archivers at once do the same work twice, and each file once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from trailhouse.queries.archive import entry, parquet
from trailhouse.queries.archive.coverage import covering, unexplained
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.extract import Extract, slices
from trailhouse.queries.archive.journal import Standing, read_manifest, read_plan, standing
from trailhouse.queries.archive.ledger import pending
from trailhouse.queries.archive.manifest import (
    FORMAT,
    File,
    Key,
    Manifest,
    Plan,
    Range,
    encode,
    entries_path,
    manifest_path,
    marks_of,
    parquet_path,
    plan_path,
    records_path,
    sha256,
    state_path,
)
from trailhouse.queries.archive.packed import pack, unpack
from trailhouse.queries.archive.record import COPY, EVENT, GONE, REJECTED, Record, decode_file
from trailhouse.queries.archive.record import encode as encode_records
from trailhouse.queries.archive.signature import NO_SIGNATURES, Signatures
from trailhouse.queries.archive.state import read_state
from trailhouse.queries.archive.target import Target
from trailhouse.sinks.clickhouse import Client

#: Seconds that rows which the ledger has and the tables do not show are waited for: a replica may be behind.
PATIENCE_S: Final = 900.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """What is written besides records."""

    entries: bool = True
    parquet: bool = False


@dataclass(slots=True)
class Archiver:
    """Writes rounds to `target` from what `client` shows; keeps nothing that another one would need."""

    target: Target
    client: Client
    choices: Choices = field(default_factory=Choices)
    rows_max: int = 200_000
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    patience_s: float = PATIENCE_S
    signatures: Signatures = NO_SIGNATURES
    _missing_since: dict[tuple[str, int, int], float] = field(default_factory=dict)
    _known: Standing | None = None

    def step(self) -> Manifest | None:
        """Do one round, or finish the one that was begun; None when nothing has landed since the last.

        Raises what ClickHouse raises, `TargetUnavailable`, `ArchiveBroken`. Whatever it raises, call it again.
        """
        before = self._known or standing(self.target, self.signatures)
        self._known = None  # until this ends well, the target is asked
        plan, parts = before.begun, None
        if plan is None:
            ranges = pending(self.client, before.marks, self.rows_max)
            ranges, parts = self._read(ranges, before.marks)
            if not ranges:
                self._known = before
                return None
            plan = Plan(
                FORMAT,
                before.rounds + 1,
                _text(self.clock()),
                before.digest,
                tuple(ranges),
                marks_of(before.marks),
                self.choices.entries,
                self.choices.parquet,
            )
            path = plan_path(plan.number)
            if not self.target.create(path, self.signatures.sign(encode(plan), path)):
                mine, plan = plan, read_plan(self.target, plan.number, self.signatures)
                parts = parts if plan == mine else None
        if plan.previous != before.digest:
            raise ArchiveBroken(f"round {plan.number} does not go on from round {before.rounds}")
        manifest, digest = self._finish(plan, parts)
        self._known = Standing(plan.number, manifest, digest)
        return manifest

    def _read(self, ranges: Sequence[Range], marks: dict[Key, int]) -> tuple[list[Range], list[Record]]:
        """The records of the ranges, which end before what ClickHouse does not show yet, unless that lasts."""
        extract = Extract(self.client, marks, _ends(marks, ranges))
        found: list[Range] = []
        shorter: list[Range] = []
        read: list[Record] = []
        for each in ranges:
            records = _records_of(extract, each)
            gaps = unexplained(records, each)
            if gaps and self._may_come(each, gaps[0]):
                last = gaps[0][0] - 1
                shorter += [replace_last(each, last)] if last >= each.first else []
                continue
            if gaps:
                log.critical(
                    "raw offsets %s of partition %d (topic id %s) are in the ledger and not in ClickHouse: archived as missing; trailhouse balance",
                    gaps,
                    each.partition,
                    each.epoch,
                )
            shorter.append(each)
            found.append(msgspec.structs.replace(each, missing=tuple(gaps)))
            read += records
        # Which copy of an event is its entry depends on all that is read: what is left of the ranges is read anew.
        return (found, read) if len(found) == len(ranges) else self._read(shorter, marks)

    def _may_come(self, each: Range, gap: tuple[int, int]) -> bool:
        now = time.monotonic()
        since = self._missing_since.setdefault((*each.key, gap[0]), now)
        return now - since < self.patience_s

    def _finish(self, plan: Plan, records: list[Record] | None) -> tuple[Manifest, str]:
        path = manifest_path(plan.number)
        file, records = self._write_records(plan, records)
        organisations = entry.entries_by_org(records)
        entries = tuple(
            self._write(entries_path(plan, org), entry.encode(rows), len(rows), org)
            for org, rows in organisations.items()
            if plan.has_entries
        )
        tables = tuple(
            self._write_parquet(parquet_path(plan, org), rows, org)
            for org, rows in organisations.items()
            if plan.has_parquet
        )
        state = read_state(self.client)
        kept = File(state_path(sha256(state)), 1, len(state), sha256(state))
        self.target.create(kept.path, state)
        kinds = [record.kind for record in records]
        manifest = Manifest(
            plan,
            file,
            entries,
            tables,
            kept,
            sum(record.is_entry for record in records),
            sum(record.kind in {EVENT, COPY} and not record.is_entry for record in records),
            kinds.count(REJECTED),
            kinds.count(GONE),
            tuple(sorted({record.rules for record in records} - {""})),
            version("trailhouse"),
            _text(self.clock()),
        )
        content = self.signatures.sign(encode(manifest), path)
        if not self.target.create(path, content):
            return read_manifest(self.target, plan.number, self.signatures)  # another archiver was first
        return manifest, sha256(content)

    def _write_records(self, plan: Plan, records: list[Record] | None) -> tuple[File, list[Record]]:
        path = records_path(plan)
        if records is None and (content := self.target.read(path)) is not None:
            return self._adopt(plan, path, content)
        if records is None:
            extract, records = Extract(self.client, _marks(plan), plan.marks_after), []
            for each in plan.ranges:
                part = _records_of(extract, each)
                if set(unexplained(part, each)) - set(each.missing):
                    raise ArchiveBroken(
                        f"ClickHouse does not show all of round {plan.number} any more", "trailhouse balance"
                    )
                records += part
        content = pack(encode_records(records))
        if self.target.create(path, content):
            return File(path, len(records), len(content), sha256(content)), records
        there = self.target.read(path)
        if there is None:
            raise ArchiveBroken(f"{path} was there and is gone")
        return self._adopt(plan, path, there)

    def _adopt(self, plan: Plan, path: str, content: bytes) -> tuple[File, list[Record]]:
        """A file of records that somebody else, or we before we were killed, wrote for the same plan."""
        records = list(covering(decode_file(content, path, self.target.file_max), plan.ranges, path))
        return File(path, len(records), len(content), sha256(content)), records

    def _write(self, path: str, lines: bytes, rows: int, org: str) -> File:
        content = pack(lines)
        if not self.target.create(path, content):
            there = self.target.read(path) or b""
            # Another release of zlib may have packed the same lines otherwise.
            if there != content and unpack(there, path, len(lines)) != lines:
                raise ArchiveBroken(f"{path} is there and says something else than the records of its round")
            content = there
        return File(path, rows, len(content), sha256(content), org)

    def _write_parquet(self, path: str, rows: Sequence[Any], org: str) -> File:
        content = parquet.encode(rows)
        if not self.target.create(path, content):
            content = self.target.read(path) or b""
            if parquet.count(content) != len(rows):
                raise ArchiveBroken(f"{path} is there and has another number of rows")
        return File(path, len(rows), len(content), sha256(content), org)


def replace_last(each: Range, last: int) -> Range:
    """The range up to `last`."""
    lost = tuple((start, min(end, last)) for start, end in each.lost if start <= last)
    return msgspec.structs.replace(each, last=last, lost=lost)


def _records_of(extract: Extract, each: Range) -> list[Record]:
    return [
        record
        for first, last in slices(extract.client, each)
        for record in extract.records(each, first, last)
    ]


def _ends(marks: dict[Key, int], ranges: Iterable[Range]) -> dict[Key, int]:
    return marks | {each.key: each.last for each in ranges}


def _marks(plan: Plan) -> dict[Key, int]:
    return {(epoch, partition): last for epoch, partition, last in plan.marks}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
