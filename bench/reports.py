"""Every report over months of a large installation: how long it takes, what it reads, and the same question in plain SQL."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import duck
from bench.database import fresh_database, kept_database
from bench.figures import percentile
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
LAST: Final = FIRST + timedelta(days=DAYS - 2)
MONTH_DAYS: Final = 30
WINDOW_DAYS: Final = 90
YEAR_DAYS: Final = 365
#: Shares of the history after which every report is asked about the month that has just been.
GROWTH: Final = (0.1, 0.3, 1.0)
STEP_ROWS: Final = 1_000_000
#: A report is asked so often when it is quick; when it is not, for so long, and at least `runs` times in each zone.
ASKINGS: Final = 40
ASKED_FOR_S: Final = 10.0
# Zones whose days begin at other quarter-hours, so that no answer can be the one before.
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Adelaide")
# About the installation rather than an organisation's people: what they cost grows with other things.
APART: Final = frozenset({"balance_by_hour", "rejected_by_reason", "who_read_what"})
#: Of these an answer lists people, things or incidents; of all others it is figures.
LISTS: Final = frozenset(
    {
        "activated_users",
        "activity_outside_working_hours",
        "api_key_use_after_rotation",
        "data_sources",
        "failed_logins",
        "first_seen_addresses",
        "inactive_users",
        "last_logins",
        "latest_logins",
        "many_deletions",
        "privilege_changes",
        "seats_unused",
        "service_accounts_used_by_people",
    }
)
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


def compare(  # noqa: PLR0913 - what a run of it is
    stage: Stage,
    count: int,
    runs: int,
    say: Callable[[str], None],
    *,
    is_kept: bool = False,
    before: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Loads `count` events, then asks every report about the last 90 days of the largest organisation (`askings`);
    beside three of them plain SQL over the events, ClickHouse's estimate, and DuckDB over the same rows in Parquet.

    With `is_kept` the database stays, and one that has the events already is asked without loading: that takes a second
    of each report rather than half an hour, so a change of a report's SQL can be measured at 100 million events at once.
    What only a load can tell is then said as it was `before`.
    """
    with (kept_database if is_kept else fresh_database)(stage.server, "reports") as database:
        trial = _Trial(database.client, count, runs, say)
        known = {name: each for name, each in load().items() if name not in APART}
        if trial.is_filled():
            rows = [
                dict(row) for row in before if row["contender"] in {"load", "seal"} or row.get("is_grown")
            ]
        else:
            rows = trial.grow(known.values())
        rows += [trial.measure(each) for each in known.values()]
        rows += [row for name in PLAIN for row in trial.plainly(known[name])]
        rows += [trial.measure(known[name], days) for name in PLAIN for days in (MONTH_DAYS, YEAR_DAYS)]
        rows += trial.in_duckdb(known)
        return rows + trial.sizes()


