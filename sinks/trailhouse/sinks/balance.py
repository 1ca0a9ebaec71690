"""The books: what became of every raw offset the sink says it stored, and whether every event is really there.

Judged is only what lies up to the committed mark of each partition; what lies above may be in mid-retry and is shown
as in flight. Unaccounted = raw offsets no `landed` row covers, plus landed events that `events` or the sets of
`action_slots` do not hold, plus landed rejects that `rejected` does not hold. It must be 0 (design §5). What a stored
row says is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorNotAvailableError

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.marks import Mark
from trailhouse.stream.topics import TopicIds, admin

# A partition's key and mark as arrays: one query judges all partitions, each up to its own mark.
_JUDGED = "toInt64(offset) <= transform(concat(epoch, '/', toString(partition)), {keys:Array(String)}, {hwms:Array(Int64)}, toInt64(-1))"

_PARTITIONS = f"""
SELECT epoch, partition, min(`from`), max(offset), countIf(reason = ''), countIf(reason != ''), sum(offset - `from`)
FROM landed FINAL WHERE {_JUDGED} GROUP BY epoch, partition ORDER BY epoch, partition
"""

_HOLES = f"""
SELECT epoch, partition, before + 1, `from` - 1
FROM (
  SELECT epoch, partition, `from`, offset,
    lagInFrame(toInt64(offset), 1, toInt64(`from`) - 1) OVER (PARTITION BY epoch, partition ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
  FROM landed FINAL WHERE {_JUDGED}
)
WHERE toInt64(`from`) > before + 1 ORDER BY epoch, partition, offset LIMIT 10000
"""

_REJECTED = f"""
SELECT count() FROM landed FINAL
WHERE reason != '' AND {_JUDGED} AND (epoch, partition, offset) NOT IN (SELECT epoch, partition, offset FROM rejected)
"""

_REPLAYED = f"""
SELECT count() FROM replays FINAL
WHERE (epoch, partition, offset) IN (SELECT epoch, partition, offset FROM landed WHERE reason != '' AND {_JUDGED})
"""

# `source`: 0 = landed but not in `events`, 1 = landed and in `events`, 2 = the sets of `action_slots`. What the sets lack
# of 1 is the size of both together less their own: exact, since one scan of them gives both sizes, and whatever is
# judged was in them before its mark was committed.
_EVENTS = f"""
SELECT sum(records), uniqExactMergeIf(ids, source < 2), uniqExactMergeIf(ids, source = 0),
  uniqExactMergeIf(ids, source > 0) - uniqExactMergeIf(ids, source = 2)
FROM (
  SELECT id IN (SELECT sipHash64(org_id, event_id) FROM events) AS source, count() AS records, uniqExactState(id) AS ids
  FROM (SELECT sipHash64(org_id, event_id) AS id FROM landed FINAL WHERE reason = '' AND {_JUDGED})
  GROUP BY source
  UNION ALL
  SELECT 2 AS source, 0 AS records, events AS ids FROM action_slots
)
"""


@dataclass(frozen=True, slots=True)
class PartitionBalance:
    """One raw partition under one topic id; offsets are raw offsets, ranges inclusive.

    `events` landed (stored or resent), `rejected`, `control` records of transactions, `missing` ranges, `in_flight`.
    """

    epoch: str
    partition: int
    first: int
    last: int
    events: int
    rejected: int
    control: int
    missing: tuple[tuple[int, int], ...]
    in_flight: int


@dataclass(frozen=True, slots=True)
class Balance:
    """The sum over all partitions; `unaccounted` must be 0. Counts are raw records.

    `unaccounted` = all missing ranges + `not_in_events` + `not_in_rejected` + `not_in_counts`. The first three are
    neither in `stored` nor in `rejected`; `not_in_counts` are stored events that `action_slots` does not count.
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

    @property
    def is_closed(self) -> bool:
        return self.unaccounted == 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def balance(kafka: KafkaSettings, client: Client, group: str) -> Balance:
    """Close the books of `group` over the client's database; raises what Kafka or ClickHouse raise when away."""
    marks, ends, epoch = read_positions(kafka, group)
    keys = {
        f"{each}/{partition}": hwm for partition, mark in marks.items() for each, hwm in mark.hwms.items()
    }
    parameters = {"keys": list(keys), "hwms": list(keys.values())}
    landed = client.query(_PARTITIONS, parameters=parameters).result_rows
    holes = client.query(_HOLES, parameters=parameters).result_rows
    events, distinct, absent, uncounted = (
        int(count) for count in client.query(_EVENTS, parameters=parameters).result_rows[0]
    )
    unlisted = int(client.query(_REJECTED, parameters=parameters).result_rows[0][0])
    replayed = int(client.query(_REPLAYED, parameters=parameters).result_rows[0][0])
    settled = settle(
        marks,
        ends,
        epoch,
        landed,
        holes,
        events=events,
        distinct=distinct,
        absent=absent,
        unlisted=unlisted,
        uncounted=uncounted,
    )
    return replace(settled, replayed=replayed)


def read_positions(
    kafka: KafkaSettings, group: str
) -> tuple[dict[int, Mark], dict[int, tuple[int, int]], str]:
    """The committed marks by partition, the raw log's (start, end) by partition, and the raw topic's id."""
    with closing(TopicIds(kafka)) as ids:
        epoch = ids.read(kafka.raw_topic)
    with admin(kafka) as client:
        try:
            committed = client.list_group_offsets([group]).get(group, {})
        except CoordinatorNotAvailableError:
            committed = {}  # a fresh broker, on which no group has committed anything yet
        marks = {
            tp.partition: mark
            for tp, each in committed.items()
            if tp.topic == kafka.enriched_topic and (mark := Mark.from_metadata(each.metadata)) is not None
        }
        (topic,) = client.describe_topics([kafka.raw_topic])
        partitions = [TopicPartition(kafka.raw_topic, number) for number in range(len(topic["partitions"]))]
        starts = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return marks, {tp.partition: (starts[tp].offset, ends[tp].offset) for tp in partitions}, epoch


def settle(  # noqa: PLR0913  # one argument for each thing that was read
    marks: Mapping[int, Mark],
    ends: Mapping[int, tuple[int, int]],
    epoch: str,
    landed: Sequence[Sequence[Any]],
    holes: Sequence[Sequence[Any]],
    *,
    events: int,
    distinct: int,
    absent: int,
    unlisted: int = 0,
    uncounted: int = 0,
) -> Balance:
    """Pure arithmetic over what was read: the balance, partition by partition.

    Of the landed `events`, `distinct` differ; `absent` of these are not in `events`, `uncounted` of the rest not in
    `action_slots`. `unlisted` landed rejects are not in `rejected`.
    """
    rows = {(str(row[0]), int(row[1])): row for row in landed}
    hwms = {(each, partition): hwm for partition, mark in marks.items() for each, hwm in mark.hwms.items()}
    keys = sorted(set(rows) | set(hwms) | {(epoch, partition) for partition in ends})
    partitions = tuple(
        _settle_partition(key, rows.get(key), hwms.get(key, -1), _open_end(key, epoch, ends), holes)
        for key in keys
    )
    missing = sum(last - first + 1 for each in partitions for first, last in each.missing)
    return Balance(
        stored=distinct - absent,
        rejected=sum(each.rejected for each in partitions) - unlisted,
        repeats=events - distinct,
        unaccounted=missing + absent + unlisted + uncounted,
        in_flight=sum(each.in_flight for each in partitions),
        not_in_events=absent,
        partitions=partitions,
        not_in_rejected=unlisted,
        not_in_counts=uncounted,
    )


def _open_end(
    key: tuple[str, int], epoch: str, ends: Mapping[int, tuple[int, int]]
) -> tuple[int, int] | None:
    """The raw log's (start, end) of a partition of the topic as it is now; None for a topic that is gone."""
    return ends.get(key[1]) if key[0] == epoch else None


def _settle_partition(
    key: tuple[str, int],
    row: Sequence[Any] | None,
    hwm: int,
    ends: tuple[int, int] | None,
    holes: Sequence[Sequence[Any]],
) -> PartitionBalance:
    epoch, partition = key
    first, last, events, rejected, control = (
        (int(value) for value in row[2:]) if row is not None else (0, -1, 0, 0, 0)
    )
    missing = [(int(hole[2]), int(hole[3])) for hole in holes if (str(hole[0]), int(hole[1])) == key]
    if row is not None and ends is not None and ends[0] < first:
        # A log's start only moves up, so whoever read this log first read these: their rows are gone.
        missing.insert(0, (ends[0], first - 1))
        first = ends[0]
    if hwm > last:
        missing.append((last + 1, hwm))
    in_flight = max(0, ends[1] - max(ends[0], hwm + 1)) if ends is not None else 0
    return PartitionBalance(
        epoch, partition, first, max(last, hwm), events, rejected, control, tuple(missing), in_flight
    )
