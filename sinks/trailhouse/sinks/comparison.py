"""Compare two tables of one structure, key by key, as they read once everything in them is merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trailhouse.sinks.clickhouse import Client

EXAMPLES_MAX: Final = 10
_AGGREGATE: Final = re.compile(r"^(Simple)?AggregateFunction\((\w+)")
#: Of such states equal sizes are not enough: they are equal when both together are no larger.
_SETS: Final = ("uniq", "groupBitmap")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keys of two tables: how many there are, which only one has, which say something else. `examples` of the last three."""

    keys: int = 0
    gone: int = 0
    new: int = 0
    changed: int = 0
    examples: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        return not (self.gone or self.new or self.changed)

    def and_(self, other: Comparison) -> Comparison:
        """Both, of different keys."""
        return Comparison(
            self.keys + other.keys,
            self.gone + other.gone,
            self.new + other.new,
            self.changed + other.changed,
            (self.examples + other.examples)[:EXAMPLES_MAX],
        )


def compare(
    client: Client, old: str, new: str, *, where: str = "1", parameters: Mapping[str, Any] | None = None
) -> Comparison:
    """Compare the rows of both tables that `where` picks. Raises the driver's `ClickHouseError`.

    Columns that are made of others in the row are as those are.
    """
    (table,) = client.query(
        "SELECT sorting_key, engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
        parameters={"table": old},
    ).result_rows
    columns = client.query(
        "SELECT name, type, is_in_sorting_key FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position",
        parameters={"table": old},
    ).result_rows
    key, engine = (str(each) for each in table)
    final = "FINAL" if engine.endswith("ReplacingMergeTree") else ""
    tests = " AND ".join(
        _equal(f"`{name}`", str(kind))
        for name, kind, is_key in columns
        if not (is_key and str(name) in key.split(", "))
    )
    rows = " UNION ALL ".join(
        f"SELECT *, {number} AS side FROM {name} {final} WHERE {where}"
        for number, name in enumerate((old, new))
    )
    (found,) = client.query(
        f"""
        SELECT count(), countIf(sides = 0), countIf(sides = 1), countIf(sides = 2 AND NOT is_same),
          groupArrayIf({EXAMPLES_MAX})(key, sides != 2 OR NOT is_same)
        FROM (
          SELECT toString(tuple({key})) AS key, if(min(side) = max(side), toUInt8(max(side)), 2) AS sides, {tests or "1"} AS is_same
          FROM ({rows}) GROUP BY {key}
        )
        """,
        parameters=dict(parameters or {}),
    ).result_rows
    keys, gone, added, changed, examples = found
    return Comparison(int(keys), int(gone), int(added), int(changed), tuple(map(str, examples)))


def _equal(column: str, kind: str) -> str:
    """Whether a column says the same on both sides of a group."""
    found = _AGGREGATE.match(kind)
    if found is None:
        return _same(f"anyIf(cityHash64({column}), side = {{}})")
    function = found[2]
    if found[1]:
        said = f"{function}If({column}, side = {{}})"
        return _same(f"arraySort({said})" if "Array" in function else said)
    same = _same(f"{function}MergeIf({column}, side = {{}})")
    if function.startswith(_SETS):
        same += f" AND {function}Merge({column}) = {function}MergeIf({column}, side = 0)"
    return same


def _same(said: str) -> str:
    return f"{said.format(0)} = {said.format(1)}"
