"""What ClickHouse holds of a range of raw offsets, as records of the archive.

An event that came several times is one entry of the audit log: it is written with the first of its copies that is
archived, whichever `events` keeps. So no entry is missing and none is there twice, in whichever order copies land.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from trailhouse.queries.archive.manifest import Key, Range
from trailhouse.queries.archive.record import CONTENT, COPY, EVENT, GONE, REJECTED, Record, without_content
from trailhouse.sinks.clickhouse import Client

#: Records asked for at once: bounds what one answer takes in memory.
SLICE_ROWS: Final = 100_000
#: With more partitions, copies are looked for in all that was received since.
PLACES_MAX: Final = 64


class Place(NamedTuple):
    """Where a raw record lies."""

    epoch: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.offset}"


#: (organisation, event id, UTC day): what one row of `events` is about.
Identity = tuple[str, str, str]


class Row(Record, gc=False, rename={"from_offset": "from"}):
    """A record as it is asked for: with the place of the copy that `events` keeps, '' where it keeps none."""

    kept_epoch: str = ""
    kept_partition: int = 0
    kept_offset: int = 0
    kept_received_at: str = ""


@dataclass(slots=True)
class Extract:
    """Reads ranges of one round, which goes from `marks` to `ends`; remembers which events of it are written already."""

    client: Client
    marks: Mapping[Key, int]
    ends: Mapping[Key, int]
    _written: set[Identity] = field(default_factory=set)

    def records(self, each: Range, first: int, last: int) -> list[Record]:
        """The records of a part of a range, in order."""
        asked = {"epoch": each.epoch, "partition": each.partition, "first": first, "last": last}
        raw = self.client.raw_query(_ROWS, parameters=asked, fmt="JSONEachRow")
        # Not strict: some servers write large numbers in quotes.
        rows = msgspec.json.Decoder(Row, strict=False).decode_lines(raw)
        seen = [row.kept_received_at for row in rows if row.kept_epoch and not self._is_archived(_kept(row))]
        doubled = self._doubled(asked, min(seen)) if seen else {}
        return [self._record(row, doubled) for row in rows]

    def _record(self, row: Row, doubled: Mapping[Identity, Sequence[Place]]) -> Record:
        if row.reason:
            return _as_record(row, REJECTED)
        if not row.kept_epoch:
            return without_content(_as_record(row, GONE))
        place, kept = Place(row.epoch, row.partition, row.offset), _kept(row)
        is_entry = not self._is_archived(kept)
        identity = row.org_id, row.event_id, row.slot[:10]
        if is_entry and (copies := doubled.get(identity)):
            is_entry = identity not in self._written and not any(map(self._is_archived, copies))
            self._written.add(identity)
        if kept == place:
            return _as_record(row, EVENT, is_entry=is_entry)
        if is_entry:
            return _as_record(row, COPY, is_entry=True, at=str(kept))
        return without_content(_as_record(row, COPY))

    def _is_archived(self, place: Place) -> bool:
        return place.offset <= self.marks.get((place.epoch, place.partition), -1)

    def _doubled(self, asked: Mapping[str, object], since: str) -> dict[Identity, list[Place]]:
        """Events of the part that landed more than once, with all their places.

        The copy that is kept was received first, so the others are among what was received since then.
        """
        bound: dict[str, object] = {**asked, "since": since}
        places = "1"
        # What comes in later rounds does not matter here, and the primary key understands where they begin.
        if 0 < len(self.ends) <= PLACES_MAX:
            for number, ((epoch, partition), last) in enumerate(self.ends.items()):
                bound |= {f"e_{number}": epoch, f"p_{number}": partition, f"l_{number}": last}
            places = " OR ".join(_PLACE.replace("NUMBER", str(number)) for number in range(len(self.ends)))
        rows = self.client.query(_DOUBLED.replace("{places}", places), parameters=bound).result_rows
        return {
            (str(org), str(event_id), str(day)): [Place(str(e), int(p), int(o)) for e, p, o in places]
            for org, event_id, day, places in rows
        }


def slices(client: Client, each: Range, rows: int = SLICE_ROWS) -> list[tuple[int, int]]:
    """A range cut at records, into parts of at most `rows`: first and last offset of each."""
    asked = {"epoch": each.epoch, "partition": each.partition, "first": each.first, "last": each.last}
    found = client.query(_BOUNDS, parameters={**asked, "rows": rows}).result_rows
    ends = [int(row[0]) for row in found if int(row[0]) < each.last] + [each.last]
    starts = [each.first, *(end + 1 for end in ends[:-1])]
    return list(zip(starts, ends, strict=True))


def _kept(row: Row) -> Place:
    return Place(row.kept_epoch, row.kept_partition, row.kept_offset)


_FIELDS: Final = Record.__struct_fields__
_OWN: Final = _FIELDS.index("kind"), _FIELDS.index("is_entry"), _FIELDS.index("at")


def _as_record(row: Row, kind: str, *, is_entry: bool = False, at: str = "") -> Record:
    values = [getattr(row, name) for name in _FIELDS]
    for index, value in zip(_OWN, (kind, is_entry, at), strict=True):
        values[index] = value
    return Record(*values)


def _time(column: str) -> str:
    """RFC 3339 in UTC to the millisecond, in SQL: who may only read may change no setting of how times are written."""
    return (
        f"concat(formatDateTime({column}, '%FT%T', 'UTC'), '.', "
        f"leftPad(toString(toUnixTimestamp64Milli({column}) % 1000), 3, '0'), 'Z')"
    )


_RANGE: Final = "epoch = {epoch:String} AND partition = {partition:UInt16} AND offset >= {first:UInt64} AND offset <= {last:UInt64}"
# Of `events` only the days and ids are read that the rows name: its key begins with organisation, day, id.
_ROWS: Final = f"""
SELECT
  row.epoch AS epoch, row.partition AS partition, row.`from` AS `from`, row.offset AS offset, {_time("row.received_at")} AS received_at,
  if(row.reason = '', formatDateTime(row.slot, '%FT%TZ', 'UTC'), '') AS slot, row.content AS content, row.reason AS reason,
  refused.detail AS detail, refused.size AS size, refused.digest AS digest,
  multiIf(refused.rules != '', toString(refused.rules), kept.rules != '' AND kept.offset = row.offset, toString(kept.rules), toString(row.rules)) AS rules,
  row.org_id AS org_id, row.event_id AS event_id, {_time("kept.occurred_at")} AS occurred_at, {", ".join(f"kept.{name} AS {name}" for name in CONTENT if name != "occurred_at")},
  kept.epoch AS kept_epoch, kept.partition AS kept_partition, kept.offset AS kept_offset, {_time("kept.received_at")} AS kept_received_at
