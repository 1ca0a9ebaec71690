"""Run a report: a question in, typed rows out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import ReportBroken
from trailhouse.queries.note import counts_nothing, note_on
from trailhouse.queries.question import Question, ask
from trailhouse.queries.report import Column, Report
from trailhouse.queries.store import ClickHouseStore, our_errors
from trailhouse.sinks.clickhouse import Client

Value = str | int | date | datetime | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A report's answer. Times in `rows` are in the time zone asked for; `landed_until` tells how fresh the store is.

    `note` says why nothing is counted, where that is so.
    """

    question: Question
    rows: tuple[Row, ...]
    asked_at: datetime
    landed_until: datetime | None
    elapsed_s: float
    note: str | None = None

    @property
    def report(self) -> Report:
        return self.question.report

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.question.report.columns

    @property
    def is_so_far(self) -> bool:
        """Whether the period is still running, so that the figures may grow."""
        return self.question.period.is_so_far(self.asked_at)


def prepare(
    client: Client, report: Report, caller: Caller, params: Mapping[str, str], *, now: datetime | None = None
) -> Question:
    """The question that `run` would answer; raises what `run` raises."""
    return ask(report, caller, params, store=ClickHouseStore(client), now=_or_clock(now))


def run(
    client: Client, report: Report, caller: Caller, params: Mapping[str, str], *, now: datetime | None = None
) -> Result:
    """Ask and answer: `params` are a caller's texts (org, since, until, last, timezone, the report's own).

    `now` (default: the clock) decides what "today" is. Raises `BadParameter`, `NotAllowed`, `StorageUnavailable`.
    """
    asked_at = _or_clock(now)
    return answer(client, prepare(client, report, caller, params, now=asked_at), asked_at=asked_at)


def answer(client: Client, question: Question, *, asked_at: datetime) -> Result:
    """Run a complete question; raises `StorageUnavailable`, and `ReportBroken` when the columns are not the header's."""
    started = time.perf_counter()
    with our_errors():
        result = client.query(question.report.sql, parameters=question.bindings)
    names = tuple(column.name for column in question.report.columns)
    # An answer without rows may come without names.
    if result.result_rows and tuple(result.column_names) != names:
        raise ReportBroken(
            question.report.name,
            f"the SQL gives {', '.join(result.column_names)}; the header says {', '.join(names)}",
        )
    zone = ZoneInfo(question.period.timezone)
    rows = tuple(
        tuple(_value(column, value, zone) for column, value in zip(question.report.columns, row, strict=True))
        for row in result.result_rows
    )
    store = ClickHouseStore(client)
    return Result(
        question=question,
        rows=rows,
        asked_at=asked_at,
        landed_until=store.landed_until(),
        elapsed_s=time.perf_counter() - started,
        note=note_on(question, store) if counts_nothing(rows) else None,
    )


def _or_clock(now: datetime | None) -> datetime:
    return datetime.now(UTC) if now is None else now


def _value(column: Column, value: Any, zone: ZoneInfo) -> Value:
    """What the driver gave, as the column's type: `datetime.date`, aware `datetime`, `int` or `str`."""
    if value is None:
        return None
    if column.type == "time":
        moment: datetime = (
            value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        )  # the driver's UTC is naive
        # With its offset fixed: Python calls a zone's repeated hour unequal to the same instant in any other zone.
        return moment.astimezone(timezone(moment.astimezone(zone).utcoffset() or timedelta()))
    if column.type == "integer":
        return int(value)
    if column.type == "date":
        return date(value.year, value.month, value.day)
    return str(value)
