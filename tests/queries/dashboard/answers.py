"""Answers of reports made by hand, for what is drawn of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from trailhouse.queries.caller import Caller
from trailhouse.queries.header import About, Column
from trailhouse.queries.question import ask
from trailhouse.queries.report import Report
from trailhouse.queries.reports import load
from trailhouse.queries.runner import Result
from trailhouse.sinks.org_settings import OrgSettings

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
DAY = Column("day", "date", "local day", "a day")
WEEK = Column("week", "date", "Monday", "a week")
MONTH = Column("month", "date", "month", "a month")
USERS = Column("active_users", "integer", "users", "users")
NAME = Column("action", "text", "action", "what was done")


class Nothing:
    """A store that holds nothing."""

    def orgs(self) -> list[str]:
        return []

    def first_event(self, org: str) -> datetime | None:
        return None

    def first_reject(self, org: str) -> datetime | None:
        return None

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        return []

    def company(self, name: str) -> list[str]:
        return []

    def knows(self, org: str) -> bool:
        return False


def report_of(chart: str, columns: Sequence[Column], bucket: str = "day") -> Report:
    """A report with this chart and these columns."""
    report = load()["users_active_over_time"]
    return dataclasses.replace(
        report,
        about=About(bucket),
        explain=dataclasses.replace(report.explain, bucket=bucket),  # type: ignore[arg-type] # as the headers say it
        chart=chart,  # type: ignore[arg-type] # as the headers of files say it
        columns=tuple(columns),
    )


def answer(
    chart: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    last: str = "60d",
    note: str | None = None,
    bucket: str = "day",
) -> Result:
    """What such a report answered at `NOW`."""
    params = {"org": "acme", "last": last}
    question = ask(report_of(chart, columns, bucket), Caller.operator(), params, store=Nothing(), now=NOW)
    return Result(question, tuple(tuple(row) for row in rows), NOW, NOW, 0.01, note)
