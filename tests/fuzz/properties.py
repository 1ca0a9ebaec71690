"""What must hold whatever lies on the raw topic, checked bundle by bundle; and the smallest record that breaks it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.fuzz.mutants import CANARY, RECEIVED
from tests.stream.factories import PEPPER, RawRecord

from trailhouse.sinks.head import read_heads
from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.enriched import ENRICHED_BYTES_MAX
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.rejected import Reason
from trailhouse.stream.steps import Rules

EPOCH: Final = "a-topic-id"
RECEIVED_MS: Final = int(RECEIVED.timestamp() * 1000)
SLOW_NS: Final = 1_000_000
#: Reasons that a record's bytes can have; `internal` and `unstorable` would be our own failures, `conflict` is a person's word.
CLOSED: Final = frozenset(Reason) - {Reason.INTERNAL, Reason.UNSTORABLE, Reason.CONFLICT}
Enrich = Callable[..., Bundle]


@dataclass(slots=True)
class Tally:
    """What a run saw. `slow` of `records` took a millisecond or more of processor time, alone; `slowest` in ns."""

    records: int = 0
    slow: int = 0
    slowest: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    lines: list[bytes] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.records += other.records
        self.slow += other.slow
        self.slowest = max(self.slowest, other.slowest)
        self.reasons += other.reasons
        self.lines += other.lines


def records_of(values: Sequence[bytes | None], first: int = 0) -> list[RawRecord]:
    """The values as records from offset `first` on."""
    return [RawRecord(value, first + index, RECEIVED_MS) for index, value in enumerate(values)]


def violations(
    values: Sequence[bytes | None], tally: Tally, *, first: int = 0, enrich: Enrich = enrich_bundle
) -> Iterator[tuple[str, int | None]]:
    """(what does not hold, the index of the record it does not hold for or None), over one bundle."""
    records = records_of(values, first)

    def run(part: Sequence[RawRecord], rules: Rules = RULES) -> Bundle:
        return enrich(part, epoch=EPOCH, partition=0, from_offset=part[0].offset, rules=rules)

    alone: list[Bundle | None] = []
    for index, record in enumerate(records):
        started = time.thread_time_ns()
        try:
            alone.append(run([record]))
        except Exception as error:
            alone.append(None)
            yield f"raised {type(error).__name__}: {error}", index
        took = time.thread_time_ns() - started
        tally.slow += took >= SLOW_NS
        tally.slowest = max(tally.slowest, took)
    tally.records += len(records)
    try:
        bundle = run(records)
        again = run(records, Rules(Pseudonyms(PEPPER)) if first % 7 == 0 else RULES)
    except Exception as error:
        yield f"a bundle raised {type(error).__name__}: {error}", None
        return
    if again != bundle:
        yield "enriched twice, it is not the same twice", None
    if len(bundle.lines) != len(records):
        yield f"lines are missing or too many: {len(bundle.lines)} for {len(records)} records", None
        return
    letters = {letter.offset: letter for letter in bundle.dead_letters}
    for index, (record, line, head, single) in enumerate(
        zip(records, bundle.lines, read_heads(bundle.lines), alone, strict=True)
    ):
        own = [letters[record.offset]] if record.offset in letters else []
        if single is not None and single != Bundle([line], own):
            yield "alone it becomes something else than among its neighbours", index
        if head is None or (head.epoch, head.partition, head.offset, head.from_offset) != (
            EPOCH,
            0,
            record.offset,
            record.offset,
        ):
            yield "the sink cannot read the line's head", index
            continue
        if b"\n" in line or len(line) > ENRICHED_BYTES_MAX:
            yield "the line is no line, or too large for a record", index
        tally.reasons[head.reason or "accepted"] += 1
        letter = letters.get(record.offset)
        if (letter is None) != (head.reason == ""):
            yield "rejected without a dead letter, or the other way round", index
        if letter is not None:
            yield from ((what, index) for what in _of_rejection(record, json.loads(line), letter))


RULES: Final = Rules(Pseudonyms(PEPPER))


def _of_rejection(record: RawRecord, line: dict[str, Any], letter: Any) -> Iterator[str]:
    if letter.reason not in CLOSED or line["reason"] != letter.reason.value:
        yield f"reason {line['reason']!r} ({line.get('detail')!r}) is not one that bytes can have"
    if letter.value is not record.value or letter.key is not record.key:
        yield "the dead letter does not hold the bytes as they came"
    told = json.dumps({name: value for name, value in line.items() if name != "org_id"}) + letter.detail
    if CANARY in told.lower():
        yield f"personal data in a rejection: {told}"
    if set(line) - SAID:
        yield f"an envelope says {sorted(set(line) - SAID)}"


SAID: Final = {
    "epoch",
    "partition",
    "from",
    "offset",
    "received_at",
    "reason",
    "detail",
    "size",
    "digest",
    "rules",
    "org_id",
}


def minimise(
    values: Sequence[bytes | None], fails: Callable[[Sequence[bytes | None]], bool]
) -> list[bytes | None]:
    """The smallest bundle found that still fails: first fewer records, then fewer bytes of each."""
    kept = _fewer(list(values), lambda some: bool(some) and fails(some))
    for index, value in enumerate(kept):
        if value:
            before, after = kept[:index], kept[index + 1 :]
            left = _fewer(
                [bytes([byte]) for byte in value],
                lambda some, b=before, a=after: fails([*b, b"".join(some), *a]),  # type: ignore[misc]
            )
            kept[index] = b"".join(left)
    return kept


def _fewer(parts: list[Any], fails: Callable[[list[Any]], bool]) -> list[Any]:
    """Delta debugging (Zeller): leave out halves, quarters … as long as what is left still fails."""
    size = max(1, len(parts) // 2)
    tries = 0
    while size and tries < 3000:
        start, is_smaller = 0, False
        while start < len(parts) and tries < 3000:
            tries += 1
            left = parts[:start] + parts[start + size :]
            if fails(left):
                parts, is_smaller = left, True
            else:
                start += size
        if not is_smaller or size > len(parts):
            size //= 2
    return parts
