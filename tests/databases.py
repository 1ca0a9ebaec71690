"""Migrated databases that tests hand on: the first is migrated, the others are made as it is, and all are emptied again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from tests.containers import ContainerClickHouse

    from trailhouse.deploy.clickhouse import LocalClickHouse
    from trailhouse.sinks.settings import ClickHouseSettings

# Emptying removes part by part; a test that filled centuries of months is quicker forgotten.
MOST_PARTS = 150
# What a database is, in one answer: its tables as they were last changed, its parts, the rows of its tables.
_LOOK = """
    SELECT
      (
        SELECT groupBitXor(cityHash64(name, uuid, metadata_modification_time))
        FROM system.tables WHERE database = {name:String}
      ),
      sum(parts),
      groupArray((table, found))
    FROM (
      SELECT table, count() AS parts, sumIf(rows, active) AS found
      FROM system.parts WHERE database = {name:String} GROUP BY table
    )
"""
FRESH_S = 2.0
# Exact, and four times as much work: what is changed in the second in which it was made has the same time.
_TEXTS = "SELECT groupBitXor(cityHash64(name, create_table_query)) FROM system.tables WHERE database = {name:String}"


_DEFINITIONS = """
    SELECT name, create_table_query FROM system.tables
    WHERE database = currentDatabase() AND NOT startsWith(name, '.inner') ORDER BY metadata_modification_time, name
"""


@dataclass
class Pattern:
    """What the migrations made of a database `name`: the statements that make another, and the rows they put in."""

    name: str
    statements: list[str]
    rows: dict[str, bytes]

    @classmethod
    def of(cls, client: Client, shape: Shape) -> Pattern:
        definitions = client.query(_DEFINITIONS).result_rows
        rows = {table: client.raw_query(f"SELECT * FROM {table}", fmt="Native") for table in shape.rows}
        return cls(str(client.database), [str(text) for _, text in definitions], rows)

    def apply(self, client: Client) -> None:
        """Make the client's empty database one that is the same; remembers which statement has to wait for which."""
        from trailhouse.sinks.clickhouse import ClickHouseError

        todo, done, error = self.statements, [], None
        while todo:
            left = []
            for text in todo:
                try:
                    client.command(text.replace(f"{self.name}.", f"{client.database}."))
                    done.append(text)
                except ClickHouseError as caught:
                    left.append(text)
                    error = caught
            if len(left) == len(todo):
                raise AssertionError("what the migrations made cannot be made anew") from error
            todo = left
        self.statements = done
        for table, rows in self.rows.items():
            client.raw_insert(table, insert_block=rows, fmt="Native")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a database is: its definitions in a hash, and the rows of the tables that are not empty."""

    tables: int
    rows: dict[str, int]


@dataclass
class Databases:
    """The databases of one server that nobody uses at present, each as the migrations left it."""

    engine: LocalClickHouse | ContainerClickHouse
    idle: list[str] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    #: The definitions of those just migrated, and when they were: until the second in which that was is over.
    texts: dict[str, tuple[int, float]] = field(default_factory=dict)
    pattern: Pattern | None = None

    @cached_property
    def server(self) -> Client:
        """An admin who may make databases and drop them."""
        from trailhouse.sinks.clickhouse import connect

        return connect(self.settings("default"))

    def settings(self, name: str) -> ClickHouseSettings:
        """How an admin reaches a database."""
        from trailhouse.sinks.settings import ClickHouseSettings

        return ClickHouseSettings(dsn=self.engine.dsn("admin", name))

    @contextmanager
    def lend(self) -> Iterator[tuple[ClickHouseSettings, Client]]:
        """A migrated database without a row, and a client on it; whatever is put in is gone afterwards."""
        from trailhouse.sinks.clickhouse import connect

        name = self.take()
        settings = self.settings(name)
        client = connect(settings)
        try:
            self.prepare(client, name)
            yield settings, client
        finally:
            client.close()
            self.give_back(name)

    def take(self, *, is_migrated: bool = True) -> str:
        """A database's name: an idle one's, else that of a new one, which `prepare` migrates."""
        if is_migrated and self.idle:
            return self.idle.pop()
        name = f"test_{uuid.uuid4().hex[:8]}"
        self.server.command(f"CREATE DATABASE {name}")
        return name

    def prepare(self, client: Client, name: str) -> None:
        """Migrate the database unless it was handed on, and remember what it is.

        From the second on it is made by what the first one's definitions say, in a third of the time.
        """
        from trailhouse.sinks.migrate import migrate

        if name in self.shapes:
            return
        if self.pattern is None:
            migrate(client)
        else:
            self.pattern.apply(client)
        self.shapes[name], _ = self._look(name)
        self.texts[name] = self._texts(name), time.monotonic()
        if self.pattern is None:
            self.pattern = Pattern.of(client, self.shapes[name])

    def give_back(self, name: str) -> None:
        """Empty the database for the next test; drop it when that takes long or a test made another database of it."""
        if not self._empty(name):
            self.shapes.pop(name, None)
            self.server.command(f"DROP DATABASE {name}")
        else:
            self.idle.append(name)

    def keep(self, name: str) -> None:
        """Leave the database as a failed test left it, for whoever looks at it; nobody gets it any more."""
        self.shapes.pop(name, None)

    def close(self) -> None:
        if "server" in self.__dict__:
            self.server.close()

    def _empty(self, name: str) -> bool:
        made, (texts, at) = self.shapes.get(name), self.texts.get(name, (None, 0.0))
        if made is None or (texts is not None and texts != self._texts(name)):
            self.texts.pop(name, None)
            return False
        if time.monotonic() - at > FRESH_S:
            self.texts.pop(name, None)
        found, parts = self._look(name)
        if parts > MOST_PARTS or found.tables != made.tables:
            return False
        filled = found.rows.keys() - made.rows.keys()
        for table in filled:
            self.server.command(f"TRUNCATE TABLE {name}.{table}")
        return (self._look(name)[0] if filled else found) == made

    def _look(self, name: str) -> tuple[Shape, int]:
        """What the database is at present, and how many parts it has."""
        ((tables, parts, filled),) = self.server.query(_LOOK, parameters={"name": name}).result_rows
        return Shape(int(tables), {str(table): int(rows) for table, rows in filled if rows}), int(parts)

    def _texts(self, name: str) -> int:
        ((texts,),) = self.server.query(_TEXTS, parameters={"name": name}).result_rows
        return int(texts)
