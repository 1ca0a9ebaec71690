"""A report's rows as a Parquet file, which ClickHouse writes itself: its own types, times in UTC, hidden columns left out."""

from __future__ import annotations

from trailhouse.queries.question import Question
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client
from trailhouse.stream import tracing


def parquet(client: Client, question: Question) -> bytes:
    """The file; the report is run anew for it. Raises `StorageUnavailable`."""
    hidden = [f"`{column.name}`" for column in question.report.columns if column.is_hidden]
    sql = question.spelled_sql
    if hidden:
        sql = f"SELECT * EXCEPT ({', '.join(hidden)}) FROM (\n{sql}\n)"
    name = question.report.name
    with tracing.span(f"parquet {name}") as span, our_errors():
        span.set({"trailhouse.report": name})
        return client.raw_query(sql, parameters=question.bindings, fmt="Parquet")
