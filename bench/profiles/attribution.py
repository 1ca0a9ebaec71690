"""Samples of call stacks to what the time was for: decode, enrich, encode, produce, exactness … Pure.

A sample is given to the innermost frame that a rule names, so that what a function calls outside our code (the decoder in
C, a socket) counts for the function that called it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

OTHER: Final = "other"
EXACTNESS: Final = "exactness"
WAIT: Final = "wait"
_FRAME: Final = re.compile(r"^(?P<function>.*) \((?P<file>[^()]*?)(?::(?P<line>\d+))?\)$")


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a stack, and its file as the sampler shortens it."""

    function: str
    file: str

    @property
    def name(self) -> str:
        """Without the class or the function it is defined in."""
        return self.function.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Sample:
    """A stack, outermost frame first, and how often it was seen."""

    frames: tuple[Frame, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Frames whose file ends with `file`, or lies in it where it ends with a slash, and whose function is one of
    `functions` (none = any) are for `purpose`.
    """

    purpose: str
    file: str
    functions: tuple[str, ...] = ()

    def holds(self, frame: Frame) -> bool:
        ours, theirs = f"/{self.file}", f"/{frame.file}"
        is_there = ours in theirs if self.file.endswith("/") else theirs.endswith(ours)
        return is_there and (not self.functions or frame.name in self.functions)


#: In the order they are asked. Exactness is whatever is there so that an event counts once: positions, chains of fetches,
#: marks, judgements, hashes, the ledger, the epoch. What a pipeline without these would do as well is not in it.
WORKER: Final = (
    Rule(
        EXACTNESS,
        "stream/transport.py",
        ("drain", "_drain_all", "ack", "_new_offset", "_should_commit", "_commit_offsets"),
    ),
    Rule(EXACTNESS, "stream/app.py", ("confirm", "_read")),
    Rule("collector", "stream/app.py", ("watch",)),
    Rule(EXACTNESS, "stream/holds.py"),
    Rule(EXACTNESS, "stream/topics.py"),
    Rule("decode", "stream/raw.py"),
    Rule("decode", "stream/bundle.py", ("_decoded", "_decoded_alone")),
    Rule("encode", "stream/bundle.py", ("_encode", "_fitting")),
    Rule("enrich", "stream/bundle.py"),
    Rule("produce", "stream/app.py", ("_write", "write", "_send_dead_letter")),
    Rule("produce", "stream/batches.py"),
    Rule("produce", "stream/letter.py"),
    Rule("metrics", "stream/app.py", ("_count",)),
    Rule("enrich", "stream/"),
    Rule("enrich", "producers/"),
    Rule("produce", "aiokafka/producer/"),
    Rule("produce", "aiokafka/codec.py", ("zstd_encode", "lz4_encode")),
    Rule("fetch", "aiokafka/codec.py"),
    Rule("produce", "aiokafka/record/default_records.py", ("build", "append", "_maybe_compress")),
    Rule("fetch", "aiokafka/consumer/"),
    Rule("fetch", "aiokafka/record/"),
    Rule(WAIT, "selectors.py"),
    Rule(WAIT, "threading.py", ("wait",)),
    Rule(WAIT, "concurrent/futures/thread.py", ("_worker",)),
    Rule("network", "aiokafka/"),
    Rule("event loop", "asyncio/"),
    Rule("Faust", "faust/"),
    Rule("Faust", "mode/"),
)
SINK: Final = (
    Rule(EXACTNESS, "sinks/head.py"),
    Rule(EXACTNESS, "sinks/marks.py"),
    Rule(EXACTNESS, "sinks/ledger.py"),
    Rule(EXACTNESS, "sinks/gap.py"),
    Rule(EXACTNESS, "sinks/lookout.py"),
    Rule(EXACTNESS, "sinks/batch.py"),
    Rule(
        EXACTNESS, "sinks/consumer.py", ("_take", "_take_unusual", "_begin", "_land", "_restore", "_position")
    ),
    Rule("insert", "sinks/writer.py"),
    Rule("insert", "sinks/clickhouse.py"),
    Rule("insert", "clickhouse_connect/"),
    Rule("insert", "urllib3/"),
    Rule("insert", "http/client.py"),
    Rule("metrics", "sinks/consumer.py", ("_measure", "_count")),
    Rule("metrics", "prometheus_client/"),
    Rule("seal", "sinks/seal.py"),
    Rule(WAIT, "selectors.py"),
    Rule(WAIT, "threading.py", ("wait",)),
    Rule(WAIT, "concurrent/futures/thread.py", ("_worker",)),
    Rule("fetch", "kafka/"),
    *(Rule("other of ours", f"{stage}/") for stage in ("sinks", "stream", "producers")),
)


def parse(text: str) -> list[Sample]:
    """Stacks as samplers write them for flame graphs: `outer (file:line);inner (file:line) count` on each line."""
    samples = []
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            samples.append(Sample(tuple(_frame(each) for each in stack.split(";")), int(count)))
    return samples


def _frame(text: str) -> Frame:
    found = _FRAME.match(text)
    return Frame(found["function"], found["file"]) if found else Frame(text, "")


def purpose(frames: Sequence[Frame], rules: Sequence[Rule]) -> str:
    """What the innermost named frame is for; `OTHER` where no rule names any."""
    for frame in reversed(frames):
        for rule in rules:
            if rule.holds(frame):
                return rule.purpose
    return OTHER


def shares(samples: Iterable[Sample], rules: Sequence[Rule]) -> dict[str, float]:
    """Each purpose's share of the time that was no waiting, the largest first; empty without samples."""
    seen: Counter[str] = Counter()
    for sample in samples:
        seen[purpose(sample.frames, rules)] += sample.count
    del seen[WAIT]
    total = sum(seen.values())
    return {name: count / total for name, count in seen.most_common()} if total else {}


def hottest(samples: Iterable[Sample], rules: Sequence[Rule], limit: int) -> list[tuple[float, str, str]]:
    """(share, function, purpose) of the functions that were innermost most often, waiting left out."""
    seen: Counter[tuple[str, str]] = Counter()
    for sample in samples:
        found = purpose(sample.frames, rules)
        if sample.frames and found != WAIT:
            inner = sample.frames[-1]
            seen[f"{inner.function} ({inner.file})", found] += sample.count
    total = sum(seen.values())
    return [(count / total, name, found) for (name, found), count in seen.most_common(limit)]


def of_path(exactness: Mapping[str, float], cpu: Mapping[str, float]) -> float | None:
    """Exactness as a share of the whole path's CPU: each role's share of it weighed with the role's CPU seconds.

    None while a role's share, or the path's CPU, is not known. The broker does none of it.
    """
    total = sum(cpu.values())
    if not total or any(role not in exactness for role in cpu if role != "kafka"):
        return None
    return sum(exactness.get(role, 0.0) * seconds for role, seconds in cpu.items()) / total
