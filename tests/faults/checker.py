"""What became of every event, in the words of Jepsen's total-queue checker, against a count in plain Python.

Attempted = handed to Kafka's producer; confirmed = Kafka said yes; read = in ClickHouse. Then

- lost: confirmed and not read,
- duplicated: read more than once,
- unexpected: read and never attempted,
- recovered: read though never confirmed (the answer was lost, the event was not).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.stream import RawStream, wrong_reports
from tests.sinks.rig import Rig

from trailhouse.sinks.balance import Balance

Id = tuple[str, str]
# Brute force is slow; quarter-hours matter here, and tests/e2e asks in other zones, too.
ZONE = "Asia/Kathmandu"


@dataclass(slots=True)
class Verdict:
    """What a reader of the enriched log accepts by epoch and partition, and how often the rule was broken or repeated."""

    accepted: dict[tuple[str, int], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    repeats: int = 0
    gaps: int = 0

    def offsets(self, partition: int) -> list[int]:
        """Accepted offsets of a partition, all epochs."""
        return [
            line["offset"] for (_, at), lines in self.accepted.items() if at == partition for line in lines
        ]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [line for lines in self.accepted.values() for line in lines]


def judge(log: Mapping[int, Iterable[Any]]) -> Verdict:
    """Read an enriched log (records by partition) as a sink does: accept iff `from <= hwm + 1 <= offset`."""
    verdict, marks = Verdict(), dict[tuple[str, int], int]()
    for partition, records in log.items():
        for record in records:
            line = json.loads(record.value)
            assert line["partition"] == partition
            key = line["epoch"], partition
            mark = marks.get(key, -1)
            if line["offset"] <= mark:
                verdict.repeats += 1
            elif line["from"] <= mark + 1:
                verdict.accepted[key].append(line)
                marks[key] = line["offset"]
            else:
                verdict.gaps += 1
    return verdict


def total_queue(
    attempted: Collection[Id], confirmed: Collection[Id], read: Mapping[Id, int]
) -> dict[str, list[Id]]:
    """The four sets, sorted."""
    tried, sure = set(attempted), set(confirmed)
    return {
        "lost": sorted(sure - read.keys()),
        "duplicated": sorted(each for each, times in read.items() if times > 1),
        "unexpected": sorted(read.keys() - tried),
        "recovered": sorted(read.keys() & tried - sure),
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that must be empty or 0 (`faults`), and what may be anything."""

    queue: dict[str, list[Id]]
    #: Reports that differ from brute force.
    wrong: list[Any]
    gaps: int
    repeats: int
    balance: Balance

    @property
    def faults(self) -> dict[str, Any]:
        """What the guarantee forbids; empty when it holds."""
        found: dict[str, Any] = {
            name: self.queue[name][:5] for name in ("lost", "duplicated", "unexpected") if self.queue[name]
        }
        if self.wrong:
            found["aggregate error"] = self.wrong[:5]
        if self.gaps:
            found["gaps"] = self.gaps
        if self.balance.unaccounted or self.balance.in_flight:
            found["balance"] = self.balance.to_dict()
        return found

    def __str__(self) -> str:
        words = ", ".join(f"{name} {len(ids)}" for name, ids in self.queue.items())
        return (
            f"{words}; aggregate error {len(self.wrong)}, gaps {self.gaps}, unaccounted {self.balance.unaccounted}; "
            f"stored {self.balance.stored}, rejected {self.balance.rejected}, resent {self.balance.repeats}, "
            f"lines written twice {self.repeats}"
        )


def check(rig: Rig, stream: RawStream, confirmed: Collection[int]) -> Outcome:
    """Close the books on `stream`, of whose records those at the indices `confirmed` were confirmed by Kafka."""
    read = Counter(
        {
            (str(org), str(event)): int(times)
            for org, event, times in rig.client.query(
                "SELECT org_id, toString(event_id), count() FROM events FINAL GROUP BY org_id, event_id"
            ).result_rows
        }
    )
    ids = [(each["org_id"], each["event_id"].lower()) for each in stream.events]
    sure = [id_ for id_, place in zip(ids, stream.places, strict=True) if place in confirmed]
    # Whether an unconfirmed event arrived is not ours to say; once it did, it counts like any other.
    known = read.keys() | set(sure)
    arrived = [event for event, id_ in zip(stream.events, ids, strict=True) if id_ in known]
    log = defaultdict(list)
    for record in rig.read_all(rig.kafka.enriched_topic):
        log[record.partition].append(record)
    verdict = judge(log)
    return Outcome(
        total_queue(ids, sure, read),
        wrong_reports(rig.client, RawStream(stream.records, arrived, stream.rejected), [ZONE]),
        verdict.gaps,
        verdict.repeats,
        rig.balance(),
    )
