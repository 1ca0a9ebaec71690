"""What tests share must not tell: a database that is handed on is as the migrations left it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import Databases
from tests.sinks.lines import enriched, event

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import insert_lines

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
