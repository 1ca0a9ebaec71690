"""The events behind one row of a report, found anew from the row's own values.

A row is named by its values and an absolute period, not by its place: what arrives later moves no row.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from trailhouse.queries.errors import BadParameter, UnknownParameter, UnreadableRow
from trailhouse.queries.finality import days_of
from trailhouse.queries.header import Column
from trailhouse.queries.orgs import unknown_among
from trailhouse.queries.periods import Period
from trailhouse.queries.question import Question, bound_period, filled
from trailhouse.queries.report import Report
from trailhouse.queries.store import ClickHouseStore, our_errors
from trailhouse.queries.value import Row, Value, localised, read_value, text_of
from trailhouse.sinks.clickhouse import ROW_FAULT_CODES, ClickHouseError, Client, error_code
from trailhouse.stream import tracing

LIMIT: Final = 1_000
#: What a parameter that names a value of the row begins with.
ROW: Final = "row."
COLUMNS: Final = (
    Column(
        "time",
        "time",
        "RFC 3339 in the time zone asked for",
        "when it happened; of records, when they were received",
    ),
    Column("action", "text", "action", "what was done; of rejected records, why they were rejected"),
    Column("user", "text", "identity", "who did it, as in every report; empty for nobody"),
    Column("event", "text", "id", "the event's id; of rejected records, the place of the raw record"),
    Column("org", "text", "organisation", "the organisation it belongs to"),
)
_ROW: Final = re.compile(r"\{row_(\w+):")
_SPANS: Final = "{spans:Array(Tuple(Int64, Int64, Int32))}"
_RANGES: Final = "{ranges:Array(Tuple(Int64, Int64))}"
_PLACE: Final = "concat(epoch, '/', toString(partition), '/', toString(offset))"
_OURS: Final = "(org_id IN {orgs:Array(String)} OR {is_instance:Bool})"


def _within(moment_ms: str) -> str:
    return f"arrayExists(instants -> {moment_ms} >= instants.1 AND {moment_ms} < instants.2, {_RANGES})"


#: Events of the period and the organisations, with their local day.
EVENTS: Final = f"""
        SELECT
          *,
          toUnixTimestamp64Milli(occurred_at) AS occurred_ms,
          toDate32(intDiv(occurred_ms + arrayFirst(span -> occurred_ms >= span.1 AND occurred_ms < span.2, {_SPANS}).3 * 1000, 86400000)) AS local_day
        FROM events FINAL
        WHERE org_id IN {{orgs:Array(String)}}
          AND toDate(occurred_at) >= toDate(fromUnixTimestamp64Milli(({_RANGES}[1]).1, 'UTC'))
          AND toDate(occurred_at) <= toDate(fromUnixTimestamp64Milli(({_RANGES}[-1]).2, 'UTC'))
          AND {_within("toUnixTimestamp64Milli(occurred_at)")}
        """
# What lies in the period and belongs to the organisations; then what a row of it is called.
_SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "events": (
        EVENTS,
        "occurred_at AS time, toString(action) AS what, user_ref, toString(event_id) AS event, toString(org_id) AS org_id",
    ),
    "landed": (
        f"""
        SELECT * FROM landed FINAL
        WHERE {_OURS} AND {_within("toUnixTimestamp(slot) * 1000")}
        """,
        f"received_at AS time, toString(reason) AS what, toUInt64(0) AS user_ref, if(reason = '', toString(event_id), {_PLACE}) AS event, toString(org_id) AS org_id",
    ),
    "rejected": (
        f"""
        SELECT * FROM rejected FINAL
        WHERE {_OURS} AND {_within("toUnixTimestamp64Milli(received_at)")}
        """,
        f"received_at AS time, toString(reason) AS what, toUInt64(0) AS user_ref, {_PLACE} AS event, toString(org_id) AS org_id",
    ),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is behind a row: the first `LIMIT` events by time of `total`, and `figure`, the aggregate over all of them.

    `row` has the values by which the row was found; `period` is the part of the question's that it speaks of; nobody
    has heard of `unknown_orgs`.
    """

    question: Question
    row: Mapping[str, Value]
    period: Period
    rows: tuple[Row, ...]
    total: int
    figure: float | None
    asked_at: datetime
    elapsed_s: float
    unknown_orgs: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[Column, ...]:
        return COLUMNS

    @property
    def rest(self) -> int:
        """How many events are not in `rows`."""
        return self.total - len(self.rows)


def names_of_row(report: Report) -> tuple[Column, ...]:
    """The columns whose values say which row is meant."""
    text = f"{report.explain.where} {report.explain.is_}"
    wanted = set(_ROW.findall(text))
    if report.explain.bucket is not None:
        wanted.add(_dated(report))
    return tuple(column for column in report.columns if column.name in wanted)


def link_of(question: Question, values: Mapping[str, Value]) -> str | None:
    """Where the API explains the row with these values; None where one of them is unknown."""
    named = {f"{ROW}{column.name}": values[column.name] for column in names_of_row(question.report)}
    if any(value is None for value in named.values()):
        return None
    asked = question.pinned | {name: _pinned(value) for name, value in named.items()}
    return f"/api/v1/reports/{question.report.name}/explain?{urlencode(asked)}"


