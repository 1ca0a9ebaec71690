"""`enriched`: the line's keys are the columns of table `landing`, and defaults are left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
from tests.stream.factories import RECEIVED

import trailhouse.sinks
from trailhouse.stream.enriched import Enriched


def landing_columns() -> dict[str, str]:
    """Column names and types as the migration declares them."""
    sql = (Path(trailhouse.sinks.__file__).parent / "schema" / "0001_landing.sql").read_text()
    body = re.search(r"CREATE TABLE landing \((.*)\) ENGINE", sql, re.DOTALL)
    assert body is not None
    return dict(re.findall(r"^  `?(\w+)`? (.+?),?$", body[1], re.MULTILINE))


def test_the_keys_are_the_columns_of_landing() -> None:
    """In the same order; the sink inserts the lines as they are."""
    assert [field.encode_name for field in msgspec.structs.fields(Enriched)] == list(landing_columns())


def test_defaults_are_left_out() -> None:
    """A line is as long as the event is rich; ClickHouse fills in what it would say anyway."""
    assert json.loads(msgspec.json.encode(Enriched("e", 1, 5, 7, RECEIVED))) == {
        "epoch": "e",
        "partition": 1,
        "from": 5,
        "offset": 7,
        "received_at": "2026-03-02T10:00:00Z",
    }


def test_what_is_left_out_is_what_clickhouse_fills_in() -> None:
    """Every default is the zero of its column's type."""
    zeros: dict[type, object] = {str: "", int: 0, bool: False, type(None): None, tuple: ()}
    required = {"epoch", "partition", "from_offset", "offset", "received_at"}
    defaults = {
        each.name: each.default for each in msgspec.structs.fields(Enriched) if each.name not in required
    }
    made = Enriched("e", 1, 5, 7, RECEIVED)
    assert made.occurred_at.timestamp() == 0
    values = {name: getattr(made, name) for name in defaults if name != "occurred_at"}
    assert values == {name: zeros[type(value)] for name, value in values.items()}