def fill(  # noqa: PLR0913 - a part of a history
    client: Client,
    count: int,
    say: Callable[[str], None],
    *,
    first: date = FIRST,
    begin: int = 0,
    end: int | None = None,
) -> dict[str, Any]:
    """Load the people, then the history in the order it happened, its `DAYS` days from `first` on: of its `count` events those from `begin` to `end`."""
    if begin == 0:
        client.command(ROSTER, parameters={"people": PEOPLE, "first": first}, settings=dict(INSERT_SETTINGS))
    started, last = time.monotonic(), count if end is None else end
    for start in range(begin, last, STEP_ROWS):
        values = {
            "start": start,
            "rows": min(STEP_ROWS, last - start),
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
    took = time.monotonic() - started
    return {"contender": "load", "events": last, "rate": (last - begin) / took, "seconds": took}


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
        # What rosters and invitations say of the people are events, too.
        if found and not self.count <= found <= self.count + 2 * PEOPLE:
            raise RunFailed(
                f"the kept database has {found:,} events, not {self.count:,}: keep this run in another folder"
            )
        return found > 0

    def grow(self, known: Iterable[Report]) -> list[dict[str, Any]]:
        """Load the history in parts; at the end of each, every report about the last 30 days there were by then.

        What a report costs must not grow with what was stored before its period.
        """
        rows, begin, seconds, reports = [], 0, 0.0, list(known)
        for share in GROWTH:
            end = int(self.count * share)
            seconds += fill(self.client, self.count, self.say, begin=begin, end=end)["seconds"]
            rows.append(self.seal())
            last = day_of(end, self.count) - timedelta(days=2)
            rows += [
                {**self.measure(each, MONTH_DAYS, last, end, wanted=0), "is_grown": True} for each in reports
            ]
            begin = end
        return [{"contender": "load", "events": self.count, "rate": self.count / seconds}, *rows]

    def seal(self) -> dict[str, Any]:
        """Plain counts of the finished days, as the sink makes them in the background once a day has been left alone."""
        started = time.monotonic()
        days = sum(seal(self.client, quiet_s=0))
        took = time.monotonic() - started
        self.say(f"  {days:,} days of organisations sealed in {took:.0f} s")
        return {"contender": "seal", "days": days, "rate": days / took}

    def measure(
        self,
        report: Report,
        days: int = WINDOW_DAYS,
        last: date = LAST,
        stored: int | None = None,
        *,
        wanted: int = ASKINGS,
    ) -> dict[str, Any]:
        """One report in every zone, about the `days` up to `last`: milliseconds, rows of the answer, share of `events` it reads."""
        questions = [_ask(self.client, report, days, zone, last) for zone in ZONES]
        answers = 0

        def put(number: int) -> None:
            nonlocal answers
            question = questions[number]
            found = self.client.query(question.spelled_sql, parameters=question.bindings)
            answers = len(found.result_rows)

        took = askings(put, len(questions), least=self.runs * len(questions), wanted=wanted)
        stored = stored or self.count
        share = _events_read(self.client, questions[0]) / stored
        p50, p95 = statistics.median(took), percentile(took, 0.95)
        self.say(
            f"  {report.name:40} {days:3} days  p50 {p50:7.0f} ms  p95 {p95:7.0f} ms  reads {share:.3%} of events"
        )
        return {
            "contender": report.name,
            "days": days,
            "stored": stored,
            "rows": answers,
            "askings": len(took),
            "p50_ms": p50,
            "p95_ms": p95,
            "events_read_share": share,
        }

    def plainly(self, report: Report) -> Iterator[dict[str, Any]]:
        """The same question asked of `events` itself: exactly, and as ClickHouse estimates it."""
        period = _ask(self.client, report, WINDOW_DAYS, "UTC", LAST).period
        scope = f"org_id = '{LARGEST}' AND toDate(occurred_at) BETWEEN '{period.first}' AND '{period.last}'"
        for what, (count, final) in PLAINLY.items():
            text = PLAIN[report.name].format(count=count, final=final, scope=scope)
            took = askings(partial(self._put, text), 1, least=self.runs)
            self.say(f"  {report.name + ', ' + what:40} p50 {statistics.median(took):7.0f} ms")
            yield {
                "contender": f"{report.name}: {what}",
                "askings": len(took),
                "p50_ms": statistics.median(took),
                "p95_ms": percentile(took, 0.95),
            }

    def _put(self, text: str, _: int) -> None:
        self.client.query(text)

    def in_duckdb(self, known: Mapping[str, Report]) -> list[dict[str, Any]]:
        """The same plain questions of DuckDB over the same rows in Parquet."""
        period = _ask(self.client, known["active_users"], WINDOW_DAYS, "UTC", LAST).period
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


def askings(  # noqa: PLR0913 - how often, and for how long
    put: Callable[[int], object],
    kinds: int,
    *,
    least: int,
    wanted: int = 0,
    seconds: float = ASKED_FOR_S,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Milliseconds that each `put(0)` … `put(kinds - 1)` took, in turns, after one round that does not count.

    That one finds what nobody asked about since the start: files to open, caches to fill. `wanted` times, as long as they take
    no more than `seconds`; but not fewer than `least`.
    """
    for kind in range(kinds):
        put(kind)
    took: list[float] = []
    begun = clock()
    for kind in itertools.cycle(range(kinds)):
        started = clock()
        if len(took) >= least and (len(took) >= wanted or started - begun >= seconds):
            return took
        put(kind)
        took.append((clock() - started) * 1000)
    raise AssertionError("nothing to ask")


def day_of(number: int, count: int) -> date:
    """The day on which the event of that number happened: twice as many a day at the end as at the beginning, as in history.sql."""
    return FIRST + timedelta(days=int(DAYS * (math.sqrt(1 + 3 * number / count) - 1)))


def _ask(client: Client, report: Report, days: int, timezone: str, last: date) -> Question:
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
    found = client.query(f"EXPLAIN ESTIMATE {question.spelled_sql}", parameters=question.bindings).result_rows
    return sum(int(row[3]) for row in found if row[1] == "events")
