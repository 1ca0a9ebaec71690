"""What tests share must not tell: a database that is handed on is as the migrations left it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import Databases
from tests.sinks.lines import enriched, event

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.migrate import migrate

TEXTS = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
ODD = "ALTER TABLE users ADD COLUMN odd UInt8"


@pytest.fixture
def own(clickhouse_server: LocalClickHouse) -> Iterator[Databases]:
    """Databases that no other test has had."""
    made = Databases(clickhouse_server)
    yield made
    for name in made.idle:
        made.server.command(f"DROP DATABASE {name}")
    made.close()


def test_it_is_empty_and_whoever_changed_it_was_its_last(own: Databases) -> None:
    """The next one gets it without a row; with another table, made at once or later, nobody gets it any more."""
    with own.lend() as (first, client):
        insert_lines(client, "landing", enriched([event(1)]))
        client.command("INSERT INTO holds (org_id) VALUES ('acme')")
    assert own.idle == [first.database]
    with own.lend() as (again, client):
        assert again.database == first.database
        filled = client.query(
            "SELECT DISTINCT table FROM system.parts WHERE database = currentDatabase() AND active AND rows > 0"
        ).result_rows
        assert filled == [("migrations",)]
        client.command(ODD)
    assert own.idle == []
    with own.lend() as (_, client):
        client.command(ODD)
    assert own.idle == []
    found = own.server.query("SELECT name FROM system.databases").result_rows
    assert (first.database,) not in found


def test_those_made_by_its_pattern_are_as_the_migrated_one(own: Databases) -> None:
    """Definition by definition, with the same rows before the first event, and filled alike by one."""
    with own.lend() as (first, migrated), own.lend() as (second, made):
        assert own.pattern is not None
        assert own.pattern.name == first.database != second.database
        found = [
            {
                name: text.replace(f"{settings.database}.", "")
                for name, text in client.query(TEXTS).result_rows
            }
            for settings, client in ((first, migrated), (second, made))
        ]
        assert found[0] == found[1]
        assert len(found[0]) > 50
        for client in (migrated, made):
            insert_lines(client, "landing", enriched([event(1)]))
        assert rows(migrated) == rows(made)
        assert len(rows(made)) > 5
        ledger = "SELECT * FROM migrations FINAL ORDER BY name"
        assert migrated.query(ledger).result_rows == made.query(ledger).result_rows
        assert migrate(made) == []


def rows(client: Client) -> dict[str, int]:
    text = "SELECT table, sum(rows) FROM system.parts WHERE database = currentDatabase() AND active GROUP BY table HAVING sum(rows) > 0"
    return {str(table): int(count) for table, count in client.query(text).result_rows}
