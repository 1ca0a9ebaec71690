"""`python -m bench.micro`: microseconds an event spends in each part of the stream worker's pure work.

The whole is timed over bundles as the worker sees them (4 000 records, collector off), its parts over the chunks it works in, in CPU seconds of the thread, best of
several rounds, so that other load on the machine shows as little as it can.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from bench.events import events
from trailhouse.sinks.head import read_heads
from trailhouse.stream.bundle import CHUNK, enrich_bundle
from trailhouse.stream.enriched import Enriched
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.raw import decode, decode_many
from trailhouse.stream.rejected import Rejection
from trailhouse.stream.steps import STEPS, Rules

BUNDLE: Final = 4000
ROUNDS: Final = 9
EPOCH: Final = "AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(slots=True)
class Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--profile", action="store_true", help="cProfile of enrich_bundle instead")
    arguments = parser.parse_args()
    values = list(events(arguments.events))
    now = int(datetime.now(UTC).timestamp() * 1000)
    records = [Record(number, now, None, value) for number, value in enumerate(values)]
    bundles = [records[start : start + BUNDLE] for start in range(0, len(records), BUNDLE)]
    rules = Rules(Pseudonyms(b"0123456789abcdef"))
    if arguments.profile:
        _profile(bundles, rules)
        return
    for name, microseconds in measure(bundles, rules):
        print(f"{name:42} {microseconds:7.2f} us")


def measure(bundles: Sequence[Sequence[Any]], rules: Rules) -> list[tuple[str, float]]:
    """(part, microseconds an event), the whole first; the steps do not include the loop around them."""
    whole = _best(bundles, lambda bundle: lambda: _enrich(bundle, rules))
    bundles = [bundle[at : at + CHUNK] for bundle in bundles for at in range(0, len(bundle), CHUNK)]
    pairs = [_pairs(bundle) for bundle in bundles]
    parts = [
        ("enrich_bundle, whole", whole),
        (
            "one by one: decode",
            _best(bundles, lambda bundle: lambda: [_decode(each.value) for each in bundle]),
        ),
        ("decode_many (good records only)", _best(bundles, _decoding)),
    ]
    parts += [("make Enriched", _best(bundles, lambda bundle: lambda: [_out(each) for each in bundle]))]
    for step in STEPS:
        parts.append((f"step {step.__name__}", _best(pairs, _stepping(step, rules))))
    encoder = msgspec.json.Encoder()
    outs = [[out for _, out in each] for each in pairs]
    parts.append(
        (
            "encode_lines + split",
            _best(outs, lambda each: lambda: encoder.encode_lines(each)[:-1].split(b"\n")),
        )
    )
    lines = [_enrich(bundle, rules).lines for bundle in bundles]
    parts.append(("sink: read_heads", _best(lines, lambda each: lambda: read_heads(each))))
    return parts


def _enrich(bundle: Sequence[Any], rules: Rules) -> Any:
    return enrich_bundle(bundle, epoch=EPOCH, partition=0, from_offset=bundle[0].offset, rules=rules)


def _decode(value: bytes) -> Any:
    try:
        return decode(value)
    except Rejection:
        return None


def _decoding(bundle: Sequence[Any]) -> Callable[[], Any]:
    good = [each.value for each in bundle if _decode(each.value) is not None]
    return lambda: decode_many(good)


def _out(record: Any) -> Enriched:
    return Enriched(
        EPOCH, 0, record.offset, record.offset, datetime.fromtimestamp(record.timestamp / 1000, UTC)
    )


def _pairs(bundle: Sequence[Any]) -> list[tuple[Any, Enriched]]:
    return [(event, _out(each)) for each in bundle if (event := _decode(each.value)) is not None]


def _stepping(step: Any, rules: Rules) -> Callable[[Any], Callable[[], None]]:
    def prepare(pairs: Any) -> Callable[[], None]:
        def run() -> None:
            for event, out in pairs:
                try:
                    step(event, out, rules)
                except Rejection:
                    continue

        return run

    return prepare


def _best(items: Sequence[Any], prepare: Callable[[Any], Callable[[], Any]]) -> float:
    """The smallest microseconds an event over `ROUNDS` rounds; one round covers all items."""
    runs = [(prepare(item), len(item)) for item in items]
    total = sum(size for _, size in runs)
    best = float("inf")
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        seconds = 0.0
        for run, _ in runs:
            started = time.thread_time()
            kept = run()
            seconds += time.thread_time() - started
            del kept
        best = min(best, seconds / total * 1e6)
    gc.enable()
    return best


def _profile(bundles: Sequence[Sequence[Any]], rules: Rules) -> None:
    profile = cProfile.Profile()
    gc.disable()
    profile.enable()
    for bundle in bundles:
        _enrich(bundle, rules)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
