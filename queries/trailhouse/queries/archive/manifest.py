"""Plans and manifests: what a round of the archive is to hold, and what it holds.

A round is begun by its plan and ended by its manifest; both are created once, by whoever comes first. Names follow from
the number, so whoever takes a round up again writes the same files, and finds those that are there already.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken

FORMAT: Final = 1
ROOT: Final = "trailhouse-archive"
ENTRIES: Final = "wandb-audit-logs"
PARQUET: Final = "wandb-audit-logs-parquet"
RECORDS: Final = f"{ROOT}/records"
ROUNDS: Final = f"{ROOT}/rounds"
STATE: Final = f"{ROOT}/state"
MARKER: Final = f"{ROOT}/format.json"
#: Rounds in one folder, so that the last one is found by listing two.
IN_A_FOLDER: Final = 1000
_NAME: Final = re.compile(r"(\d{12})\.(plan|done)\.json")
_ORG_LENGTH_MAX: Final = 150
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

#: (topic id, partition)
Key = tuple[str, int]


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """Raw offsets `first` to `last` of a partition, the next after those archived before.

    `lost` were accepted as lost before they were archived; `missing` ClickHouse did not have when they were archived.
    """

    epoch: str
    partition: int
    first: int
    last: int
    lost: tuple[tuple[int, int], ...] = ()
    missing: tuple[tuple[int, int], ...] = ()

    @property
    def key(self) -> Key:
        return self.epoch, self.partition


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Round `number` is to hold these ranges; its files lie under the day of `made_at` (RFC 3339). `previous` = SHA-256 of
    the manifest before, '' for the first. `marks` are those before the round: (topic id, partition, last offset).
    """

    format: int
    number: int
    made_at: str
    previous: str
    ranges: tuple[Range, ...]
    marks: tuple[tuple[str, int, int], ...] = ()
    has_entries: bool = True
    has_parquet: bool = False

    @property
    def day(self) -> str:
        return self.made_at[:10].replace("-", "/")

    @property
    def marks_after(self) -> dict[Key, int]:
        """The last archived offset by partition once the round is done."""
        return {(epoch, partition): last for epoch, partition, last in self.marks} | {
            each.key: each.last for each in self.ranges
        }


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a round: `rows` lines or rows in `size` bytes with that SHA-256; `org` where it is one organisation's."""

    path: str
    rows: int
    size: int
    sha256: str
    org: str = ""


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What round `plan.number` holds. `events` are entries of the audit log, `copies` the same events again, `gone` had
    expired. `rules` are the versions by which records were enriched. `state`: what was set and decided by then.
    """

    plan: Plan
    records: File
    entries: tuple[File, ...]
    parquet: tuple[File, ...]
    state: File
    events: int
    copies: int
    rejected: int
    gone: int
    rules: tuple[str, ...]
    version: str
    done_at: str

    @property
    def files(self) -> tuple[File, ...]:
        return (self.records, *self.entries, *self.parquet)


class Name(NamedTuple):
    """A file in the folder of rounds."""

    number: int
    is_done: bool


def plan_path(number: int) -> str:
    return f"{_folder(number)}/{number:012}.plan.json"


def manifest_path(number: int) -> str:
    return f"{_folder(number)}/{number:012}.done.json"


def records_path(plan: Plan) -> str:
    return f"{RECORDS}/{plan.day}/{plan.number:012}.ndjson.gz"


def entries_path(plan: Plan, org: str) -> str:
    return f"{ENTRIES}/{org_folder(org)}/{plan.day}/{plan.number:012}.ndjson.gz"


def parquet_path(plan: Plan, org: str) -> str:
    return f"{PARQUET}/{org_folder(org)}/{plan.day}/{plan.number:012}.parquet"


def state_path(digest: str) -> str:
    return f"{STATE}/{digest}.json.gz"


def org_folder(org: str) -> str:
    """An organisation's folder: its id, with `%41` for what a path may not hold. Different ids have different folders."""
    name = quote(org, safe="")
    if set(name) <= {"."}:
        name = name.replace(".", "%2E")
    if len(name) > _ORG_LENGTH_MAX:
        # `~` only stands in quoted ids that were not shortened if it was there; the digest tells those apart.
        name = f"{name[:_ORG_LENGTH_MAX]}~{hashlib.sha256(org.encode()).hexdigest()}"
    return name


def parse_name(name: str) -> Name | None:
    """What a name in a folder of rounds says; None for any other file."""
    found = _NAME.fullmatch(name)
    return Name(int(found[1]), found[2] == "done") if found else None


def encode(value: Plan | Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def decode_plan(content: bytes, path: str) -> Plan:
    """Raises `ArchiveBroken`."""
    with _readable(path):
        plan = msgspec.json.decode(content, type=Plan)
    _check_format(plan, path)
    return plan


def decode_manifest(content: bytes, path: str) -> Manifest:
    """Raises `ArchiveBroken`."""
    with _readable(path):
        manifest = msgspec.json.decode(content, type=Manifest)
    _check_format(manifest.plan, path)
    _check_paths(manifest, path)
    return manifest


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveBroken(f"{path} cannot be read: {error}") from None


def _check_format(plan: Plan, path: str) -> None:
    if plan.format != FORMAT:
        raise ArchiveBroken(f"{path} has format {plan.format}", "read it with a newer trailhouse")


def _check_paths(manifest: Manifest, path: str) -> None:
    """Names follow from the plan: whoever wrote a manifest must not have us read what else this machine has."""
    plan, state = manifest.plan, manifest.state
    named = [
        (manifest.records.path, records_path(plan)),
        (state.path, state_path(state.sha256)),
        *((each.path, entries_path(plan, each.org)) for each in manifest.entries),
        *((each.path, parquet_path(plan, each.org)) for each in manifest.parquet),
    ]
    is_ours = _TIME.fullmatch(plan.made_at) and _DIGEST.fullmatch(state.sha256)
    if not is_ours or any(name != wanted for name, wanted in named):
        raise ArchiveBroken(f"{path} names files that are not its round's")


def marks_of(marks: Mapping[Key, int]) -> tuple[tuple[str, int, int], ...]:
    return tuple((epoch, partition, last) for (epoch, partition), last in sorted(marks.items()))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lost_within(ranges: Iterable[tuple[int, int]], first: int, last: int) -> tuple[tuple[int, int], ...]:
    """The parts of `ranges` that lie in `first` to `last`."""
    return tuple(
        (max(start, first), min(end, last)) for start, end in sorted(ranges) if start <= last and end >= first
    )


def _folder(number: int) -> str:
    return f"{ROUNDS}/{number // IN_A_FOLDER:09}"
