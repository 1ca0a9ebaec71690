"""What the product has set itself, beside what was measured: the first table of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench import audit, freshness, reports, sections
from bench.emitter import EMITTER, POSTHOG, QUEUE_CROWD, SPOOL_CROWD
from bench.figures import contenders, figure, ratio
from bench.path import PASS_THROUGH, PATH, QUIX_PATH
from bench.sections import Rows
from bench.sink import INFILE, SINK
from bench.worker import CLASSIC, OURS, QUIX, TUNED

#: What the bars of reports and of the dashboard are set for.
REPORT_EVENTS: Final = 100_000_000
DASHBOARD_EVENTS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the summary: a ratio or a time, and what was asked of it."""

    text: str
    value: float | None
    unit: str
    wanted: float
    is_least: bool

    @property
    def line(self) -> str:
        sign = "at least" if self.is_least else "under"
        if self.value is None:
            return f"| {self.text} | not measured | {sign} {self.wanted:g}{self.unit} | |"
        met = self.value >= self.wanted if self.is_least else self.value < self.wanted
        return f"| {self.text} | **{self.value:.3g}{self.unit}** | {sign} {self.wanted:g}{self.unit} | {'met' if met else 'not met'} |"


def summary(rows: Mapping[str, Rows], profiles: Mapping[str, Mapping[str, Any]]) -> str:
    """A line for each target; `rows` by part."""
    pages = [row for row in rows.get("dashboard", []) if row["contender"].startswith("page ")]
    if not any(row.get("events", 0) >= DASHBOARD_EVENTS for row in rows.get("dashboard", [])):
        pages = []
    crowd = next((row for row in rows.get("dashboard", []) if row["contender"] == "readers" and pages), {})
    worker, sink, path = rows.get("worker", []), rows.get("sink", []), rows.get("path", [])
    emitter, log, stack = rows.get("emitter", []), rows.get("audit", []), rows.get("stack", [])
    fresh = rows.get("freshness", [])
    exact = sections.cost_of_exactness(profiles, path)
    posthog, spool = (
        ratio(emitter, POSTHOG, EMITTER, "p50_us"),
        ratio(emitter, SPOOL_CROWD, QUEUE_CROWD, "call_rate"),
    )
    least: tuple[tuple[str, float | None, str, float], ...] = (
        ("Stream worker against the classic Faust agent", ratio(worker, OURS, CLASSIC), " x", 40),
        ("Stream worker against quixstreams, same enrichment", ratio(worker, OURS, QUIX), " x", 2.5),
        ("Stream worker against the fastest other peer, same enrichment", _fastest(worker), " x", 1),
        ("Sink against `INSERT … FROM INFILE` of the same rows", ratio(sink, SINK, INFILE), " x", 0.7),
        ("Whole path against quixstreams and clickhouse-connect", ratio(path, PATH, QUIX_PATH), " x", 2),
        ("Whole path against a pass-through that enriches and checks nothing", ratio(path, PATH, PASS_THROUGH), " x", 0.5),
        ("A call of PostHog's SDK against one of `emit`, median", posthog, " x", 6),
        ("Spool that survives the machine against persist-queue, 64 threads", spool, " x", 10),
        ("Export of the audit log, thousand rows/s", _export(log), "", 50),
        ("Audit log over HTTP against the same SELECT by the driver", ratio(log, audit.OURS, audit.DRIVER), " x", 0.5),
        ("The same question over raw rows against a report, least", _raw_against_report(rows.get("reports", [])), " x", 50),
    )  # fmt: skip
    most: tuple[tuple[str, float | None, str, float], ...] = (
        ("Cost of exactness, of the whole path's CPU", None if exact is None else exact * 100, " %", 15),
        ("Page 1 000 of the event log against page 1", ratio(log, audit.FAR_PAGE, audit.FIRST_PAGE, "ms"), " x", 1.2),
        ("Memory of the API while it streams the audit log", _peak(log), " MB", 200),
        (f"From `emit` to a report at {freshness.EVENTS_PER_S:,} events/s, p95", _median(fresh, freshness.STEADY, "p95_s"), " s", 2),
        ("From `emit` to a report at half load, median", _median(fresh, freshness.HALF, "p50_s"), " s", 0.5),
        ("From `emit` to a report at half load, p99", _median(fresh, freshness.HALF, "p99_s"), " s", 1.5),
        ("The same while reports are read, median", _median(fresh, freshness.HALF_READ, "p50_s"), " s", 1),
        ("The same while reports are read, p99", _median(fresh, freshness.HALF_READ, "p99_s"), " s", 3),
        ("Slowest report of figures over 90 days of 100 million events, p95", _slowest(rows.get("reports", []), is_list=False), " ms", 150),
        ("Slowest list or report on security over the same, p95", _slowest(rows.get("reports", []), is_list=True), " ms", 1000),
        ("First paint of the slowest dashboard page, p95", max((row["p95_ms"] for row in pages), default=None), " ms", 300),
        ("Pages that failed while 50 people read them and 2,000 events/s came in", crowd.get("errors"), "", 1),
        ("Age of the newest stored event meanwhile, p95", _age(crowd), " s", 2),
        ("Weight of the heaviest page on a first visit", max((row["bytes"] / 1000 for row in pages), default=None), " kB", 60),
        ("`emit` at level fast, median", _call(rows, "p50_us"), " µs", 10),
        ("`emit` at level fast, 99th percentile", _call(rows, "p99_us"), " µs", 40),
        ("`trailhouse up` until everything answers", _seconds(stack, "up"), " s", 15),
        ("`trailhouse import git --wait`, 100 000 commits", _seconds(stack, "import git"), " s", 30),
    )  # fmt: skip
    targets = [Target(*each, is_least=True) for each in least] + [
        Target(*each, is_least=False) for each in most
    ]
    return "| | measured | target | |\n| --- | --- | --- | --- |\n" + "".join(
        f"{each.line}\n" for each in targets
    )


