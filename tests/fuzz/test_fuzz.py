"""Fifty thousand mutated records keep every property; and a broken stream does not: the fuzzer finds it and shrinks it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import pytest
from tests.fuzz.mutants import bundle
from tests.fuzz.run import Failure, describe, fuzz, refused_by_the_engine, slow_share

from trailhouse.stream.bundle import Bundle, enrich_bundle
from trailhouse.stream.raw import decode_many
from trailhouse.stream.rejected import Reason

if TYPE_CHECKING:
    from trailhouse.sinks.clickhouse import Client

RECORDS = 50_000


def test_mutated_records_keep_every_property(database: Client) -> None:
    """No exception, a line each in order, a closed reason, no personal data in it, bytes kept, fast, storable."""
    seed = SystemRandom().randrange(2**32)
    print(f"seed {seed}: again with make fuzz ARGS=--seed={seed}")
    tally, failure = fuzz(seed, RECORDS, sample=12)
    assert failure is None, f"{failure}"
    assert tally.records >= RECORDS
    assert slow_share(tally) < 0.01, f"seed {seed}: p99 is over a millisecond: {describe(tally)}"
    wrong = list(refused_by_the_engine(database, tally.lines))
    assert wrong == [], f"seed {seed}"
    # A fuzzer that makes nothing but rubbish, or nothing but events, shows nothing.
    assert {*tally.reasons} == {"accepted", *(Reason(each).value for each in REACHED)}
    assert all(tally.reasons[each] > RECORDS // 10 for each in ("accepted", "malformed", "invalid_field"))
    assert len(tally.lines) > 1000


REACHED = (
    Reason.EMPTY,
    Reason.MALFORMED,
    Reason.TOO_LARGE,
    Reason.INVALID_FIELD,
    Reason.UNSUPPORTED_VERSION,
    Reason.CLOCK_SKEW,
)


def test_a_seed_makes_the_same_records_again() -> None:
    """So a failure can be looked at twice."""
    assert [bundle(5, number) for number in range(10)] == [bundle(5, number) for number in range(10)]
    assert bundle(5, 1) != bundle(6, 1) != bundle(6, 2)


def losing(records: Sequence[Any], **place: Any) -> Bundle:
    """Forgets a record whose value is empty."""
    made = enrich_bundle(records, **place)
    return Bundle(
        [line for line, each in zip(made.lines, records, strict=True) if each.value], made.dead_letters
    )


def raising(records: Sequence[Any], **place: Any) -> Bundle:
    """Falls over a byte-order mark."""
    if any(each.value and b"\xef\xbb\xbf" in each.value for each in records):
        raise ValueError("BOM")
    return enrich_bundle(records, **place)


def shifting(records: Sequence[Any], **place: Any) -> Bundle:
    """Counts documents instead of asking that each record holds one."""
    made = enrich_bundle(records, **place)
    if any(each.value and b"}\n{" in each.value for each in records):
        made.lines.reverse()
    return made


def talking(records: Sequence[Any], **place: Any) -> Bundle:
    """Quotes the value in the detail of a rejection."""
    made = enrich_bundle(records, **place)
    letters = [
        dataclasses.replace(each, detail=(each.value or b"").decode(errors="replace"))
        for each in made.dead_letters
    ]
    return Bundle(made.lines, letters)


def forgetting(records: Sequence[Any], **place: Any) -> Bundle:
    """Keeps the beginning of the bytes only."""
    made = enrich_bundle(records, **place)
    letters = [dataclasses.replace(each, value=(each.value or b"")[:100]) for each in made.dead_letters]
    return Bundle(made.lines, letters)


def inventing(records: Sequence[Any], **place: Any) -> Bundle:
    """Gives a reason of its own."""
    made = enrich_bundle(records, **place)
    return Bundle([each.replace(b'"malformed"', b'"internal"') for each in made.lines], made.dead_letters)


def wavering() -> Callable[..., Bundle]:
    """Not the same twice."""
    calls = 0

    def enrich(records: Sequence[Any], **place: Any) -> Bundle:
        nonlocal calls
        calls += 1
        made = enrich_bundle(records, **place)
        return Bundle([*made.lines[:-1], made.lines[-1] + b" " * (calls % 2)], made.dead_letters)

    return enrich


@pytest.mark.parametrize(
    ("enrich", "what", "bytes_left"),
    [
        (losing, "lines are missing", 0),
        (raising, "raised ValueError", 3),
        (shifting, "alone it becomes", 6),
        (talking, "personal data", 6),
        (forgetting, "does not hold the bytes", 101),
        (inventing, "not one that bytes can have", 1),
        (wavering(), "not the same twice", 100_000),
    ],
)
def test_a_broken_stream_is_found_and_the_record_made_small(
    enrich: Callable[..., Bundle], what: str, bytes_left: int, tmp_path: Path
) -> None:
    """Each property is broken on purpose; the failing bundle shrinks to what matters and is kept."""
    _, failure = fuzz(3, 20_000, enrich=enrich)
    assert failure is not None
    assert what in failure.what
    assert sum(len(value or b"") for value in failure.values) <= bytes_left
    assert_is_kept(failure, tmp_path)


def assert_is_kept(failure: Failure, folder: Path) -> None:
    place = failure.keep(folder)
    assert failure.what in (place / "what.txt").read_text()
    assert [(place / f"{index}.bin").read_bytes() for index in range(len(failure.values))] == [
        value or b"" for value in failure.values
    ]


def test_two_documents_in_one_record_are_among_the_mutants() -> None:
    """The mutants that could shift neighbours are there: a bundle whose documents are as many as its records."""
    shapes = set()
    for number in range(400):
        for value in bundle(9, number):
            if value and b"}\n{" in value and decode_many([value]) is None:
                shapes.add("two documents")
            if value and value[:1] == b"{" and value[-1:] != b"}":
                shapes.add("half a document")
    assert shapes == {"two documents", "half a document"}
