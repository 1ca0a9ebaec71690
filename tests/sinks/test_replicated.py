"""The migrations as a cluster runs them. No cluster was at hand: text, and what ClickHouse's own parser says of it."""

from __future__ import annotations

import re

import pytest

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.migrate import LEDGER, load, migrate
from trailhouse.sinks.replicated import replicated

STATEMENTS = [LEDGER.strip(), *(statement for each in load() for statement in each.statements)]


@pytest.mark.parametrize(
    ("one", "many"),
    [
        (
            (
                "CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = ReplacingMergeTree(ver) ORDER BY x\n"
                "SETTINGS fsync_after_insert = 1, non_replicated_deduplication_window = 0"
            ),
            (
                "CREATE TABLE IF NOT EXISTS a ON CLUSTER main (x UInt8) ENGINE = ReplicatedReplacingMergeTree("
                "'/clickhouse/tables/{uuid}/{shard}', '{replica}', ver) ORDER BY x\n"
                "SETTINGS fsync_after_insert = 1, replicated_deduplication_window = 0"
            ),
        ),
        (
            "CREATE TABLE a (x UInt8) ENGINE = AggregatingMergeTree\nORDER BY x",
            (
                "CREATE TABLE a ON CLUSTER main (x UInt8) ENGINE = ReplicatedAggregatingMergeTree("
                "'/clickhouse/tables/{uuid}/{shard}', '{replica}')\nORDER BY x"
            ),
        ),
        ("CREATE TABLE l (x UInt8) ENGINE = Null", "CREATE TABLE l ON CLUSTER main (x UInt8) ENGINE = Null"),
        (
            "CREATE OR REPLACE VIEW v SQL SECURITY INVOKER AS SELECT 1",
            "CREATE OR REPLACE VIEW v ON CLUSTER main SQL SECURITY INVOKER AS SELECT 1",
        ),
        (
            "CREATE MATERIALIZED VIEW m TO a AS SELECT x FROM l",
            "CREATE MATERIALIZED VIEW m ON CLUSTER main TO a AS SELECT x FROM l",
        ),
        ("ALTER TABLE m MODIFY QUERY SELECT 1", "ALTER TABLE m ON CLUSTER main MODIFY QUERY SELECT 1"),
        ("INSERT INTO a SELECT x FROM l", "INSERT INTO a SELECT x FROM l"),
    ],
    ids=["replacing", "aggregating", "null", "view", "materialized", "alter", "insert"],
)
def test_each_kind_of_statement(one: str, many: str) -> None:
    """What is made or changed is so everywhere; what is inserted once is replicated by the table."""
    assert replicated(one, "main") == many
    assert replicated(one, "") == one


def test_no_statement_is_left_on_one_server() -> None:
    """Every CREATE and ALTER of every migration names the cluster, every MergeTree is replicated, no window is left."""
    for statement in STATEMENTS:
        text = replicated(statement, "main")
        assert ("ON CLUSTER main" in text) != statement.startswith("INSERT"), statement[:80]
        assert "MergeTree" not in re.sub(r"Replicated\w+MergeTree", "", text)
        assert "non_replicated" not in text


def test_clickhouse_reads_every_statement(database: Client) -> None:
    """Its parser takes each, and sees the cluster where we put it."""
    for statement in STATEMENTS:
        text = replicated(statement, "main")
        parsed = database.query("SELECT formatQuery({text:String})", parameters={"text": text}).result_rows[
            0
        ][0]
        assert ("ON CLUSTER main" in parsed) == ("ON CLUSTER main" in text)


class Told:
    """A client that remembers what it was told and has applied nothing yet."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.result_rows: list[object] = []

    def command(self, statement: str) -> None:
        self.statements.append(statement)

    def query(self, _: str) -> Told:
        return self

    def raw_insert(self, *_: object, **__: object) -> None:
        pass


def test_migrate_runs_them_so() -> None:
    """Each statement repeatable and on the cluster; on one server, as ever, on none."""
    for cluster in ("main", ""):
        told = Told()
        migrate(told, cluster=cluster)  # type: ignore[arg-type]  # all that migrate asks of a client
        made = [each for each in told.statements if not each.startswith("INSERT")]
        assert len(told.statements) == len(STATEMENTS)
        assert all(("ON CLUSTER main" in each) == bool(cluster) for each in made)
        assert all("IF NOT EXISTS" in each for each in made if re.match("CREATE (TABLE|VIEW|MAT)", each))
