"""Fuzz bundle after bundle, keep what breaks a property, and store a sample in the real engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.fuzz.mutants import bundle
from tests.fuzz.properties import EPOCH, RULES, Enrich, Tally, minimise, records_of, violations
from tests.sinks.lines import differences, expected, readings

from trailhouse.sinks.batch import Batch
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.head import Head, read_heads
from trailhouse.sinks.writer import Store
from trailhouse.stream.bundle import enrich_bundle

P99_MS: Final = 1
#: Offsets of one bundle never meet those of another.
OFFSETS: Final = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """A property that does not hold; `values` are the bundle, made as small as it still fails."""

    seed: int
    number: int
    what: str
    values: tuple[bytes | None, ...]

    def __str__(self) -> str:
        shown = "\n".join(f"  {value!r}" for value in self.values)
        return f"seed {self.seed}, bundle {self.number}: {self.what}\n{shown}"

    def keep(self, folder: Path) -> Path:
        """Write the failing values and what is wrong with them; returns the folder they are in."""
        place = folder / f"seed-{self.seed}-bundle-{self.number}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "what.txt").write_text(str(self))
        for index, value in enumerate(self.values):
            (place / f"{index}.bin").write_bytes(value or b"")
        return place


def fuzz(
    seed: int, records: int, *, start: int = 0, sample: int = 0, enrich: Enrich = enrich_bundle
) -> tuple[Tally, Failure | None]:
    """Check bundles from number `start` until `records` records were seen or a property failed.

    `sample` = every how many bundles the lines are kept for the engine; 0 = none.
    """
    tally, number = Tally(), start
    while tally.records < records:
        values = bundle(seed, number)
        for what, _ in violations(values, tally, first=number * OFFSETS, enrich=enrich):
            small = minimise(values, partial(_fails_alike, what, number * OFFSETS, enrich))
            return tally, Failure(seed, number, what, tuple(small))
        if sample and number % sample == 0:
            tally.lines += lines_of(values, number * OFFSETS)
        number += 1
    return tally, None


def _fails_alike(what: str, first: int, enrich: Enrich, values: Sequence[bytes | None]) -> bool:
    """Whether these values fail by the same property: the first word of what is said about it."""
    if not values:
        return False
    found = violations(values, Tally(), first=first, enrich=enrich)
    return any(each.split()[:2] == what.split()[:2] for each, _ in found)


def lines_of(values: Sequence[bytes | None], first: int) -> list[bytes]:
    """What the worker writes for one bundle."""
    return enrich_bundle(
        records_of(values, first), epoch=EPOCH, partition=0, from_offset=first, rules=RULES
    ).lines


def fuzz_wide(
    seed: int, records: int, *, jobs: int, sample: int, on_progress: Callable[[int], None]
) -> tuple[Tally, list[Failure]]:
    """The same in `jobs` processes, piece by piece."""
    piece = 5000
    tally, failures = Tally(), []
    with ProcessPoolExecutor(jobs) as pool:
        # A bundle holds one record at least, so a piece's bundles are its own.
        runs = [
            pool.submit(fuzz, seed, min(piece, records - done), start=done, sample=sample)
            for done in range(0, records, piece)
        ]
        for each in runs:
            found, failure = each.result()
            tally.add(found)
            on_progress(tally.records)
            if failure is not None:
                failures.append(failure)
                for rest in runs:
                    rest.cancel()
                break
    return tally, failures


def slow_share(tally: Tally) -> float:
    """The share of records that took a millisecond or more."""
    return tally.slow / max(1, tally.records)


def refused_by_the_engine(client: Client, lines: Sequence[bytes]) -> Iterator[str]:
    """Insert lines as the sink does; what ClickHouse refuses, and tables that then differ from brute force."""
    poison: list[str] = []

    class Inserting:
        def look_again(self) -> None:
            pass

        def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
            insert_lines(client, "landing", lines)

    def bury(head: Head, line: bytes, why: str) -> None:
        poison.append(f"{why}: {line[:2000]!r}")

    for start in range(0, len(lines), 20_000):
        batch = Batch(0, time.monotonic())
        for line, head in zip(
            lines[start : start + 20_000], read_heads(lines[start : start + 20_000]), strict=True
        ):
            assert head is not None
            batch.add(line, head)
        store = Store(Inserting(), is_stale=lambda: False, bury=bury)
        for piece in batch.inserts():
            store.store(piece)
    yield from poison
    if not poison:
        # Mutants share people and moments, and brute force breaks a tie of two names otherwise than the directory does.
        wrong = differences(readings(client), expected(lines))
        wrong.pop("users", None)
        yield from (f"{table}: {rows}" for table, rows in wrong.items())


def describe(tally: Tally) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "records": tally.records,
        "of one millisecond or more": f"{slow_share(tally):.3%}",
        "slowest, ms": round(tally.slowest / 1e6, 1),
        **dict(sorted(tally.reasons.items())),
    }
