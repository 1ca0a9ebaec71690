"""A database of its own for each run of a sink, on one running engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.migrate import migrate
from trailhouse.sinks.settings import ClickHouseSettings


@dataclass(frozen=True, slots=True)
class Database:
    """The address of a migrated database, and a client on it."""

    dsn: str
    client: Client

    def landed(self) -> int:
        """Raw offsets accounted for."""
        return self._one("SELECT count() FROM landed FINAL")

    def users(self) -> int:
        return self._one("SELECT uniqExact(org_id, user_ref) FROM events FINAL WHERE user_ref != 0")

    def active_users(self, org: str) -> int:
        """People of an organisation on any day, as the reports read them: from `user_days`, not from events."""
        return self._one(f"SELECT uniqExact(user_ref) FROM user_days WHERE org_id = '{org}'")

    def active_orgs(self, orgs: Iterable[str]) -> list[str]:
        """Those of these organisations in which anybody was ever active."""
        rows = self.client.query(
            "SELECT DISTINCT org_id FROM user_days WHERE org_id IN {orgs:Array(String)}",
            parameters={"orgs": list(orgs)},
        ).result_rows
        return [str(row[0]) for row in rows]

    def passed(self) -> tuple[int, int]:
        """(events, people) in the plain table of the pass-through."""
        ((events, users),) = self.client.query(
            "SELECT count(), uniqExactIf((org_id, actor_user_id), actor_user_id != '') FROM passed"
        ).result_rows
        return int(events), int(users)

    def _one(self, sql: str) -> int:
        return int(self.client.query(sql).result_rows[0][0])


@contextlib.contextmanager
def fresh_database(server: LocalClickHouse, name: str) -> Iterator[Database]:
    """A new database with every migration applied; dropped at the end, so that its merges disturb nobody."""
    _command(server, f"DROP DATABASE IF EXISTS {name}")
    try:
        with kept_database(server, name) as database:
            yield database
    finally:
        _command(server, f"DROP DATABASE {name}")


@contextlib.contextmanager
def kept_database(server: LocalClickHouse, name: str) -> Iterator[Database]:
    """The database of that name as an earlier run left it, with the migrations since; it stays for the next one."""
    _command(server, f"CREATE DATABASE IF NOT EXISTS {name}")
    dsn = server.dsn("admin", name)
    client = connect(ClickHouseSettings(dsn=dsn))
    try:
        migrate(client)
        yield Database(dsn.reveal(), client)
    finally:
        client.close()


def _command(server: LocalClickHouse, text: str) -> None:
    admin = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))
    admin.command(text)
    admin.close()
