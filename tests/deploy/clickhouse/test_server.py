"""`LocalClickHouse` as a process."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client


def test_a_database_of_its_own_has_all_migrations(database: Client) -> None:
    """The fixture gives an empty database with every table."""
    tables = {row[0] for row in database.query("SHOW TABLES").result_rows}
    assert {"events", "landing", "user_days"} <= tables
    assert database.query("SELECT count() FROM events").result_rows == [(0,)]
