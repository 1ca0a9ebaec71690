"""Every report over months of a large installation: how long it takes, what it reads, and the same question in plain SQL."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench import duck
from bench.database import fresh_database, kept_database
from bench.stage import RunFailed, Stage
from trailhouse.queries.caller import Caller
from trailhouse.queries.question import Question
from trailhouse.queries.report import Report, load
from trailhouse.queries.runner import prepare
from trailhouse.sinks.clickhouse import INSERT_SETTINGS, Client
from trailhouse.sinks.seal import seal

HISTORY: Final = Path(__file__).with_name("history.sql").read_text()
ROSTER: Final = Path(__file__).with_name("roster.sql").read_text()
FIRST: Final = date(2025, 8, 1)
DAYS: Final = 456
PEOPLE: Final = 20_000
LARGEST: Final = "org-01"
WINDOW_DAYS: Final = 90
STEP_ROWS: Final = 1_000_000
# Zones whose days begin at other quarter-hours, so that no answer can be the one before.
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Adelaide")
# About the installation rather than an organisation's people: what they cost grows with other things.
APART: Final = frozenset({"balance_by_hour", "rejected_by_reason", "who_read_what"})
PLAIN: Final[Mapping[str, str]] = {
    "active_users": """
        SELECT {count}(user_ref) FROM events {final}
        WHERE {scope} AND is_activity AND user_ref != 0 AND actor_type = 'user'
    """,
    "weekly_active_users": """
        SELECT toStartOfWeek(occurred_at, 1) AS week, {count}(user_ref) FROM events {final}
        WHERE {scope} AND is_activity AND user_ref != 0 AND actor_type = 'user' GROUP BY week ORDER BY week
    """,
    "events_by_action": "SELECT action, {count}(event_id) AS n FROM events {final} WHERE {scope} GROUP BY action ORDER BY n DESC",
}
# What the question in plain SQL counts with, and how it reads: exactly, and as ClickHouse estimates it from unmerged rows.
PLAINLY: Final = {"plain SQL": ("uniqExact", "FINAL"), "approximate `uniq`": ("uniq", "")}
SIZES: Final = """
    SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
    WHERE active AND database = currentDatabase() GROUP BY table ORDER BY 3 DESC
