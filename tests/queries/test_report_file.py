"""A report as a Parquet file; that every report has one is tested over HTTP."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow.parquet
from tests.queries.conftest import World

from trailhouse.queries.caller import Caller
from trailhouse.queries.report_file import parquet
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run


def test_a_file_has_the_rows_in_their_order(world: World) -> None:
    """As the answer has them, without hidden columns and with types of its own."""
    params = {"org": "acme", "since": "2010-01-01", "until": "2026-05-31", "limit": "1000"}
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    result = run(world.client, load()["most_active_users"], Caller.operator(), params, now=now)
    rows = pyarrow.parquet.read_table(io.BytesIO(parquet(world.client, result.question))).to_pylist()
    assert len(rows) > 20
    assert [tuple(row.values()) for row in rows] == list(result.rows)
    assert isinstance(rows[0]["last_active"], datetime)