FROM (SELECT * FROM landed FINAL WHERE {_RANGE}) AS row
LEFT JOIN (
  SELECT * FROM events FINAL
  WHERE (org_id, toDate(occurred_at), event_id) IN (SELECT org_id, toDate(slot), event_id FROM landed WHERE {_RANGE} AND reason = '')
) AS kept ON row.org_id = kept.org_id AND row.event_id = kept.event_id AND toDate(row.slot) = toDate(kept.occurred_at)
LEFT JOIN (SELECT * FROM rejected FINAL WHERE {_RANGE}) AS refused
  ON row.epoch = refused.epoch AND row.partition = refused.partition AND row.offset = refused.offset
ORDER BY row.offset
"""
_PLACE: Final = (
    "(epoch = {e_NUMBER:String} AND partition = {p_NUMBER:UInt16} AND toInt64(offset) <= {l_NUMBER:Int64})"
)
_DOUBLED: Final = f"""
SELECT org_id, toString(event_id), toString(toDate(slot)) AS day, groupUniqArray((toString(epoch), partition, offset)) AS places
FROM landed
WHERE reason = '' AND ({{places}}) AND received_at >= parseDateTime64BestEffort({{since:String}}, 3, 'UTC')
  AND (org_id, event_id) IN (SELECT org_id, event_id FROM landed WHERE {_RANGE} AND reason = '')
GROUP BY org_id, event_id, day
HAVING length(places) > 1
"""
_BOUNDS: Final = f"""
SELECT offset FROM (
  SELECT offset, row_number() OVER (ORDER BY offset) AS number FROM landed FINAL WHERE {_RANGE}
)
WHERE number % {{rows:UInt32}} = 0 ORDER BY offset
"""