"""


def compare(
    stage: Stage, count: int, runs: int, say: Callable[[str], None], *, is_kept: bool = False
) -> list[dict[str, Any]]:
    """Loads `count` events, then asks every report `5 x runs` times about the last 90 days of the largest organisation;
    beside three of them plain SQL over the events, ClickHouse's estimate, and DuckDB over the same rows in Parquet.

    With `is_kept` the database stays, and one that has the events already is asked without loading: that takes a second
    of each report rather than half an hour, so a change of a report's SQL can be measured at 100 million events at once.
    """
    with (kept_database if is_kept else fresh_database)(stage.server, "reports") as database:
        trial = _Trial(database.client, count, runs, say)
        if trial.is_filled():
            rows: list[dict[str, Any]] = [{"contender": "load", "events": count}]
        else:
            rows = [fill(database.client, count, say), trial.seal()]
        known = {name: each for name, each in load().items() if name not in APART}
        rows += [trial.measure(each) for each in known.values()]
        rows += [row for name in PLAIN for row in trial.plainly(known[name])]
        rows += trial.in_duckdb(known)
        for days in (30, 365):
            row = trial.measure(known["active_users"], days)
            rows.append({**row, "contender": f"active_users, {days} days"})
        return rows + trial.sizes()


def fill(client: Client, count: int, say: Callable[[str], None], *, first: date = FIRST) -> dict[str, Any]:
    """Load the people, then the history in the order it happened, its `DAYS` days from `first` on."""
    client.command(ROSTER, parameters={"people": PEOPLE, "first": first}, settings=dict(INSERT_SETTINGS))
    started = time.monotonic()
    for start in range(0, count, STEP_ROWS):
        values = {
            "start": start,
            "rows": min(STEP_ROWS, count - start),
            "count": count,
            "people": PEOPLE,
            "first": first,
            "days": DAYS,
        }
        # A short form has the same days in fewer rows, so more months in each block.
        settings = {**INSERT_SETTINGS, "max_partitions_per_insert_block": 0}
        client.command(HISTORY, parameters=values, settings=settings)
        if start % (10 * STEP_ROWS) == 0:
            say(f"  {start + STEP_ROWS:,} events after {time.monotonic() - started:.0f} s")
    return {"contender": "load", "events": count, "rate": count / (time.monotonic() - started)}


@dataclass(frozen=True, slots=True)
class _Trial:
    """A database, how many events it gets, and how often each question is put."""

    client: Client
    count: int
    runs: int
    say: Callable[[str], None]

    def is_filled(self) -> bool:
        """Whether an earlier run left its events. Raises `RunFailed` at another number of them."""
        found = int(self.client.query("SELECT count() FROM events").result_rows[0][0])
        if found not in {0, self.count}:
            raise RunFailed(
                f"the kept database has {found:,} events, not {self.count:,}: keep this run in another folder"
            )
        return found > 0

    def seal(self) -> dict[str, Any]:
        """Plain counts of the finished days, as the sink makes them in the background once a day has been left alone."""
        started = time.monotonic()
        days = sum(seal(self.client, quiet_s=0))
        took = time.monotonic() - started
        self.say(f"  {days:,} days of organisations sealed in {took:.0f} s")
        return {"contender": "seal", "days": days, "rate": days / took}

    def measure(self, report: Report, days: int = WINDOW_DAYS) -> dict[str, Any]:
        """One report in every zone: milliseconds, rows of the answer, share of `events` it reads."""
        questions = [_ask(self.client, report, days, zone) for zone in ZONES]
        took, answers = [], 0
        for run in range(self.runs * len(ZONES)):
            question = questions[run % len(ZONES)]
            started = time.perf_counter()
            answers = len(self.client.query(report.sql, parameters=question.bindings).result_rows)
            took.append((time.perf_counter() - started) * 1000)
        share = _events_read(self.client, questions[0]) / self.count
        p50, p95 = statistics.median(took), sorted(took)[int(len(took) * 0.95)]
        self.say(f"  {report.name:40} p50 {p50:7.0f} ms  p95 {p95:7.0f} ms  reads {share:.3%} of events")
        return {
            "contender": report.name,
            "rows": answers,
            "p50_ms": p50,
            "p95_ms": p95,
            "events_read_share": share,
        }

    def plainly(self, report: Report) -> Iterator[dict[str, Any]]:
        """The same question asked of `events` itself: exactly, and as ClickHouse estimates it."""
        period = _ask(self.client, report, WINDOW_DAYS, "UTC").period
        scope = f"org_id = '{LARGEST}' AND toDate(occurred_at) BETWEEN '{period.first}' AND '{period.last}'"
        for what, (count, final) in PLAINLY.items():
            text = PLAIN[report.name].format(count=count, final=final, scope=scope)
            took = []
            for _ in range(self.runs):
                started = time.perf_counter()
                self.client.query(text)
                took.append((time.perf_counter() - started) * 1000)
            self.say(f"  {report.name + ', ' + what:40} p50 {statistics.median(took):7.0f} ms")
            yield {
                "contender": f"{report.name}: {what}",
                "p50_ms": statistics.median(took),
                "p95_ms": max(took),
            }

    def in_duckdb(self, known: Mapping[str, Report]) -> list[dict[str, Any]]:
        """The same plain questions of DuckDB over the same rows in Parquet."""
        period = _ask(self.client, known["active_users"], WINDOW_DAYS, "UTC").period
        scope = f"org_id = '{LARGEST}' AND toDate(occurred_at) BETWEEN '{period.first}' AND '{period.last}'"
        count, final = PLAINLY["plain SQL"]
        answers = {
            name: self.client.query(text.format(count=count, final=final, scope=scope)).result_rows
            for name, text in PLAIN.items()
        }
        days = str(period.first), str(period.last)
        return duck.compare(self.client, LARGEST, days, answers, self.runs, self.say)

    def sizes(self) -> list[dict[str, Any]]:
        """Bytes on disk of each table, per event."""
        return [
            {"contender": f"table {table}", "rows": int(rows), "bytes_per_event": int(size) / self.count}
            for table, rows, size in self.client.query(SIZES).result_rows
        ]


def _ask(client: Client, report: Report, days: int, timezone: str) -> Question:
    last = FIRST + timedelta(days=DAYS - 2)
    params = {
        "org": LARGEST,
        "timezone": timezone,
        "since": (last - timedelta(days=days - 1)).isoformat(),
        "until": last.isoformat(),
    }
    now = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
    return prepare(client, report, Caller.operator(), params, now=now)


def _events_read(client: Client, question: Question) -> int:
    """Rows of `events` in the ranges its primary key leaves."""
    found = client.query(f"EXPLAIN ESTIMATE {question.report.sql}", parameters=question.bindings).result_rows
    return sum(int(row[3]) for row in found if row[1] == "events")
