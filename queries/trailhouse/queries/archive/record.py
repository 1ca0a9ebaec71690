"""A record of the archive: one raw offset that landed, and what the tables say of it, without personal data.

An event's line is what table `landing` takes, so restoring is inserting; what `landing` knows of people beyond their
keyed hashes (`identity`, `pii`, `subject_refs`) is not there. Nothing that is empty stands in a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.packed import pieces

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
#: An event with its content; the same event at another place; a record that could not become one; an event that had
#: expired before it was archived.
EVENT, COPY, REJECTED, GONE = "event", "copy", "rejected", "gone"


class Record(msgspec.Struct, gc=False, omit_defaults=True, rename={"from_offset": "from"}):
    """Raw offsets `from` to `offset`. `kind` and `is_entry` (it is an entry of the audit log) are the archive's own; `slot`,
    `content` and `rules` are the ledger's; of `rejected` records `reason` to `digest`. Times are RFC 3339, UTC.

    A copy has content only where it is the entry, and then `at` says where the event itself lies.
    """

    epoch: str
    partition: int
    from_offset: int
    offset: int
    received_at: str
    kind: str = EVENT
    is_entry: bool = False
    at: str = ""
    slot: str = ""
    content: int = 0
    reason: str = ""
    detail: str = ""
    size: int = 0
    digest: str = ""
    rules: str = ""
    org_id: str = ""
    event_id: str = NO_ID
    occurred_at: str = ""
    action: str = ""
    noun: str = ""
    verb: str = ""
    crud: str = ""
    category: str = ""
    is_activity: bool = False
    is_login: bool = False
    outcome: str = ""
    actor_type: str = ""
    actor_role: str = ""
    user_ref: int = 0
    target_ref: int = 0
    address_ref: int = 0
    network: str = ""
    user_agent: str = ""
    entity_asset: str = ""
    project_asset: str = ""
    report_asset: str = ""
    artifact_asset: str = ""
    artifact_digest: str = ""
    artifact_sequence_asset: str = ""
    response_code: int = 0
    cli_version: str = ""
    source: str = ""
    correlation_id: str = ""
    attributes: dict[str, str] = {}
    changed_fields: list[str] = []
    tags: list[str] = []
    pii_tags: list[str] = []


#: What the archive says beyond what `landing` takes.
OWN: Final = ("kind", "is_entry", "at", "slot", "content")
#: Columns of `events` that a record has under the same name.
CONTENT: Final = tuple(
    name for name in Record.__struct_fields__[Record.__struct_fields__.index("occurred_at") :]
)
_DECODER: Final = msgspec.json.Decoder(Record)
_ENCODER: Final = msgspec.json.Encoder()


def encode(records: Iterable[Record]) -> bytes:
    """One line each."""
    return _ENCODER.encode_lines(list(records))


def decode_file(content: bytes, path: str, most: int) -> Iterator[Record]:
    """The records of a file of at most `most` bytes unpacked, one after the other; raises `ArchiveBroken`."""
    for piece in pieces(content, path, most):
        try:
            yield from decode(piece)
        except ArchiveBroken as error:
            raise ArchiveBroken(f"{path}: {error}") from None


def decode(lines: bytes) -> list[Record]:
    """The records of some lines; raises `ArchiveBroken`."""
    try:
        return _DECODER.decode_lines(lines)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveBroken(f"a line is no record: {type(error).__name__}") from None


def landing_line(record: Record) -> bytes:
    """The line that table `landing` takes for an event or a rejected record."""
    plain = msgspec.to_builtins(record)
    for name in OWN:
        plain.pop(name, None)
    return msgspec.json.encode(plain)


def without_content(record: Record) -> Record:
    """A copy: where it lies and which event it is, and nothing of what that says."""
    return Record(
        record.epoch,
        record.partition,
        record.from_offset,
        record.offset,
        record.received_at,
        kind=record.kind,
        slot=record.slot,
        content=record.content,
        rules=record.rules,
        org_id=record.org_id,
        event_id=record.event_id,
    )
