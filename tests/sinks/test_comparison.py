"""Two tables compared as they read merged: every kind of column there is, and every way to differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.comparison import Comparison, compare
from trailhouse.sinks.settings import ClickHouseSettings

STATES = """
CREATE TABLE {} (
  key String, day Date,
  least SimpleAggregateFunction(min, UInt32),
  names SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
  ids AggregateFunction(uniqExact, UInt64),
  last AggregateFunction(argMaxIf, String, UInt32, UInt8)
) ENGINE = AggregatingMergeTree ORDER BY (key, day)
"""
ROWS = """
INSERT INTO {} SELECT '{}', '2026-01-01', min(n), groupUniqArrayArray([toString(n)]), uniqExactState(n + {}), argMaxIfState(toString(n + {}), n, 1)
FROM (SELECT toUInt32(arrayJoin({})) AS n) SETTINGS optimize_on_insert = 0
"""


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    """A client on an empty database."""
    with closing(connect(clickhouse_settings)) as made:
        yield made


def test_states_are_compared_by_what_they_hold(client: Client) -> None:
    """In however many rows, however often; sets of equal size that differ are not the same."""
    for table in ("a", "b"):
        client.command(STATES.format(table))
    client.command(ROWS.format("a", "same", 0, 0, [1, 2, 3]))
    client.command(ROWS.format("b", "same", 0, 0, [3, 1]))
    client.command(ROWS.format("b", "same", 0, 0, [2, 3]))
    assert compare(client, "a", "b") == Comparison(1)
    client.command(ROWS.format("a", "other ids", 0, 0, [1, 2]))
    client.command(ROWS.format("b", "other ids", 1, 0, [1, 2]))
    client.command(ROWS.format("a", "other last", 0, 0, [1, 2]))
    client.command(ROWS.format("b", "other last", 0, 1, [1, 2]))
    client.command(ROWS.format("a", "gone", 0, 0, [1]))
    client.command(ROWS.format("b", "new", 0, 0, [1]))
    found = compare(client, "a", "b")
    assert (found.keys, found.gone, found.new, found.changed, found.is_same) == (5, 1, 1, 2, False)
    assert {each.split("'")[1] for each in found.examples} == {"other ids", "other last", "gone", "new"}
    assert compare(client, "a", "b", where="key = {key:String}", parameters={"key": "same"}).is_same


def test_rows_are_compared_as_they_replace_each_other(client: Client) -> None:
    """The last version of each, every column of it, maps too."""
    for table in ("a", "b"):
        client.command(
            f"CREATE TABLE {table} (key String, at DateTime, said Map(String, String), version UInt8) "
            "ENGINE = ReplacingMergeTree(version) ORDER BY (key, toDate(at))"
        )
    client.command("INSERT INTO a VALUES ('x', 0, {'a': '1'}, 1)")
    client.command("INSERT INTO b VALUES ('x', 0, {'a': '0'}, 0)")
    client.command("INSERT INTO b VALUES ('x', 0, {'a': '1'}, 1)")
    assert compare(client, "a", "b") == Comparison(1)
    client.command("INSERT INTO b VALUES ('x', 5, {'a': '1'}, 2)")
    assert compare(client, "a", "b").changed == 1


def test_comparisons_add_up() -> None:
    """Of different keys; a few examples are enough."""
    one = Comparison(5, 1, 0, 2, tuple("abcdef"))
    assert one.and_(Comparison(3, 0, 1, 0, tuple("uvwxyz"))) == Comparison(8, 1, 1, 2, tuple("abcdefuvwx"))
    assert Comparison(7).and_(Comparison(1)).is_same
