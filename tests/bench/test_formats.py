"""What the sink could insert instead of JSON lines: columns that hold the same, or a void row."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pyarrow as pa
from bench.formats import ARROW, JSON, NAMES, arrow_of, columns_of, judged
from bench.rows import enriched_chunks

from trailhouse.sinks.migrate import load


def lines() -> list[bytes]:
    """Enriched lines, rejected ones among them."""
    return [line for chunk in enriched_chunks(600, "epoch") for line in chunk.lines]


def test_the_columns_are_those_of_the_landing_table() -> None:
    """In the table's order; a column added there must be built here, too."""
    made = next(each for each in load() if "CREATE TABLE landing" in "".join(each.statements))
    text = next(each for each in made.statements if "CREATE TABLE landing" in each)
    assert [name.strip("`") for name in re.findall(r"^\s+(`?\w+`?) [A-Z]", text, re.MULTILINE)] == list(NAMES)


def test_what_a_line_says_is_in_its_columns() -> None:
    """And what it leaves out is the table's default."""
    given = lines()
    found = columns_of(given)
    assert sum(1 for reason in found["reason"] if reason) == 3
    for place, line in enumerate(given):
        fields = orjson.loads(line)
        assert {name: found[name][place] for name in fields} == fields
        assert {found[name][place] for name in ("detail", "digest") if name not in fields} <= {""}


def test_arrow_holds_the_same_rows() -> None:
    """Times as milliseconds, maps as maps."""
    given = lines()
    table = pa.ipc.open_stream(arrow_of(given)).read_all()
    assert table.num_rows == len(given)
    wanted = orjson.loads(given[7])
    row = table.slice(7, 1).to_pylist()[0]
    assert dict(row["attributes"]) == wanted["attributes"]
    assert row["subject_refs"] == wanted["subject_refs"]
    assert row["occurred_at"].isoformat()[:19] == wanted["occurred_at"][:19]


def test_a_format_that_stores_something_else_is_void() -> None:
    """However fast it was."""
    rows: list[dict[str, Any]] = [
        {"contender": ARROW, "content": {"events": 2}},
        {"contender": JSON, "content": {"events": 1}},
    ]
    told = judged(rows)
    assert "void" in told[0]
    assert "void" not in told[1]
