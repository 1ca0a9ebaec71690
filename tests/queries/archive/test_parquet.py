"""Parquet has the entries' columns, typed, and nulls where an entry has no such key."""

from __future__ import annotations

import io

from pyarrow import parquet

from trailhouse.queries.archive.entry import KEYS, entry
from trailhouse.queries.archive.parquet import count, encode
from trailhouse.queries.archive.record import Record


def test_columns_are_typed() -> None:
    made = Record("e", 0, 0, 0, "", occurred_at="2026-01-01T01:02:03.456Z", action="a", response_code=200)
    bare = Record("e", 0, 1, 1, "", occurred_at="2026-01-01T00:00:00.000Z", action="b")
    content = encode([entry(made), entry(bare)])
    table = parquet.read_table(io.BytesIO(content))
    assert tuple(table.column_names) == KEYS
    assert table["response_code"].to_pylist() == [200, None]
    assert table["timestamp"][0].as_py().isoformat() == "2026-01-01T01:02:03+00:00"
    assert table["project_asset"].null_count == 2
    assert count(content) == 2
