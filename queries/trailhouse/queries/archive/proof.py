"""Proof that an archive is complete: every round, every file, every offset, and what ClickHouse's ledger says of them.

What is found wrong is said one by one, and nothing else is inferred from it: verifying goes on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from trailhouse.queries.archive import entry
from trailhouse.queries.archive.coverage import covering
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.journal import Listing, check_ours, listing, read_manifest, read_plan
from trailhouse.queries.archive.manifest import (
    ENTRIES,
    PARQUET,
    RECORDS,
    File,
    Key,
    Manifest,
    sha256,
)
from trailhouse.queries.archive.packed import pieces
from trailhouse.queries.archive.parquet import count
from trailhouse.queries.archive.record import COPY, EVENT, GONE, REJECTED, Record, decode_file
from trailhouse.queries.archive.signature import NO_SIGNATURES, Signatures
from trailhouse.queries.archive.state import decode_state
from trailhouse.queries.archive.sums import Sums
from trailhouse.queries.archive.target import Target

if TYPE_CHECKING:
    from hashlib import _Hash

PROBLEMS_MAX: Final = 1000


@dataclass(slots=True)
class Proof:
    """What was proven. `marks` = last archived offset by partition; `sums` what the ledger must have up to there, by
    partition; `problems` in words; `begun` = a round that has a plan and no manifest yet, which is no problem; `signed`
    = rounds whose signature was asked for and is right; `digest` = SHA-256 of the last manifest.
    """

    rounds: int = 0
    signed: int = 0
    events: int = 0
    copies: int = 0
    rejected: int = 0
    gone: int = 0
    files: int = 0
    size: int = 0
    first_day: str = ""
    last_day: str = ""
    begun: int | None = None
    marks: dict[Key, int] = field(default_factory=dict)
    sums: dict[Key, Sums] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    digest: str = ""

    @property
    def is_whole(self) -> bool:
        return not self.problems


def prove(
    target: Target,
    signatures: Signatures = NO_SIGNATURES,
    *,
    on_round: Callable[[int, int], None] = lambda _done, _all: None,
) -> Proof:
    """Read all of the archive and say what is wrong; `on_round` gets rounds read and their number.

    Raises `TargetRefused` when it is no archive, `TargetUnavailable`.
    """
    check_ours(target)
    proof, listed = Proof(), listing(target)
    last = max(listed.done, default=0)
    known: set[str] = set()
    for number in range(1, last + 1):
        known |= _prove_round(_Reading(target, signatures, listed), proof, number)
        on_round(number, last)
        if len(proof.problems) >= PROBLEMS_MAX:
            proof.problems.append("stopped here: too much is wrong")
            return proof
    _prove_nothing_else(target, proof, listed, known, last)
    return proof


class _Reading(NamedTuple):
    """What is read, whose signatures it must have, and which rounds there are."""

    target: Target
    signatures: Signatures
    listed: Listing


def _prove_round(reading: _Reading, proof: Proof, number: int) -> set[str]:
    """Prove one round; the paths of its files."""
    target, signatures, listed = reading
    proof.rounds += 1
    try:
        if number not in listed.done:
            raise ArchiveBroken("its manifest is missing")
        manifest, digest = read_manifest(target, number, signatures)
        expected, proof.digest = proof.digest, digest
        paths = {file.path for file in (*manifest.files, manifest.state)}
        if manifest.plan.number != number:
            raise ArchiveBroken(f"its manifest is of round {manifest.plan.number}")
    except ArchiveBroken as error:
        proof.problems.append(f"round {number}: {error}")
        proof.digest = ""
        return set()
    say = _Saying(proof, number)
    if manifest.plan.previous != expected and (expected or number == 1):
        say("the manifest before it is not the one it was written after")
    proof.signed += signatures.is_asked and number >= signatures.signed_from
    try:
        if number not in listed.planned or read_plan(target, number, signatures) != manifest.plan:
            say("its plan is missing, or not the one in its manifest")
    except ArchiveBroken as error:
        say(str(error))
    _prove_ranges(proof, manifest, say)
    for problem in _wrong_files(target, manifest, proof):
        say(problem)
    proof.last_day = manifest.plan.made_at[:10]
    proof.first_day = proof.first_day or proof.last_day
    return paths


@dataclass(frozen=True, slots=True)
class _Saying:
    """Says what is wrong with a round."""

    proof: Proof
    number: int

    def __call__(self, problem: str) -> None:
        self.proof.problems.append(f"round {self.number}: {problem}")


def _prove_ranges(proof: Proof, manifest: Manifest, say: _Saying) -> None:
    """Each range goes on where the one before ended; what ClickHouse did not have is a hole."""
    for each in manifest.plan.ranges:
        mark = proof.marks.get(each.key)
        where = f"partition {each.partition} of {each.epoch}"
        if mark is not None and each.first > mark + 1:
            say(f"{where}: offsets {mark + 1}..{each.first - 1} are missing")
        if mark is not None and each.first <= mark:
            say(f"{where}: offsets {each.first}..{min(mark, each.last)} are there twice")
        for first, last in each.missing:
            say(f"{where}: ClickHouse did not have offsets {first}..{last} when they were archived")
        proof.marks[each.key] = max(each.last, mark if mark is not None else -1)


@dataclass(slots=True)
class _Tally:
    """What the records of one file come to, counted as they are read: the file itself need not be in memory unpacked."""

    kinds: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    lines: dict[str, _Hash] = field(default_factory=dict)
    sums: dict[Key, Sums] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.kinds[record.kind] += 1
        self.sums.setdefault((record.epoch, record.partition), Sums()).add(record)
        if record.is_entry:
            self.entries[record.org_id] += 1
            lines = self.lines.setdefault(record.org_id, hashlib.sha256())
            lines.update(entry.encode([entry.entry(record)]))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Entries, copies of these, rejected records, expired ones."""
        entries = self.entries.total()
        events = self.kinds[EVENT] + self.kinds[COPY]
        return entries, events - entries, self.kinds[REJECTED], self.kinds[GONE]


