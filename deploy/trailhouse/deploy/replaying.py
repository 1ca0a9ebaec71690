"""What a replay sends, what it leaves alone and why: decided before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from trailhouse.deploy.errors import DeployError
from trailhouse.sinks.letterbox import Original, find_letters, read_raw
from trailhouse.sinks.replay import Replay
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.letter import Letter, Place
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.steps import Rules

if TYPE_CHECKING:
    from trailhouse.producers.settings import KafkaSettings
    from trailhouse.queries.rejected import Rejected

#: Whether a record becomes an event does not depend on the pepper.
_ANY_PEPPER: Final = b"no hash of this leaves the process"


class NotTheSame(DeployError):
    """The edited file is another event, or another organisation's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`send` by place, in the order they were received; `skip` = place -> why not."""

    send: Mapping[Place, Replay]
    skip: Mapping[Place, str]


@dataclass(slots=True)
class _Attempt:
    """A record as it would come from the raw topic now."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class _Identity(msgspec.Struct):
    event_id: str = ""
    org_id: str = ""


def read_originals(
    kafka: KafkaSettings, rows: Sequence[Rejected]
) -> tuple[dict[Place, Original], dict[Place, Letter]]:
    """The records at these places, and their dead letters.

    A letter that does not hold the whole record (too large, or the sink's, which holds the enriched line) is completed
    from the raw topic, as is one that is gone; what neither has is missing.
    """
    letters = find_letters(kafka, {row.place: row.received_at for row in rows})
    originals = {
        place: Original(letter.key, letter.value, letter.headers)
        for place, letter in letters.items()
        if letter.is_whole
    }
    originals |= read_raw(kafka, [row.place for row in rows if row.place not in originals])
    return originals, letters


def plan(  # noqa: PLR0913  # each is one thing the operator may decide
    rows: Sequence[Rejected],
    originals: Mapping[Place, Original],
    *,
    now_ms: int,
    orgs: frozenset[str] | None = None,
    edited: bytes | None = None,
    again: bool = False,
    force: bool = False,
) -> Plan:
    """Decide for each row. Left alone is what was replayed already (unless `again`), what is gone, and what would be
    rejected once more by this version's rules (unless `force`). `edited` takes the place of the one row's bytes.

    Raises `NotTheSame` when `edited` has another id or organisation than the record it stands for.
    """
    send: dict[Place, Replay] = {}
    skip: dict[Place, str] = {}
    for row in sorted(rows, key=lambda each: (each.received_at, each.place)):
        original = originals.get(row.place)
        if row.became and not again:
            skip[row.place] = f"replayed already ({row.became}); --again sends it once more"
            continue
        if edited is not None:
            check_same(row, original, edited)
            original = (
                Original(original.key, edited, original.headers) if original else Original(None, edited, ())
            )
        if original is None:
            skip[row.place] = (
                "gone: neither the rejected nor the raw topic keeps it any more; --edited sends a file"
            )
            continue
        if (trouble := would_become(original.value, now_ms, orgs)) and not force:
            skip[row.place] = f"would be rejected again: {trouble}; --force sends it all the same"
            continue
        send[row.place] = Replay(original, is_edited=edited is not None)
    return Plan(send, skip)


def would_become(value: bytes | None, now_ms: int, orgs: frozenset[str] | None) -> str:
    """Reason and detail with which the rules of this version reject a record received now; '' when it is an event."""
    bundle = enrich_bundle(
        [_Attempt(0, now_ms, None, value)],
        epoch="",
        partition=0,
        from_offset=0,
        rules=Rules(Pseudonyms(_ANY_PEPPER), orgs),
    )
    return "".join(f"{letter.reason.value} ({letter.detail})" for letter in bundle.dead_letters)


def check_same(row: Rejected, original: Original | None, edited: bytes) -> None:
    """Raise `NotTheSame` unless `edited` is the same organisation's same event, as far as the original can be read."""
    before, after = _identity(original.value if original else None), _identity(edited)
    if row.org and after.org_id != row.org:
        raise NotTheSame(
            f"the edited file names organisation {after.org_id!r}, the record {row.org!r}",
            hint="a replay may not move an event to another organisation",
        )
    if before.event_id and after.event_id != before.event_id:
        raise NotTheSame(
            f"the edited file has event_id {after.event_id!r}, the record {before.event_id!r}",
            hint="keep the event_id: it makes sure that the event counts once",
        )


def _identity(value: bytes | None) -> _Identity:
    try:
        return msgspec.json.decode(value or b"", type=_Identity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Identity()
