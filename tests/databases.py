"""Migrated databases that tests hand on: migrating one takes a hundred times as long as emptying it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Emptying removes part by part; a test that filled centuries of months is quicker forgotten.
MOST_PARTS = 150
_PARTS = "SELECT count() FROM system.parts WHERE database = {name:String}"
_DEFINITIONS = "SELECT groupBitXor(cityHash64(name, create_table_query)) FROM system.tables WHERE database = {name:String}"
_FILLED = "SELECT table, sum(rows) FROM system.parts WHERE database = {name:String} AND active GROUP BY table HAVING sum(rows) > 0"


@dataclass(frozen=True, slots=True)
class Shape:
    """A database just migrated: its definitions in a hash, and the rows of the tables that are not empty."""

    definitions: int
    rows: dict[str, int]


@dataclass(slots=True)
class Databases:
    """The databases nobody uses at present, each as the migrations left it."""

    idle: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def borrow(self) -> str | None:
        return self.idle.pop() if self.idle else None

    def note(self, server: Client, name: str) -> None:
        """Remember what the database is, which has just been migrated."""
        self.shapes[name] = Shape(_definitions(server, name), _rows(server, name))

    def give_back(self, server: Client, name: str) -> bool:
        """Empty the database for the next test; False when that takes long or a test made another database of it."""
        made = self.shapes.pop(name, None)
        if (
            made is None
            or _parts(server, name) > MOST_PARTS
            or made.definitions != _definitions(server, name)
        ):
            return False
        for table in _rows(server, name).keys() - made.rows.keys():
            server.command(f"TRUNCATE TABLE {name}.{table}")
        if _rows(server, name) != made.rows:
            return False
        self.idle.append(name)
        return True


def new_name() -> str:
    return f"test_{uuid.uuid4().hex[:8]}"


def _parts(server: Client, name: str) -> int:
    ((parts,),) = server.query(_PARTS, parameters={"name": name}).result_rows
    return int(parts)


def _definitions(server: Client, name: str) -> int:
    ((definitions,),) = server.query(_DEFINITIONS, parameters={"name": name}).result_rows
    return int(definitions)


def _rows(server: Client, name: str) -> dict[str, int]:
    return {
        str(table): int(rows) for table, rows in server.query(_FILLED, parameters={"name": name}).result_rows
    }