def _wrong_files(target: Target, manifest: Manifest, proof: Proof) -> Iterator[str]:
    """Each file is read once; of all of them only the sums of the records are kept."""
    tally = None
    for file in (manifest.records, *manifest.entries, *manifest.parquet, manifest.state):
        try:
            content = target.read(file.path)
            if content is None:
                yield f"{file.path} is missing"
                continue
            if sha256(content) != file.sha256:
                yield f"{file.path} was changed: its SHA-256 is not the manifest's"
                continue
            proof.files += 1
            proof.size += len(content)
            if file is manifest.records:
                tally = _tallied(content, manifest, target.file_max)
                yield from _wrong_counts(manifest, tally, proof)
            elif file is manifest.state:
                decode_state(content, file.path, target.file_max)
            elif tally:
                yield from _wrong_entries(content, file, tally, target.file_max)
        except ArchiveBroken as error:
            yield str(error)


def _tallied(content: bytes, manifest: Manifest, most: int) -> _Tally:
    """Raises `ArchiveBroken` where the records are not those of the plan."""
    tally, path = _Tally(), manifest.records.path
    for record in covering(decode_file(content, path, most), manifest.plan.ranges, path):
        tally.add(record)
    return tally


def _wrong_counts(manifest: Manifest, tally: _Tally, proof: Proof) -> Iterator[str]:
    counts = tally.counts
    proof.events += counts[0]
    proof.copies += counts[1]
    proof.rejected += counts[2]
    proof.gone += counts[3]
    if counts != (manifest.events, manifest.copies, manifest.rejected, manifest.gone):
        yield "its manifest counts other records than it has"
    for key, sums in tally.sums.items():
        proof.sums.setdefault(key, Sums()).merge(sums)
    organisations = set(tally.entries)
    for kind, is_made, files in (
        ("entries", manifest.plan.has_entries, manifest.entries),
        ("Parquet files", manifest.plan.has_parquet, manifest.parquet),
    ):
        if {file.org for file in files} != (organisations if is_made else set()):
            yield f"its {kind} are not those of its organisations"


def _wrong_entries(content: bytes, file: File, tally: _Tally, most: int) -> Iterator[str]:
    if file.path.startswith(f"{PARQUET}/"):
        if count(content) != tally.entries[file.org]:
            yield f"{file.path} does not have {tally.entries[file.org]} rows"
        return
    lines = hashlib.sha256()
    for piece in pieces(content, file.path, most):
        lines.update(piece)
    if file.org not in tally.lines or lines.digest() != tally.lines[file.org].digest():
        yield f"{file.path} does not have the entries of its records"


def _prove_nothing_else(target: Target, proof: Proof, listed: Listing, known: set[str], last: int) -> None:
    """No file of entries or records that no manifest names, save those of the round that was begun."""
    begun = ""
    if last + 1 in listed.planned:
        proof.begun = last + 1
        begun = f"/{last + 1:012}."
    for number in sorted(listed.planned):
        if number > last + 1:
            proof.problems.append(f"round {number}: there is a plan, and no round {number - 1} before it")
    for folder in (ENTRIES, PARQUET, RECORDS):
        for path in target.walk(folder):
            if path not in known and not (begun and begun in path):
                proof.problems.append(f"{path} is in no manifest")
