"""What the tables say of the raw offsets that the sinks' marks cover: the queries behind the balance.

Closing the books whole reads everything that landed. Once they closed clean, only what landed since needs reading:
`Sealed` is what was counted up to where, and `read_books` goes on from there. What is deleted from a sealed part shows
only when the books are closed whole again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from trailhouse.sinks.clickhouse import Client

Key = tuple[str, int]
#: (org_id, event_id)
Identity = tuple[str, str]
HOLES_MAX: Final = 10_000
CONFLICTS_MAX: Final = 10_000
#: More partitions than these are picked by comparing rows, without the primary key's help.
PLACES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Landed:
    """The landed rows of one raw partition: first and last raw offset, events, rejects, control records.

    `received_at` = broker time of the row at `last`.
    """

    first: int
    last: int
    events: int
    rejected: int
    control: int
    received_at: datetime | None = None

    def joined(self, later: Landed) -> Landed:
        """Both, of which `later` begins where this one ends."""
        return Landed(
            self.first,
            later.last,
            self.events + later.events,
            self.rejected + later.rejected,
            self.control + later.control,
            later.received_at,
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """Books that closed clean: what landed by partition, how many of the events differ, and the conflicts among them."""

    landed: Mapping[Key, Landed] = field(default_factory=dict)
    distinct: int = 0
    conflicts: frozenset[Identity] = frozenset()
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """What the tables hold of the judged offsets.

    Of the landed events `distinct` differ; `absent` of these are not in `events`, `uncounted` of the rest not in
    `action_slots`. `unlisted` landed rejects are not in `rejected`. `holes` = (topic id, partition, first, last).
    `conflicts`: identities that came with different contents, settled or not. `replayed` rejects were sent again.
    `expired` of the distinct are gone because retention let them go; they are neither absent nor in `events`.
    """

    landed: Mapping[Key, Landed]
    holes: tuple[tuple[str, int, int, int], ...] = ()
    distinct: int = 0
    absent: int = 0
    unlisted: int = 0
    uncounted: int = 0
    conflicts: frozenset[Identity] = frozenset()
    replayed: int = 0
    expired: int = 0

    @property
    def events(self) -> int:
        """Landed events, repeats included."""
        return sum(each.events for each in self.landed.values())

    @property
    def is_clean(self) -> bool:
        """Whether everything read is where it must be."""
        return not (self.holes or self.absent or self.unlisted or self.uncounted)

    @property
    def sealed(self) -> Sealed:
        """Where the next closing may go on from; only for clean books."""
        return Sealed(self.landed, self.distinct, self.conflicts, self.expired)


def read_books(client: Client, hwms: Mapping[Key, int], sealed: Sealed | None = None) -> Books:
    """The books up to `hwms`; what `sealed` covers is taken from it and not read again."""
    since = {key: each.last for key, each in (sealed.landed if sealed else {}).items() if key in hwms}
    judged = Judged.between(hwms, since, _read_from(hwms, sealed))
    sealed = sealed or Sealed()
    replayed = int(judged.query(client, _REPLAYED)[0][0]) if hwms else 0
    if all(since.get(key, -1) >= hwm for key, hwm in hwms.items()):
        return Books(
            sealed.landed,
            distinct=sealed.distinct,
            conflicts=sealed.conflicts,
            replayed=replayed,
            expired=sealed.expired,
        )
    fresh = {
        (str(row[0]), int(row[1])): Landed(
            int(row[2]), int(row[3]), int(row[4]), int(row[5]), int(row[6]), row[7]
        )
        for row in judged.query(client, _PARTITIONS)
    }
    holes = [(str(e), int(p), int(first), int(last)) for e, p, first, last in judged.query(client, _HOLES)]
    landed = dict(sealed.landed)
    for key, each in fresh.items():
        before = landed.get(key)
        if before is not None and each.first > before.last + 1:
            holes.append((*key, before.last + 1, each.first - 1))
        landed[key] = before.joined(each) if before is not None else each
    distinct, absent, uncounted, expired = (int(count) for count in judged.query(client, _EVENTS)[0])
    known, known_expired = map(int, judged.query(client, _KNOWN)[0]) if sealed.landed else (0, 0)
    conflicts = sealed.conflicts
    if known or sum(each.events for each in fresh.values()) > distinct:  # else nothing came twice
        conflicts |= {(str(org), str(event)) for org, event in judged.query(client, _CONFLICTS)}
    unlisted = int(judged.query(client, _REJECTED)[0][0])
    return Books(
        landed,
        tuple(sorted(holes)),
        sealed.distinct + distinct - known,
        absent,
        unlisted,
        uncounted,
        conflicts,
        replayed,
        sealed.expired + expired - known_expired,
    )


def _read_from(hwms: Mapping[Key, int], sealed: Sealed | None) -> datetime | None:
    """No row that is not sealed was received before; None = read from the beginning.

    The broker's time only grows along a partition's log.
    """
    if sealed is None:
        return None
    times = [
        sealed.landed[key].received_at if key in sealed.landed else None
        for key, hwm in hwms.items()
        if key not in sealed.landed or hwm > sealed.landed[key].last
    ]
    return None if None in times else min((time for time in times if time is not None), default=None)


@dataclass(frozen=True, slots=True)
class Judged:
    """The condition on `landed` that picks the rows to read, and its parameters.

    A topic id has an array of bounds by partition number: one comparison a row, however many partitions there are.
    """

    condition: str
    sealed_condition: str
    covered_condition: str
    parameters: Mapping[str, Any]

    @classmethod
    def between(
        cls, hwms: Mapping[Key, int], since: Mapping[Key, int], received_from: datetime | None
    ) -> Judged:
        """Rows above `since` up to `hwms`; with the conditions for those up to `since`, and for all up to `hwms`."""
        parameters: dict[str, Any] = {"from": received_from or datetime(1970, 1, 1)}  # noqa: DTZ001  # the driver takes it as UTC
        epochs = sorted({epoch for epoch, _ in hwms})
        upper, lower = [], []
        for number, epoch in enumerate(epochs):
            size = 1 + max(partition for each, partition in hwms if each == epoch)
            parameters[f"epoch_{number}"] = epoch
            parameters[f"hwms_{number}"] = [hwms.get((epoch, p), -1) for p in range(size)]
            parameters[f"since_{number}"] = [since.get((epoch, p), -1) for p in range(size)]
            is_epoch = f"epoch = {{epoch_{number}:String}}"
            upper.append(f"{is_epoch}, {{hwms_{number}:Array(Int64)}}[partition + 1]")
            lower.append(f"{is_epoch}, {{since_{number}:Array(Int64)}}[partition + 1]")
        known = "epoch IN (" + ", ".join(f"{{epoch_{n}:String}}" for n in range(len(epochs))) + ")"
        # Beyond an array's end lies 0: a partition nobody has a mark of.
        sizes = ", ".join(
            f"epoch = {{epoch_{n}:String}}, length({{hwms_{n}:Array(Int64)}})" for n in range(len(epochs))
        )
        inside = f"{known} AND partition < multiIf({sizes}, 0)"
        fresh = [key for key, hwm in hwms.items() if hwm > since.get(key, -1)]
        places = " AND (" + " OR ".join(_place(number) for number in range(len(fresh))) + ")"
        if 0 < len(fresh) <= PLACES_MAX:  # says nothing new, but the primary key understands it
            for number, key in enumerate(fresh):
                parameters |= {
                    f"e_{number}": key[0],
                    f"p_{number}": key[1],
                    f"s_{number}": since.get(key, -1),
                }
        else:
            places = ""
        return cls(
            f"received_at >= {{from:DateTime64(3)}} AND {inside} "
            f"AND toInt64(offset) <= multiIf({', '.join(upper)}, -1) AND toInt64(offset) > multiIf({', '.join(lower)}, -1){places}",
            f"{inside} AND toInt64(offset) <= multiIf({', '.join(lower)}, -1)",
            f"{inside} AND toInt64(offset) <= multiIf({', '.join(upper)}, -1)",
            parameters,
        )

    def query(self, client: Client, sql: str) -> list[Any]:
        """Run a query in which `{judged}`, `{sealed}` and `{covered}` stand for the conditions."""
        text = (
            sql.replace("{judged}", self.condition)
            .replace("{sealed}", self.sealed_condition)
            .replace("{covered}", self.covered_condition)
        )
        return list(client.query(text, parameters=dict(self.parameters)).result_rows)


def _place(number: int) -> str:
    return f"(epoch = {{e_{number}:String}} AND partition = {{p_{number}:UInt16}} AND offset > {{s_{number}:Int64}})"


_PARTITIONS: Final = """
SELECT epoch, partition, min(`from`), max(offset), countIf(reason = ''), countIf(reason != ''), sum(offset - `from`), argMax(received_at, offset)
FROM landed FINAL WHERE {judged} GROUP BY epoch, partition ORDER BY epoch, partition
"""

_HOLES: Final = f"""
SELECT epoch, partition, before + 1, `from` - 1
FROM (
  SELECT epoch, partition, `from`, offset,
    lagInFrame(toInt64(offset), 1, toInt64(`from`) - 1) OVER (PARTITION BY epoch, partition ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
  FROM landed FINAL WHERE {{judged}}
)
WHERE toInt64(`from`) > before + 1 ORDER BY epoch, partition, offset LIMIT {HOLES_MAX}
"""

_REJECTED: Final = """
SELECT count() FROM landed FINAL
WHERE reason != '' AND {judged} AND (epoch, partition, offset) NOT IN (
  SELECT epoch, partition, offset FROM rejected WHERE received_at >= {from:DateTime64(3)}
)
AND sipHash64(epoch, partition, offset) NOT IN (
  SELECT id FROM expired WHERE class = 'rejected' AND slot >= toStartOfFifteenMinutes({from:DateTime64(3)})
)
"""

_REPLAYED: Final = """
SELECT count() FROM replays FINAL
WHERE {covered} AND (epoch, partition, offset) IN (SELECT epoch, partition, offset FROM rejected)
"""

# How many differ; how many of these `events` lacks; how many of the rest the sets of `action_slots` lack. Of the other
# tables only the days and quarter-hours are read that the rows themselves name. What the sets lack of the events is the
# size of both together less their own: exact, since one scan of them gives both sizes, and whatever is judged was in
# them before its mark was committed. What expired stays in the sets. `source`: 0 = neither in `events` nor expired,
# 1 = in `events`, 2 = the sets, 3 = expired.
_EVENTS: Final = """
WITH rows AS (
  SELECT sipHash64(org_id, event_id) AS id, org_id, slot FROM landed WHERE reason = '' AND {judged}
)
SELECT uniqExactMergeIf(ids, source != 2), uniqExactMergeIf(ids, source = 0),
  uniqExactMergeIf(ids, source > 0) - uniqExactMergeIf(ids, source = 2), uniqExactMergeIf(ids, source = 3)
FROM (
  SELECT multiIf(id IN (
    SELECT sipHash64(org_id, event_id) FROM events
    WHERE (org_id, toDate(occurred_at)) IN (SELECT DISTINCT org_id, toDate(slot) FROM rows)
  ), 1, id IN (
    SELECT id FROM expired WHERE class = 'events' AND (org_id, slot) IN (SELECT DISTINCT org_id, slot FROM rows)
  ), 3, 0) AS source, uniqExactState(id) AS ids
  FROM rows GROUP BY source
  UNION ALL
  SELECT 2 AS source, events AS ids FROM action_slots WHERE (org_id, slot) IN (SELECT DISTINCT org_id, slot FROM rows)
)
"""

# How many of the identities had landed before, and of these how many expired and are not back in `events`.
_KNOWN: Final = """
SELECT uniqExact(org_id, event_id), uniqExactIf((org_id, event_id),
  sipHash64(org_id, event_id) IN (SELECT id FROM expired WHERE class = 'events')
  AND (org_id, event_id) NOT IN (
    SELECT org_id, event_id FROM events
    WHERE (org_id, toDate(occurred_at)) IN (SELECT DISTINCT org_id, toDate(slot) FROM landed WHERE reason = '' AND {judged})
  ))
FROM landed
WHERE reason = '' AND {sealed} AND (org_id, event_id) IN (SELECT org_id, event_id FROM landed WHERE reason = '' AND {judged})
"""

# Identities of the rows that landed, now or before, with different contents under the same rules.
_CONFLICTS: Final = f"""
SELECT DISTINCT org_id, toString(event_id)
FROM (
  SELECT org_id, event_id, rules FROM landed
  WHERE content != 0 AND ({{judged}} OR {{sealed}})
    AND (org_id, event_id) IN (SELECT org_id, event_id FROM landed WHERE content != 0 AND {{judged}})
  GROUP BY org_id, event_id, rules HAVING min(content) != max(content)
)
ORDER BY ALL LIMIT {CONFLICTS_MAX}
"""
