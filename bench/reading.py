"""Sections of the page about those who read: the audit log, the archive, reports, the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import archive, audit, reports, sections
from bench.duck import DUCKDB
from bench.figures import figure, ratio
from bench.sections import Rows, table
from bench.targets import DASHBOARD_EVENTS


def of_audit(rows: Rows) -> str:
    lines = []
    for name in (audit.DRIVER, *audit.FORMS):
        rate = figure(rows, name, "rate")
        share = ratio(rows, name, audit.DRIVER)
        peak = f"{figure(rows, name, 'rss_peak_mb').high:.0f}" if name != audit.DRIVER else ""
        lines.append(
            [name, f"{rate.median:,.0f}", rate.spread, "" if share is None else f"{share:.2f}", peak]
        )
    count = f"{rows[0]['rows']:,}".replace(",", " ")
    head = ["contender", "entries/s, median", "spread", "of the driver's rate", "API, peak MB"]
    return (
        f"## Audit log\n\nAll {count} entries of one organisation, four weeks, in order of time. The driver gives Python"
        f" values, the API bytes.\n\n{table(head, lines)}{_pages(rows)}"
    )


def _pages(rows: Rows) -> str:
    """How far into the event log a page is should cost nothing."""
    found = {name: figure(rows, name, "ms") for name in audit.PAGES}
    if not all(each.runs for each in found.values()):
        return ""
    size = next(row["events"] for row in rows if row["contender"] == audit.FAR_PAGE)
    told = ", ".join(f"{name.rpartition(', ')[2]} in {each.median:.1f} ms" for name, each in found.items())
    return f"\nThe event log by cursor, {size} events a page: {told}. [Why](floors.md#page-1-000-of-the-event-log) page 1 costs less.\n"


def of_archive(rows: Rows) -> str:
    lines = []
    for name in (archive.ARCHIVING, archive.VERIFYING, archive.RESTORING):
        rate = figure(rows, name, "rate")
        own, engine = (
            figure(rows, name, f"cpu_s_per_million.{role}").median for role in ("archiver", "clickhouse")
        )
        lines.append([name, f"{rate.median:,.0f}", rate.spread, f"{own:.3g}", f"{engine:.3g}"])
    sizes = {
        name: figure(rows, archive.SIZES, f"mb_per_million.{name}").median for name in ("records", "entries")
    }
    count = f"{rows[0]['events']:,}".replace(",", " ")
    head = ["", "events/s, median", "spread", "CPU s per million: archive", "ClickHouse"]
    return (
        f"## The archive\n\n{count} events from ClickHouse into a folder, proven, and back into an empty database. A million of"
        f" them are {sizes['records']:.0f} MB of records and {sizes['entries']:.0f} MB of audit log entries.\n\n{table(head, lines)}"
    )


def of_reports(rows: Rows) -> str:
    asked = [row for row in rows if "events_read_share" in row]
    by_name = {
        row["contender"]: row for row in rows if row not in asked or row["days"] == reports.WINDOW_DAYS
    }
    load = by_name["load"]
    loaded = f"; loaded at {load['rate']:,.0f} events/s into all tables" if "rate" in load else ""
    lines = [
        [
            f"`{name}`",
            f"{row['p50_ms']:.0f}",
            f"{row['p95_ms']:.0f}",
            f"{row['events_read_share']:.2%}",
            *(_times(by_name.get(f"{name}: {what}"), row) for what in (*reports.PLAINLY, DUCKDB)),
        ]
        for name, row in by_name.items()
        if "events_read_share" in row
    ]
    head = [
        "report",
        "p50, ms",
        "p95, ms",
        "reads of `events`",
        *(f"{what} takes" for what in (*reports.PLAINLY, DUCKDB)),
    ]
    tables = [
        [f"`{name.removeprefix('table ')}`", f"{row['rows']:,}", f"{row['bytes_per_event']:.1f}"]
        for name, row in by_name.items()
        if name.startswith("table ")
    ]
    return (
        f"## Reports over {load['events']:,} events\n\n20 organisations, 15 months, asked about {reports.WINDOW_DAYS} days of the"
        f" largest, which has three tenths of the events{loaded}.{_askings(by_name)}\n\n{sections.lacking(rows)}{table(head, lines)}\n"
        f"{_windows(asked)}{_growth(asked)}On disk:\n\n{table(['table', 'rows', 'bytes per event'], tables)}"
    )


def _askings(by_name: Mapping[str, Mapping[str, Any]]) -> str:
    """How often each report of the table was asked; nothing where results are of a time that did not say so."""
    asked = [row["askings"] for row in by_name.values() if "events_read_share" in row and "askings" in row]
    if not asked:
        return ""
    least, most = min(asked), max(asked)
    times = f"{most} times" if least == most else f"{least} to {most} times, the slow ones less often"
    return (
        f" Each report was asked once in each of {len(reports.ZONES)} time zones first, to warm up, which does not count: the first"
        f" asking after a start takes longer. Then {times}, in the same zones in turns; of 100 askings, 95 took no longer than the p95."
    )


def _windows(asked: Rows) -> str:
    """The same report about shorter and longer periods, all events stored."""
    stored = max(row["stored"] for row in asked)
    spans = (reports.MONTH_DAYS, reports.WINDOW_DAYS, reports.YEAR_DAYS)
    found = {(row["contender"], row["days"]): row["p50_ms"] for row in asked if row["stored"] == stored}
    lines = [
        [f"`{name}`", *(f"{found[name, days]:.0f}" if (name, days) in found else "" for days in spans)]
        for name in reports.PLAIN
    ]
    return f"It grows with the period, in milliseconds (p50):\n\n{table(['report', *(f'{days} days' for days in spans)], lines)}\n"


def _growth(asked: Rows) -> str:
    """Every report about the last month, after a part of the history and after all of it."""
    month = [row for row in asked if row["days"] == reports.MONTH_DAYS]
    sizes = sorted({row["stored"] for row in month})
    if len(sizes) == 1:
        return ""
    found = {(row["contender"], row["stored"]): row["p50_ms"] for row in month}
    lines = [
        [f"`{name}`", *(f"{found[name, size]:.0f}" if (name, size) in found else "" for size in sizes)]
        for name in dict.fromkeys(row["contender"] for row in month)
    ]
    head = ["report", *(f"of {size:,} events" for size in sizes)]
    return (
        "And not with what was stored before it: the last 30 days there were when a part of the history was loaded, in milliseconds"
        f" (p50). The installation grows, too: its last day has twice the events of its first.\n\n{table(head, lines)}\n"
    )


def of_dashboard(rows: Rows) -> str:
    by_name = {row["contender"]: row for row in rows}
    load, crowd = by_name["load"], by_name["readers"]
    lines = [
        [
            row["contender"].removeprefix("page "),
            f"{row['p50_ms']:.0f}",
            f"{row['p95_ms']:.0f}",
            f"{row['bytes'] / 1000:.1f}",
            str(row["csp_reports"]),
        ]
        for row in rows
        if row["contender"].startswith("page ")
    ]
    before, during = crowd["freshness_before_s"], crowd["freshness_during_s"]
    size = f"{load['events']:,}".replace(",", " ")
    small = (
        ""
        if load["events"] >= DASHBOARD_EVENTS
        else " **A small run, to show that it runs; the bars are set for 20 million events.**"
    )
    head = ["page", "first paint p50, ms", "p95, ms", "first visit, kB", "refused by the policy"]
    return (
        f"## Dashboard over {size} events\n\n20 organisations, 15 months; the largest one's pages in Chromium, the server warm, the"
        f" engine under it on the same cores.{small} First paint is asked to be under 300 ms (p95), a first visit at most 60 kB as it"
        f" travels, nothing refused.\n\n{table(head, lines)}\n"
        f"{crowd['readers']} people who open a page every ten seconds, for {crowd['seconds']:.0f} s, while {crowd['events_per_s']:,.0f} events"
        f" a second come in: {crowd['answers']} answers, **{crowd['errors']} errors**, p50 {crowd['p50_ms']:.0f} ms, p95 {crowd['p95_ms']:.0f} ms."
        f" The newest stored event was {before['p50']:.1f} s old (p95 {before['p95']:.1f} s) without them and {during['p50']:.1f} s"
        f" (p95 {during['p95']:.1f} s) with them.\n"
    )


def _times(row: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> str:
    if row is None:
        return ""
    return f"{row['p50_ms'] / ours['p50_ms']:.1f} x" if "p50_ms" in row else "not measured"
