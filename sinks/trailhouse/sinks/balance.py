"""The books: what became of every raw offset the sink says it stored, and whether every event is really there.

Judged is what lies up to the committed mark of each partition; what lies above may be in mid-retry and is shown as in
flight, except what a sink or the stream's own commit shows to be missing. Unaccounted = raw offsets no `landed` row
covers, plus landed events that `events` or the sets of `action_slots` do not hold, plus landed rejects that `rejected`
does not hold. It must be 0 (design §5), and so must open conflicts. What somebody accepted as lost is listed apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.books import Books, Key, Landed, Sealed, read_books
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.conflicts import open_conflicts
from trailhouse.sinks.losses import accepted_losses, missing_ranges
from trailhouse.sinks.marks import Mark
from trailhouse.stream.gaps import GroupOffsets, Range
from trailhouse.stream.topics import TopicIds

#: First and last raw offset of a range.
Offsets = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PartitionBalance:
    """One raw partition under one topic id; offsets are raw offsets, ranges inclusive.

    `events` landed (stored or resent), `rejected`, `control` records of transactions, `missing` ranges (below the mark,
    or an open gap above it), `in_flight`; `lost` = missing ranges that were accepted as lost.
    """

    epoch: str
    partition: int
    first: int
    last: int
    events: int
    rejected: int
    control: int
    missing: tuple[Offsets, ...]
    in_flight: int
    lost: tuple[Offsets, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """The sum over all partitions; `unaccounted` must be 0. Counts are raw records.

    `unaccounted` = all missing ranges + `not_in_events` + `not_in_rejected` + `not_in_counts`. The first three are
    neither in `stored` nor in `rejected`; `not_in_counts` are stored events that `action_slots` does not count. `lost`
    were accepted as lost; `conflicts` are identities that came with different contents and are not settled.
    """

    stored: int
    rejected: int
    repeats: int
    unaccounted: int
    in_flight: int
    not_in_events: int
    partitions: tuple[PartitionBalance, ...]
    not_in_rejected: int = 0
    not_in_counts: int = 0
    #: Of the `rejected`, how many were sent again since; each once, however often. The copies are records of their own.
    replayed: int = 0
    lost: int = 0
    conflicts: int = 0
    #: Events that retention let go; rejected records stay in `rejected` when their details have expired.
    expired: int = 0

    @property
    def is_closed(self) -> bool:
        return self.unaccounted == 0 and self.conflicts == 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def balance(
    kafka: KafkaSettings, client: Client, group: str, stream_group: str = "trailhouse-stream"
) -> Balance:
    """Close the books of `group` over the client's database; raises what Kafka or ClickHouse raise when away."""
    return close_books(kafka, client, group, stream_group)[0]


def close_books(
    kafka: KafkaSettings, client: Client, group: str, stream_group: str, sealed: Sealed | None = None
) -> tuple[Balance, Sealed | None]:
    """As `balance`, reading only what landed after `sealed`; also returns what the next closing may go on from."""
    missing = missing_ranges(kafka, group, stream_group)
    marks, ends, epoch = read_positions(kafka, group)
    hwms = {(each, partition): hwm for partition, mark in marks.items() for each, hwm in mark.hwms.items()}
    books = read_books(client, hwms, sealed)
    lost = [each.range for each in accepted_losses(client)]
    conflicts = len(open_conflicts(client, books.conflicts))
    found = settle(marks, ends, epoch, books, open_gaps=missing, lost=lost, conflicts=conflicts)
    return found, books.sealed if books.is_clean else sealed


def read_positions(
    kafka: KafkaSettings, group: str
) -> tuple[dict[int, Mark], dict[int, tuple[int, int]], str]:
    """The committed marks by partition, the raw log's (start, end) by partition, and the raw topic's id."""
    with closing(TopicIds(kafka)) as ids:
        epoch = ids.read(kafka.raw_topic)
    with closing(GroupOffsets(kafka)) as groups:
        committed = groups.read(group, kafka.enriched_topic)
        marks = {
            partition: mark
            for partition, each in committed.items()
            if (mark := Mark.from_metadata(each.metadata)) is not None
        }
        client = groups.client
        (topic,) = client.describe_topics([kafka.raw_topic])
        partitions = [TopicPartition(kafka.raw_topic, number) for number in range(len(topic["partitions"]))]
        starts = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return marks, {tp.partition: (starts[tp].offset, ends[tp].offset) for tp in partitions}, epoch


