"""Run a report: a question in, typed rows out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import ReportBroken
from trailhouse.queries.explain import Explanation
from trailhouse.queries.finality import State, days_of, later, state_of
from trailhouse.queries.header import Column
from trailhouse.queries.machines import beside
from trailhouse.queries.note import counts_nothing, note_on
from trailhouse.queries.orgs import unknown_among
from trailhouse.queries.periods import Period
from trailhouse.queries.question import Question, ask
from trailhouse.queries.report import Report
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.store import ClickHouseStore, our_errors
from trailhouse.queries.value import Row as Row  # noqa: PLC0414 - part of a Result
from trailhouse.queries.value import Value, localised
from trailhouse.sinks.clickhouse import Client
from trailhouse.stream import tracing

# Formats in which a report's figures leave for somewhere else.
FILES: Final = frozenset({"csv", "ndjson", "parquet", "svg"})


@dataclass(frozen=True, slots=True)
class Result:
    """A report's answer. Times in `rows` are in the time zone asked for; `landed_until` tells how fresh the store is.

    `rows` have the columns that are shown, `hidden` the others' values, row by row.
    `note` says why nothing is counted, where that is so; nobody has heard of `unknown_orgs`.
    `left_out` counts the machines that were active and are not counted (`machines.KINDS`), None = nobody is left out.
    """

    question: Question
    rows: tuple[Row, ...]
    asked_at: datetime
    landed_until: datetime | None
    elapsed_s: float
    note: str | None = None
    unknown_orgs: frozenset[str] = frozenset()
    hidden: tuple[Row, ...] = ()
    left_out: Mapping[str, int] | None = None

    @property
    def report(self) -> Report:
        return self.question.report

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown."""
        return tuple(column for column in self.question.report.columns if not column.is_hidden)

    def values(self, number: int) -> dict[str, Value]:
        """What row `number` (from 0) has in each column, hidden ones too."""
        shown = zip((column.name for column in self.columns), self.rows[number], strict=True)
        names = [column.name for column in self.report.columns if column.is_hidden]
        return dict(shown) | dict(zip(names, self.hidden[number] if names else (), strict=True))

    @property
    def is_so_far(self) -> bool:
        """Whether the period is still running, so that the figures may grow."""
        return self.state is State.SO_FAR

    @property
    def state(self) -> State:
        """How final the figures are, as a whole."""
        return self._state_of(self.question.period)

    @property
    def states(self) -> tuple[State, ...]:
        """How final each row is: by the day, week or month it is about, else as the whole."""
        about = self.report.about
        at = next((number for number, each in enumerate(self.columns) if each.type == "date"), None)
        if about is None or at is None:
            return (self.state,) * len(self.rows)
        bucket = about.bucket_of(self.question.own)
        days = [day if isinstance(day := row[at], date) else self.question.period.last for row in self.rows]
        if about.after:
            column = [each.name for each in self.columns].index(about.after)
            counts = [count if isinstance(count := row[column], int) else 0 for row in self.rows]
            days = [later(day, bucket, count) for day, count in zip(days, counts, strict=True)]
        by_day = {day: self._state_of(self.question.period.clip(*days_of(day, bucket))) for day in set(days)}
        return tuple(by_day[day] for day in days)

    def _state_of(self, period: Period) -> State:
        return state_of(period.until, now=self.asked_at, landed_until=self.landed_until)


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
    with tracing.span(f"report {report.name}") as span:
        span.set({"trailhouse.report": report.name})
        result = answer(client, prepare(client, report, caller, params, now=asked_at), asked_at=asked_at)
        span.set({"trailhouse.rows": len(result.rows)})
    return result


def answer(client: Client, question: Question, *, asked_at: datetime) -> Result:
    """Run a complete question; raises `StorageUnavailable`, and `ReportBroken` when the columns are not the header's."""
    started = time.perf_counter()
    with our_errors():
        result = client.query(question.spelled_sql, parameters=question.bindings)
    names = tuple(column.name for column in question.report.columns)
    # An answer without rows may come without names.
    if result.result_rows and tuple(result.column_names) != names:
        raise ReportBroken(
            question.report.name,
            f"the SQL gives {', '.join(result.column_names)}; the header says {', '.join(names)}",
        )
    zone = ZoneInfo(question.period.timezone)
    rows = _picked(question.report, result.result_rows, zone, is_hidden=False)
    store = ClickHouseStore(client)
    is_empty = counts_nothing(rows)
    said = beside(client, question)
    return Result(
        question=question,
        rows=rows,
        asked_at=asked_at,
        landed_until=said.landed_until,
        elapsed_s=time.perf_counter() - started,
        note=note_on(question, store) if is_empty else None,
        unknown_orgs=unknown_among(question.about, question.caller, store)
        if is_empty or len(question.orgs) > 1
        else frozenset(),
        left_out=said.left_out,
        hidden=_picked(question.report, result.result_rows, zone, is_hidden=True),
    )


def record_reading(audit: SelfAudit, who: Who, result: Result, form: str) -> None:
    """Record that a report was read, in the log of each organisation; what leaves as a file is an export.

    Raises `NotRecorded`. A name that is no organisation's, and nobody's right, is not made one by being asked for.
    """
    details: dict[str, str | int] = {"report": result.report.name, "format": form, "rows": len(result.rows)}
    record_question(audit, who, result.question, form, details, unknown=result.unknown_orgs)


def record_explaining(audit: SelfAudit, who: Who, explanation: Explanation, form: str) -> None:
    """Record that the events behind a row were read, as `record_reading` does; not which row, it may name a person."""
    details: dict[str, str | int] = {
        "report": explanation.question.report.name,
        "format": form,
        "rows": len(explanation.rows),
        "explained": 1,
    }
    record_question(audit, who, explanation.question, form, details, unknown=explanation.unknown_orgs)


def record_question(  # noqa: PLR0913 - what a reading is
    audit: SelfAudit,
    who: Who,
    question: Question,
    form: str,
    details: Mapping[str, str | int],
    *,
    unknown: frozenset[str] = frozenset(),
) -> None:
    """Record one reading of what a question is about; raises `NotRecorded`."""
    for org in question.orgs or ("",):
        is_real = org not in unknown
        audit.record(
            "export:create" if form in FILES else "analytics:read",
            org if is_real else None,
            who,
            details={
                **details,
                "asked_org": "" if is_real else org,
                "first_day": question.period.first.isoformat(),
                "last_day": question.period.last.isoformat(),
                "pii_shown": question.caller.read_pii,
            },
        )


def _or_clock(now: datetime | None) -> datetime:
    return datetime.now(UTC) if now is None else now


def _picked(
    report: Report, rows: Sequence[Sequence[Any]], zone: ZoneInfo, *, is_hidden: bool
) -> tuple[Row, ...]:
    wanted = [
        (number, column) for number, column in enumerate(report.columns) if column.is_hidden == is_hidden
    ]
    return tuple(tuple(_value(column, row[number], zone) for number, column in wanted) for row in rows)


def _value(column: Column, value: Any, zone: ZoneInfo) -> Value:
    """What the driver gave, as the column's type: `datetime.date`, aware `datetime`, `int`, `float` or `str`."""
    if value is None:
        return None
    if column.type == "time":
        return localised(value, zone)
    if column.type == "integer":
        return int(value)
    if column.type == "number":
        return float(value) if math.isfinite(value) else None
    if column.type == "date":
        return date(value.year, value.month, value.day)
    return str(value)
