"""The rounds of an archive, found in its target alone: which were done, and which one was begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused
from trailhouse.queries.archive.manifest import (
    FORMAT,
    IN_A_FOLDER,
    MARKER,
    ROUNDS,
    Key,
    Manifest,
    Plan,
    decode_manifest,
    decode_plan,
    manifest_path,
    parse_name,
    plan_path,
    sha256,
)
from trailhouse.queries.archive.packed import DOCUMENT_MAX
from trailhouse.queries.archive.signature import NO_SIGNATURES, Signatures
from trailhouse.queries.archive.target import Target


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an archive is: rounds done, the last one's manifest and its SHA-256, and the plan of one that was begun."""

    rounds: int = 0
    last: Manifest | None = None
    digest: str = ""
    begun: Plan | None = None

    @property
    def marks(self) -> dict[Key, int]:
        """The last archived offset by partition."""
        return self.last.plan.marks_after if self.last else {}


@dataclass(frozen=True, slots=True)
class Listing:
    """The numbers of the rounds that have a manifest, and of those that have a plan."""

    done: frozenset[int] = field(default_factory=frozenset)
    planned: frozenset[int] = field(default_factory=frozenset)


def mark_as_ours(target: Target) -> bool:
    """Say in the target that it is an archive of ours; whether it refuses to write a file twice, as it must for two
    archivers at once. Raises `TargetRefused` where something else says it is there.
    """
    content = msgspec.json.encode({"format": "trailhouse-archive", "version": FORMAT})
    target.create(MARKER, content)
    check_ours(target)
    return not target.create(MARKER, content)


def check_ours(target: Target) -> None:
    """Raise `TargetRefused` unless the target is an archive that this version can read."""
    found = target.read(MARKER, DOCUMENT_MAX)
    if found is None:
        raise TargetRefused(
            f"there is no archive at {target.name}", "name the folder in which `trailhouse-archive/` lies"
        )
    try:
        said = msgspec.json.decode(found, type=dict[str, object])
    except msgspec.DecodeError:
        said = {}
    if said.get("format") != "trailhouse-archive" or said.get("version") != FORMAT:
        raise TargetRefused(f"{MARKER} in {target.name} is not ours, or of a newer version", "")


def standing(target: Target, signatures: Signatures = NO_SIGNATURES) -> Standing:
    """How far the archive is, from the last folder of rounds; raises `ArchiveBroken`, `TargetUnavailable`."""
    for folder in reversed([int(name) for name in target.names(ROUNDS) if name.isdigit()]):
        listed = _list_folder(target, folder)
        if not listed.done and folder > 0:
            before = _list_folder(target, folder - 1)
            listed = Listing(before.done, listed.planned | before.planned)
        if not listed.done | listed.planned:
            continue
        rounds = max(listed.done, default=0)
        last, digest = read_manifest(target, rounds, signatures) if rounds else (None, "")
        begun = None
        if rounds + 1 in listed.planned:
            begun = read_plan(target, rounds + 1, signatures)
        return Standing(rounds, last, digest, begun)
    return Standing()


def listing(target: Target) -> Listing:
    """All numbers there are; a listing of every folder of rounds."""
    done: set[int] = set()
    planned: set[int] = set()
    for name in target.names(ROUNDS):
        if name.isdigit():
            listed = _list_folder(target, int(name))
            done |= listed.done
            planned |= listed.planned
    return Listing(frozenset(done), frozenset(planned))


def manifests(
    target: Target, numbers: Iterator[int] | range, signatures: Signatures = NO_SIGNATURES
) -> Iterator[tuple[Manifest, str]]:
    """The manifests of those rounds, each with its SHA-256."""
    for number in numbers:
        yield read_manifest(target, number, signatures)


def read_manifest(
    target: Target, number: int, signatures: Signatures = NO_SIGNATURES
) -> tuple[Manifest, str]:
    """A manifest and its SHA-256; raises `ArchiveBroken`, also where it is not signed and must be."""
    path = manifest_path(number)
    content = _read(target, path)
    signatures.check(content, path, number)
    return decode_manifest(content, path), sha256(content)


def read_plan(target: Target, number: int, signatures: Signatures = NO_SIGNATURES) -> Plan:
    """Raises `ArchiveBroken`, also where it is not signed and must be."""
    path = plan_path(number)
    content = _read(target, path)
    signatures.check(content, path, number)
    return decode_plan(content, path)


def _read(target: Target, path: str) -> bytes:
    content = target.read(path, DOCUMENT_MAX)
    if content is None:
        raise ArchiveBroken(f"{path} is missing")
    return content


def _list_folder(target: Target, folder: int) -> Listing:
    names = [parse_name(name) for name in target.names(f"{ROUNDS}/{folder:09}")]
    numbers = [name for name in names if name is not None and name.number // IN_A_FOLDER == folder]
    return Listing(
        frozenset(name.number for name in numbers if name.is_done),
        frozenset(name.number for name in numbers if not name.is_done),
    )