def read_row(report: Report, params: Mapping[str, str]) -> dict[str, Value]:
    """The values in `row.COLUMN` parameters; raises `BadParameter` for one that is missing, unknown or unreadable."""
    columns = {f"{ROW}{column.name}": column for column in names_of_row(report)}
    given = {name: text for name, text in params.items() if name.startswith(ROW)}
    if unknown := [name for name in given if name not in columns]:
        raise UnknownParameter(f"{report.name}/explain", unknown[0], columns)
    if missing := [name for name in columns if name not in given]:
        raise BadParameter(
            missing[0], "", f"the row's {missing[0].removeprefix(ROW)}, as its `explain` link has it"
        )
    return {column.name: read_value(name, column.type, given[name]) for name, column in columns.items()}


def explain(
    client: Client, question: Question, values: Mapping[str, Value], *, asked_at: datetime
) -> Explanation:
    """The events behind the row with these values; raises `StorageUnavailable`, and `BadParameter` for an unknown value."""
    started = time.perf_counter()
    report = question.report
    row = _named(report, values)
    period = _narrowed(question, row)
    found, listed_sql, bound = _statements(question, row, period)
    with tracing.span(f"explain {report.name}") as span, our_errors(), _readable(row):
        (total, figure), *_ = client.query(
            f"SELECT count(), {report.explain.is_ or 'NULL'} FROM {found}", parameters=bound
        ).result_rows
        listed = client.query(listed_sql, parameters=bound)
        span.set({"trailhouse.report": report.name, "trailhouse.rows": len(listed.result_rows)})
    zone = ZoneInfo(question.period.timezone)
    rows: tuple[Row, ...] = tuple(
        (localised(moment, zone), *map(str, others)) for moment, *others in listed.result_rows
    )
    return Explanation(
        question=question,
        row=row,
        period=period,
        rows=rows,
        total=int(total),
        figure=figure,
        asked_at=asked_at,
        elapsed_s=time.perf_counter() - started,
        unknown_orgs=frozenset()
        if total
        else unknown_among(question.about, question.caller, ClickHouseStore(client)),
    )


def listing_sql(question: Question, values: Mapping[str, Value]) -> str:
    """The statement that lists the events behind such a row, with its values in it, to be printed. Raises `BadParameter`."""
    row = _named(question.report, values)
    _, sql, bound = _statements(question, row, _narrowed(question, row))
    return filled(sql, bound)


def _named(report: Report, values: Mapping[str, Value]) -> dict[str, Value]:
    row = {column.name: values[column.name] for column in names_of_row(report)}
    if unknown := [name for name, value in row.items() if value is None]:
        raise BadParameter(f"{ROW}{unknown[0]}", "", f"a row that has a value in {unknown[0]}")
    return row


def _statements(
    question: Question, row: Mapping[str, Value], period: Period
) -> tuple[str, str, dict[str, Any]]:
    """Where the events are, what lists the first of them, and what is bound to both."""
    source, fields = _SOURCES[question.report.explain.source]
    found = f"({source}) AS found WHERE {question.report.explain.where}"
    bound = question.bindings | bound_period("", period) | bound_row(row) | {"most": LIMIT}
    return found, _listing(f"SELECT {fields} FROM {found}"), bound


@contextmanager
def _readable(row: Mapping[str, Value]) -> Iterator[None]:
    """Blame the row for values that the engine cannot read as what the report compares them with: a hash, say."""
    try:
        yield
    except ClickHouseError as error:
        if error_code(error) not in ROW_FAULT_CODES:
            raise
        raise UnreadableRow(row) from None


def _listing(found: str) -> str:
    return f"""
        SELECT
          time,
          what AS action,
          multiIf(
            user_ref = 0, '',
            {{read_pii:Bool}} AND identity != '', identity,
            concat('u_', lower(leftPad(hex(user_ref), 16, '0')))
          ) AS user,
          event,
          org_id AS org
        FROM (SELECT * FROM ({found}) ORDER BY time, event LIMIT {{most:UInt32}}) AS first
        LEFT JOIN names_in(orgs = {{orgs:Array(String)}}) AS names USING (org_id, user_ref)
        ORDER BY time, event
    """


def _narrowed(question: Question, row: Mapping[str, Value]) -> Period:
    bucket = question.report.explain.bucket
    if bucket is None:
        return question.period
    day = row[_dated(question.report)]
    assert isinstance(day, date)  # what a column of that type holds
    return question.period.clip(*days_of(day, bucket))


def _dated(report: Report) -> str:
    return next(column.name for column in report.columns if column.type == "date")


def bound_row(row: Mapping[str, Value]) -> dict[str, Any]:
    """The values of a row as `explain` binds them, by the name of their placeholder."""
    return {
        f"row_{name}": f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }


def _pinned(value: Value) -> str:
    return text_of(value.astimezone(UTC) if isinstance(value, datetime) else value)
