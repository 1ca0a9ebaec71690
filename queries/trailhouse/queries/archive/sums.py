"""What the records of a partition come to, so that an archive and ClickHouse's ledger can be compared without sorting either."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trailhouse.queries.archive.manifest import Key
from trailhouse.queries.archive.record import Record
from trailhouse.sinks.clickhouse import Client

_MASK: Final = (1 << 64) - 1
#: An odd number mixes places and ids, so that exchanged ids show.
_MIX: Final = 0x9E3779B97F4A7C15


@dataclass(slots=True)
class Sums:
    """Records, the sum of their offsets, and one over their ids and places, modulo 2^64."""

    records: int = 0
    offsets: int = 0
    ids: int = 0

    def add(self, record: Record) -> None:
        number = uuid.UUID(record.event_id).int
        self.records += 1
        self.offsets = (self.offsets + record.offset) & _MASK
        self.ids = (self.ids + ((number >> 64) ^ (number & _MASK)) * (record.offset * _MIX | 1)) & _MASK

    def merge(self, other: Sums) -> None:
        """Those of other records of the partition, too."""
        self.records += other.records
        self.offsets = (self.offsets + other.offsets) & _MASK
        self.ids = (self.ids + other.ids) & _MASK


def ledger_sums(client: Client, marks: Mapping[Key, int]) -> dict[Key, Sums]:
    """The same of the ledger, up to the archived marks."""
    found = {}
    for (epoch, partition), mark in marks.items():
        asked = {"epoch": epoch, "partition": partition, "mark": mark, "mix": _MIX}
        ((records, offsets, ids),) = client.query(_SUMS, parameters=asked).result_rows
        found[epoch, partition] = Sums(int(records), int(offsets), int(ids))
    return found


def differences(archived: Mapping[Key, Sums], ledger: Mapping[Key, Sums]) -> list[str]:
    """Where they differ, in words."""
    found = []
    for (epoch, partition), sums in sorted(archived.items()):
        there = ledger.get((epoch, partition), Sums())
        where = f"partition {partition} of {epoch}"
        if there.records != sums.records:
            found.append(
                f"{where}: the archive has {sums.records} records, ClickHouse {there.records} up to the same offset"
            )
        elif there != sums:
            found.append(f"{where}: the archive has other records than ClickHouse at the same offsets")
    return found


# A UUID as one number: its first half is the more significant one.
_SUMS: Final = """
SELECT count(), sum(offset), sum(bitXor(toUInt64(bitShiftRight(id, 64)), toUInt64(bitAnd(id, toUInt128(18446744073709551615)))) * bitOr(offset * {mix:UInt64}, 1))
FROM (
  SELECT offset, reinterpretAsUInt128(reverse(unhex(replaceAll(toString(event_id), '-', '')))) AS id
  FROM landed FINAL WHERE epoch = {epoch:String} AND partition = {partition:UInt16} AND toInt64(offset) <= {mark:Int64}
)
"""