def settle(  # noqa: PLR0913  # one argument for each thing that was read
    marks: Mapping[int, Mark],
    ends: Mapping[int, tuple[int, int]],
    epoch: str,
    books: Books,
    *,
    open_gaps: Sequence[Range] = (),
    lost: Sequence[Range] = (),
    conflicts: int = 0,
) -> Balance:
    """Pure arithmetic over what was read: the balance, partition by partition."""
    hwms = {(each, partition): hwm for partition, mark in marks.items() for each, hwm in mark.hwms.items()}
    keys = sorted(
        {*books.landed, *hwms, *((epoch, partition) for partition in ends), *(each[:2] for each in open_gaps)}
    )
    partitions = tuple(
        _settle_partition(
            key,
            books.landed.get(key),
            hwms.get(key, -1),
            _open_end(key, epoch, ends),
            holes=[hole[2:] for hole in books.holes if hole[:2] == key],
            open_gaps=[(each.first, each.last) for each in open_gaps if each[:2] == key],
            accepted=[(each.first, each.last) for each in lost if each[:2] == key],
        )
        for key in keys
    )
    missing = sum(_length(each.missing) for each in partitions)
    return Balance(
        stored=books.distinct - books.absent - books.expired,
        rejected=sum(each.rejected for each in partitions) - books.unlisted,
        repeats=books.events - books.distinct,
        unaccounted=missing + books.absent + books.unlisted + books.uncounted,
        in_flight=sum(each.in_flight for each in partitions),
        not_in_events=books.absent,
        partitions=partitions,
        not_in_rejected=books.unlisted,
        not_in_counts=books.uncounted,
        replayed=books.replayed,
        lost=sum(_length(each.lost) for each in partitions),
        conflicts=conflicts,
        expired=books.expired,
    )


def _open_end(
    key: tuple[str, int], epoch: str, ends: Mapping[int, tuple[int, int]]
) -> tuple[int, int] | None:
    """The raw log's (start, end) of a partition of the topic as it is now; None for a topic that is gone."""
    return ends.get(key[1]) if key[0] == epoch else None


def _settle_partition(  # noqa: PLR0913  # one argument for each thing that was read of it
    key: Key,
    row: Landed | None,
    hwm: int,
    ends: tuple[int, int] | None,
    *,
    holes: Sequence[Offsets],
    open_gaps: Sequence[Offsets],
    accepted: Sequence[Offsets],
) -> PartitionBalance:
    landed = row or Landed(0, -1, 0, 0, 0)
    first, missing = landed.first, list(holes)
    if row is not None and ends is not None and ends[0] < first:
        # A log's start only moves up, so whoever read this log first read these: their rows are gone.
        missing.insert(0, (ends[0], first - 1))
        first = ends[0]
    if hwm > landed.last:
        missing.append((landed.last + 1, hwm))
    waiting = [(max(start, hwm + 1), last) for start, last in open_gaps if last > hwm]
    in_flight = 0
    if ends is not None:
        in_flight = max(0, ends[1] - max(ends[0], hwm + 1))
        # What is known to be missing is not in flight; of both, only what the log still holds is counted there.
        in_flight -= sum(max(0, min(last + 1, ends[1]) - max(start, ends[0])) for start, last in waiting)
    unexplained, lost = _apart([*missing, *waiting], accepted)
    return PartitionBalance(
        *key,
        first,
        max(landed.last, hwm),
        landed.events,
        landed.rejected,
        landed.control,
        unexplained,
        in_flight,
        lost,
    )


def _apart(
    missing: Sequence[Offsets], accepted: Sequence[Offsets]
) -> tuple[tuple[Offsets, ...], tuple[Offsets, ...]]:
    """Missing ranges cut into those nobody accepted and those that were accepted as lost."""
    unexplained, lost = list(missing), list[Offsets]()
    for first, last in sorted(accepted):
        rest: list[Offsets] = []
        for start, end in unexplained:
            if end < first or last < start:
                rest.append((start, end))
                continue
            lost.append((max(start, first), min(end, last)))
            rest += [piece for piece in ((start, first - 1), (last + 1, end)) if piece[0] <= piece[1]]
        unexplained = rest
    return tuple(unexplained), tuple(lost)


def _length(ranges: Sequence[Offsets]) -> int:
    return sum(last - first + 1 for first, last in ranges)
