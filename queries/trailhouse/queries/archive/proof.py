"""Proof that an archive is complete: every round, every file, every offset, and what ClickHouse's ledger says of them.

What is found wrong is said one by one, and nothing else is inferred from it: verifying goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from trailhouse.queries.archive import entry
from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.journal import Listing, check_ours, listing, read_manifest, read_plan
from trailhouse.queries.archive.manifest import (
    ENTRIES,
    PARQUET,
    RECORDS,
    Key,
    Manifest,
    entries_path,
    parquet_path,
    sha256,
)
from trailhouse.queries.archive.parquet import count
from trailhouse.queries.archive.record import COPY, EVENT, GONE, REJECTED, Record, decode
from trailhouse.queries.archive.round import check_ranges, unpack
from trailhouse.queries.archive.sums import Sums
from trailhouse.queries.archive.target import Target

PROBLEMS_MAX: Final = 1000


@dataclass(slots=True)
class Proof:
    """What was proven. `marks` = last archived offset by partition; `sums` what the ledger must have up to there, by
    partition; `problems` in words; `begun` = a round that has a plan and no manifest yet, which is no problem.
    """

    rounds: int = 0
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
    _digest: str = ""

    @property
    def is_whole(self) -> bool:
        return not self.problems


def prove(target: Target, *, on_round: Callable[[int, int], None] = lambda _done, _all: None) -> Proof:
    """Read all of the archive and say what is wrong; `on_round` gets rounds read and their number.

    Raises `TargetRefused` when it is no archive, `TargetUnavailable`.
    """
    check_ours(target)
    proof, listed = Proof(), listing(target)
    last = max(listed.done, default=0)
    known: set[str] = set()
    for number in range(1, last + 1):
        known |= _prove_round(target, proof, listed, number)
        on_round(number, last)
        if len(proof.problems) >= PROBLEMS_MAX:
            proof.problems.append("stopped here: too much is wrong")
            return proof
    _prove_nothing_else(target, proof, listed, known, last)
    return proof


def _prove_round(target: Target, proof: Proof, listed: Listing, number: int) -> set[str]:
    """Prove one round; the paths of its files."""
    proof.rounds += 1
    try:
        if number not in listed.done:
            raise ArchiveBroken("its manifest is missing")
        manifest, digest = read_manifest(target, number)
        expected, proof._digest = proof._digest, digest  # noqa: SLF001 - our own
        paths = {file.path for file in (*manifest.files, manifest.state)}
        if manifest.plan.number != number:
            raise ArchiveBroken(f"its manifest is of round {manifest.plan.number}")
    except ArchiveBroken as error:
        proof.problems.append(f"round {number}: {error}")
        proof._digest = ""  # noqa: SLF001
        return set()
    say = _Saying(proof, number)
    if manifest.plan.previous != expected and (expected or number == 1):
        say("the manifest before it is not the one it was written after")
    if number not in listed.planned or read_plan(target, number) != manifest.plan:
        say("its plan is missing, or not the one in its manifest")
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


def _wrong_files(target: Target, manifest: Manifest, proof: Proof) -> Iterator[str]:
    contents: dict[str, bytes] = {}
    for file in (*manifest.files, manifest.state):
        content = target.read(file.path)
        if content is None:
            yield f"{file.path} is missing"
        elif sha256(content) != file.sha256:
            yield f"{file.path} was changed: its SHA-256 is not the manifest's"
        else:
            contents[file.path] = content
            proof.files += 1
            proof.size += len(content)
    if (content := contents.get(manifest.records.path)) is None:
        return
    try:
        records = decode(unpack(content, manifest.records.path))
        check_ranges(records, manifest.plan.ranges, manifest.records.path)
    except ArchiveBroken as error:
        yield str(error)
        return
    yield from _wrong_counts(manifest, records, proof)
    yield from _wrong_entries(manifest, records, contents)


def _wrong_counts(manifest: Manifest, records: list[Record], proof: Proof) -> Iterator[str]:
    kinds = [record.kind for record in records]
    events = sum(record.is_entry for record in records)
    counts = (
        events,
        kinds.count(EVENT) + kinds.count(COPY) - events,
        kinds.count(REJECTED),
        kinds.count(GONE),
    )
    proof.events += counts[0]
    proof.copies += counts[1]
    proof.rejected += counts[2]
    proof.gone += counts[3]
    if counts != (manifest.events, manifest.copies, manifest.rejected, manifest.gone):
        yield "its manifest counts other records than it has"
    for record in records:
        proof.sums.setdefault((record.epoch, record.partition), Sums()).add(record)


def _wrong_entries(manifest: Manifest, records: list[Record], contents: dict[str, bytes]) -> Iterator[str]:
    organisations = entry.entries_by_org(records)
    if manifest.plan.has_entries:
        written = {file.org: file for file in manifest.entries}
        if set(written) != set(organisations):
            yield "its entries are not those of its organisations"
        for org, rows in organisations.items():
            path = entries_path(manifest.plan, org)
            content = contents.get(path)
            if content is not None and unpack(content, path) != entry.encode(rows):
                yield f"{path} does not have the entries of its records"
    if manifest.plan.has_parquet:
        for org, rows in organisations.items():
            path = parquet_path(manifest.plan, org)
            if path in contents and count(contents[path]) != len(rows):
                yield f"{path} does not have {len(rows)} rows"


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
