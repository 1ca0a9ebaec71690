"""Enrich one partition's fetched records: exactly one line out for every record in, in order.

Pure and total, so the worker and whoever refills a gap get the same lines from the same records.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol, cast

import msgspec

from trailhouse.producers.event import ORG_ID
from trailhouse.stream.enriched import ENRICHED_BYTES_MAX, RULES_VERSION, Enriched
from trailhouse.stream.lines import STANDS_FOR, Places, lines_of
from trailhouse.stream.parts import parts_of
from trailhouse.stream.raw import RawEvent, decode, decode_many, org_of
from trailhouse.stream.rejected import Reason, Rejection
from trailhouse.stream.steps import STEPS, Rules

_ENCODER: Final = msgspec.json.Encoder()
CHUNK: Final = 64
#: What rejects the record at hand. A step waits for nothing, so a cancellation raised in it is its own fault; only what
#: ends the process (SystemExit, KeyboardInterrupt) passes.
FAILURES: Final = (Exception, asyncio.CancelledError, GeneratorExit)


class Record(Protocol):
    """What is needed of a fetched record; `timestamp` is the broker's, in Unix milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record for people: its place, why, and its bytes and headers as they came."""

    epoch: str
    partition: int
    offset: int
    reason: Reason
    detail: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle of records became: a line for each, and the dead letters among them."""

    lines: list[bytes]
    dead_letters: list[DeadLetter]


def enrich_bundle(
    records: Sequence[Record], *, epoch: str, partition: int, from_offset: int, rules: Rules
) -> Bundle:
    """Run `STEPS` over records of one partition in offset order.

    `epoch` is the raw topic's id, `from_offset` the position the first record was fetched from: what lies between it
    and the record's offset were control records. Never raises for anything a record may hold.
    """
    lines: list[bytes] = []
    dead: list[DeadLetter] = []
    head = f'{{"epoch":{_ENCODER.encode(epoch).decode()},"partition":{partition},"from":'
    # A few at a time: what a chunk makes stays in the processor's cache, and a bad record costs its neighbours little.
    for first in range(0, len(records), CHUNK):
        chunk = records[first : first + CHUNK]
        offsets = [record.offset for record in chunk]
        starts = [from_offset, *(offset + 1 for offset in offsets)]
        from_offset = starts.pop()
        places = Places(head, starts, offsets, [_moment(record.timestamp) for record in chunk])
        events = _decoded([record.value for record in chunk])
        made = _ordinary(events, places, rules)
        rest = [index for index, line in enumerate(made) if line is None]
        outs: list[Enriched] = []
        for index in rest:
            record, event = chunk[index], events[index]
            out = Enriched(epoch, partition, starts[index], offsets[index], places.received[index])
            rejection = event if isinstance(event, Rejection) else _run(event, out, rules)
            if rejection is not None:
                out = envelope(record, out, rejection)
                dead.append(_dead_letter(record, out, rejection))
            outs.append(out)
        for index, line in zip(rest, _fitting([chunk[index] for index in rest], outs, dead), strict=True):
            made[index] = line
        lines += cast("list[bytes]", made)  # nothing is missing any more
    return Bundle(lines, dead)


def _ordinary(events: Sequence[RawEvent | Rejection], places: Places, rules: Rules) -> list[bytes | None]:
    """The lines of those events that `lines_of` can tell, None for the others: so it is for all when the steps are not
    those it stands for.
    """
    made: list[bytes | None] = [None] * len(events)
    if STEPS != STANDS_FOR:
        return made
    good = [index for index, event in enumerate(events) if type(event) is RawEvent]
    chosen = cast("Sequence[RawEvent]", events)
    if len(good) == len(events):
        return lines_of(chosen, places, parts_of(rules))
    if good:
        found = lines_of([chosen[index] for index in good], places.at(good), parts_of(rules))
        for index, line in zip(good, found, strict=True):
            made[index] = line
    return made


def _decoded(values: Sequence[bytes | None]) -> Sequence[RawEvent | Rejection]:
    """Each record's event, or why it is none."""
    return decode_many(values) or [_decoded_alone(value) for value in values]


def _decoded_alone(value: bytes | None) -> RawEvent | Rejection:
    try:
        return decode(value)
    except FAILURES as error:
        return _rejection(error)


def _run(event: RawEvent, out: Enriched, rules: Rules) -> Rejection | None:
    try:
        run_steps(event, out, rules)
    except FAILURES as error:
        return _rejection(error)
    return None


def _rejection(error: BaseException) -> Rejection:
    """A rejection like the one that was raised, or one that says a step or the decoder failed as it never should.

    A new one: what was raised holds its traceback and with it all records of the bundle, until the collector finds it.
    """
    if isinstance(error, Rejection):
        return Rejection(error.reason, error.detail)
    return Rejection(Reason.INTERNAL, f"{type(error).__name__} in a step")


def _dead_letter(record: Record, out: Enriched, rejection: Rejection) -> DeadLetter:
    return DeadLetter(
        out.epoch,
        out.partition,
        record.offset,
        rejection.reason,
        rejection.detail,
        record.key,
        record.value,
        record.headers,
    )


def run_steps(event: RawEvent, out: Enriched, rules: Rules) -> None:
    """Every step in turn; the first that raises ends the event's way."""
    for step in STEPS:
        step(event, out, rules)


def envelope(record: Record, out: Enriched, rejection: Rejection) -> Enriched:
    """What the enriched topic says of a rejected record: everything but its content."""
    value = record.value or b""
    org = org_of(record.value)
    return Enriched(
        out.epoch,
        out.partition,
        out.from_offset,
        out.offset,
        out.received_at,
        reason=rejection.reason.value,
        detail=rejection.detail,
        size=len(value),
        digest=hashlib.sha256(value).hexdigest(),
        rules=RULES_VERSION,
        org_id=org if ORG_ID.fullmatch(org) else "",
    )


def _fitting(records: Sequence[Record], lines: list[Enriched], dead: list[DeadLetter]) -> Iterator[bytes]:
    """Encode the lines; one that grew beyond what a record may carry becomes a rejection."""
    for record, out, line in zip(records, lines, _encode(lines), strict=True):
        if len(line) <= ENRICHED_BYTES_MAX:
            yield line
            continue
        rejection = Rejection(
            Reason.TOO_LARGE, f"{len(line)} bytes once enriched, at most {ENRICHED_BYTES_MAX}"
        )
        dead.append(_dead_letter(record, out, rejection))
        yield _ENCODER.encode(envelope(record, out, rejection))


def _encode(lines: list[Enriched]) -> list[bytes]:
    return _ENCODER.encode_lines(lines)[:-1].split(b"\n") if lines else []


@lru_cache(maxsize=4096)
def _moment(milliseconds: int) -> datetime:
    """Broker time; the records of one producer batch share it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