def _fastest(worker: Rows) -> float | None:
    """The smallest ratio to a peer that is neither quixstreams nor Faust."""
    others = [name for name in contenders(worker) if name not in {OURS, QUIX, CLASSIC, TUNED}]
    return min((found for name in others if (found := ratio(worker, OURS, name)) is not None), default=None)


def _raw_against_report(rows: Rows) -> float | None:
    """How many times as long plain SQL over events takes as the report, for the question where it is least."""
    # A report is asked about other periods, too; the plain question is not.
    by_name = {
        row["contender"]: row for row in rows if row.get("days", reports.WINDOW_DAYS) == reports.WINDOW_DAYS
    }
    plain = next(iter(reports.PLAINLY))
    found = [
        by_name[f"{name}: {plain}"]["p50_ms"] / by_name[name]["p50_ms"]
        for name in reports.PLAIN
        if name in by_name and f"{name}: {plain}" in by_name
    ]
    return min(found, default=None)


def _median(rows: Rows, contender: str, key: str) -> float | None:
    found = figure(rows, contender, key)
    return found.median if found.runs else None


def _age(crowd: Mapping[str, Any]) -> float | None:
    return float(crowd["freshness_during_s"]["p95"]) if crowd else None


def _slowest(rows: Rows, *, is_list: bool) -> float | None:
    """Of the reports asked about 90 days of the whole of a large history."""
    return max(
        (
            row["p95_ms"]
            for row in rows
            if row.get("days") == reports.WINDOW_DAYS
            and row.get("stored", 0) >= REPORT_EVENTS
            and not row.get("is_grown")
            and (row["contender"] in reports.LISTS) is is_list
        ),
        default=None,
    )


def _export(rows: Rows) -> float | None:
    rate = _median(rows, audit.OURS, "rate")
    return None if rate is None else rate / 1000


def _call(rows: Mapping[str, Rows], key: str) -> float | None:
    found = [row[key] for row in rows.get("emitter", []) if row["contender"] == "emit: fast, calls in a row"]
    return found[0] if found else None


def _seconds(rows: Rows, contender: str) -> float | None:
    return _median(rows, contender, "seconds")


def _peak(rows: Rows) -> float | None:
    return max((row["rss_peak_mb"] for row in rows if "rss_peak_mb" in row), default=None)
