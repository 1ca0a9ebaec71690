"""`docs/performance.md`, written whole from the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import archive, audit, freshness, reports
from bench.emitter import EMITTER, IN_MEMORY, PLAIN
from bench.figures import contenders, figure, ratio
from bench.path import ROLES
from bench.sink import INFILE, SINK
from bench.worker import CLASSIC, OURS, QUIX

#: What the dashboard's bars are set for.
DASHBOARD_EVENTS = 20_000_000
Rows = Sequence[Mapping[str, Any]]

HEAD = """# Performance

This page is written by `make bench` (the short form, under ten minutes) and `python -m bench --soak-memory` (memory over five million events) from [bench/results](../bench/results). Absolute figures belong to the machine named below; the ratios are what to compare: all contenders of a table ran in turns, in the same minutes, on the same broker and engine.
"""

METHOD = """## How it is measured

- **Events**: 435 bytes on average, three organisations, 12 000 people with a power law of activity, machines, some texts that hold personal data, late events, one record in 200 that must be rejected ([bench/events.py](../bench/events.py)). Four partitions, a real Kafka broker, the real ClickHouse engine; broker, engine and contenders share the cores.
- **Worker**: one record in, one record out. Every contender reads a full topic from its start in a group of its own and writes to a topic of its own. The rate is the records over the broker's time from the first output to the last: interpreter start-up and joining the group are not in it; fetching, decoding, enriching, encoding, compressing and confirmed writing are. All of them call the same functions (`decode`, `STEPS`, `encode`); a peer calls them record by record, as its interface asks. The slow peer gets a shorter topic of the same events. A run counts only if the contender wrote exactly one record for each input, the same number of rejected ones, and the same distinct users as the others.
- **Peers** are at their own defaults, but for what makes them faster on this task: lz4 for the output of quixstreams; the classic agent runs twice, as its tutorial writes it and with its producer tuned (lz4, batches of a megabyte, 10 ms of patience). Each has an environment of its own, locked by hashes ([bench/peers](../bench/peers)). Neither peer writes dead letters or keeps exact offsets; Trailhouse does both here.
- **Sink**: the enriched topic is full; the rate is what the group commits (a commit follows its insert) from the first commit to the last. `INSERT … FROM INFILE` gets the same rows in files of as many rows as a batch may hold, the same tables, views and settings, without Kafka, HTTP or bookkeeping; its first insert is left out too.
- **Whole path**: worker and sink run together on a full raw topic. **CPU** is user and system time of each process per million events, over the same span as the rate.
"""


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


def render(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page; parts without results are left out."""
    rows = {name: result["runs"] for name, result in results.items()}
    parts = [HEAD, _summary(rows)]
    tables = {
        "worker": _worker,
        "sink": _sink,
        "path": _path,
        "emitter": _emitter,
        "stack": _stack,
        "audit": _audit,
        "archive": _archive,
        "reports": _reports,
        "dashboard": _dashboard,
        "soak": _soak,
    }
    parts += [table(rows[name]) for name, table in tables.items() if name in rows]
    parts += [METHOD, _machines(results)]
    return "\n".join(parts)


def _summary(rows: Mapping[str, Rows]) -> str:
    pages = [row for row in rows.get("dashboard", []) if row["contender"].startswith("page ")]
    if not any(row.get("events", 0) >= DASHBOARD_EVENTS for row in rows.get("dashboard", [])):
        pages = []
    worker, sink, stack = rows.get("worker", []), rows.get("sink", []), rows.get("stack", [])
    targets = (
        Target(
            "Stream worker against the classic Faust agent",
            ratio(worker, OURS, CLASSIC),
            " x",
            20,
            is_least=True,
        ),
        Target(
            "Stream worker against quixstreams, same enrichment",
            ratio(worker, OURS, QUIX),
            " x",
            1.5,
            is_least=True,
        ),
        Target(
            "Sink against `INSERT … FROM INFILE` of the same rows",
            ratio(sink, SINK, INFILE),
            " x",
            0.5,
            is_least=True,
        ),
        Target(
            "Audit log over HTTP against the same SELECT by the driver",
            ratio(rows.get("audit", []), audit.OURS, audit.DRIVER),
            " x",
            0.5,
            is_least=True,
        ),
        Target(
            "Memory of the API while it streams the audit log",
            _peak(rows.get("audit", [])),
            " MB",
            200,
            is_least=False,
        ),
        Target(
            f"From `emit` to a report at {freshness.EVENTS_PER_S:,} events/s, p95",
            figure(rows.get("path", []), "emit to report", "p95_s").median or None,
            " s",
            2,
            is_least=False,
        ),
        Target(
            "First paint of the slowest dashboard page, p95",
            max((row["p95_ms"] for row in pages), default=None),
            " ms",
            300,
            is_least=False,
        ),
        Target(
            "Weight of the heaviest page on a first visit",
            max((row["bytes"] / 1000 for row in pages), default=None),
            " kB",
            60,
            is_least=False,
        ),
        Target("`emit` at level fast, median", _call(rows, "p50_us"), " µs", 10, is_least=False),
        Target("`emit` at level fast, 99th percentile", _call(rows, "p99_us"), " µs", 40, is_least=False),
        Target("`trailhouse up` until everything answers", _seconds(stack, "up"), " s", 15, is_least=False),
        Target(
            "`trailhouse import git --wait`, 100 000 commits",
            _seconds(stack, "import git"),
            " s",
            30,
            is_least=False,
        ),
    )
    return "| | measured | target | |\n| --- | --- | --- | --- |\n" + "".join(
        f"{each.line}\n" for each in targets
    )


def _call(rows: Mapping[str, Rows], key: str) -> float | None:
    found = [row[key] for row in rows.get("emitter", []) if row["contender"] == "emit: fast, calls in a row"]
    return found[0] if found else None


def _seconds(rows: Rows, contender: str) -> float | None:
    found = figure(rows, contender, "seconds")
    return found.median if found.runs else None


def _worker(rows: Rows) -> str:
    lines = []
    for name in contenders(rows):
        rate = figure(rows, name, "rate")
        if not rate.runs:
            lines.append([name, "void", "", "", "", ""])
            continue
        against = ratio(rows, OURS, name)
        cpu, rss = figure(rows, name, "cpu_s_per_million"), figure(rows, name, "rss_peak_mb")
        times = "" if name == OURS or against is None else f"{against:.3g} x"
        lines.append(
            [name, times, f"{rate.median:,.0f}", rate.spread, f"{cpu.median:.3g}", f"{rss.median:.0f}"]
        )
    head = ["contender", "Trailhouse is", "events/s, median", "spread", "CPU s per million", "peak MB"]
    return f"## Stream worker\n\n{_table(head, lines)}"


def _sink(rows: Rows) -> str:
    lines = []
    for name in (SINK, INFILE):
        rate, engine = figure(rows, name, "rate"), figure(rows, name, "cpu_s_per_million.clickhouse")
        own = f"{figure(rows, name, 'cpu_s_per_million.sink').median:.3g}" if name == SINK else ""
        lines.append([name, f"{rate.median:,.0f}", rate.spread, own, f"{engine.median:.3g}"])
    share = ratio(rows, SINK, INFILE)
    said = "" if share is None else f"The sink reaches **{share:.2f}** of ClickHouse's own rate.\n\n"
    head = ["contender", "rows/s, median", "spread", "CPU s per million: sink", "ClickHouse"]
    return f"## Sink, into all tables and views\n\n{said}{_table(head, lines)}"


def _path(rows: Rows) -> str:
    name = "whole path"
    rate = figure(rows, name, "rate")
    cpu = {role: figure(rows, name, f"cpu_s_per_million.{role}").median for role in ROLES}
    total = sum(cpu.values()) or 1.0
    lines = [[role, f"{seconds:.3g}", f"{seconds / total:.0%}"] for role, seconds in cpu.items()]
    alone = next((row for row in rows if row["contender"] == "one event"), None)
    fresh = (
        f" One event on an idle path can be queried after {alone['median_s']:.2f} s (at most {alone['max_s']:.2f} s)."
        if alone
        else ""
    )
    flowing = next((row for row in rows if row["contender"] == "emit to report"), None)
    if flowing:
        fresh += (
            f" While {flowing['events_per_s']:,.0f} others a second come in, an event is counted by a report {flowing['p50_s']:.2f} s after"
            f" the call of `emit` (p95 {flowing['p95_s']:.2f} s, p99 {flowing['p99_s']:.2f} s)."
        )
    return (
        f"## Whole path, raw topic to queryable\n\n{rate.median:,.0f} events/s ({rate.spread}), all four processes on the same"
        f" cores.{fresh} Where the time goes:\n\n{_table(['process', 'CPU s per million', 'share'], lines)}"
    )


def _emitter(rows: Rows) -> str:
    lines = []
    for name in (EMITTER, IN_MEMORY, PLAIN):
        if name not in contenders(rows):
            continue
        rate, cpu = figure(rows, name, "rate"), figure(rows, name, "cpu_s_per_million")
        lines.append(
            [
                name if name == PLAIN else f"`{name}`",
                f"{rate.median:,.0f}",
                rate.spread,
                f"{cpu.median:.3g}",
            ]
        )
    share = ratio(rows, EMITTER, PLAIN)
    said = (
        ""
        if share is None
        else f"Checking, minting ids, encoding, writing to the spool and reading back leave **{share:.2f}** of the driver's own rate.\n\n"
    )
    head = ["contender", "events/s, median", "spread", "CPU s per million"]
    calls = [
        [
            row["contender"].removeprefix("emit: "),
            *(f"{row[key]:.1f}" for key in ("p50_us", "p99_us", "p99.9_us")),
        ]
        for row in rows
        if "p50_us" in row
    ]
    parts = [f"## Emitter, from the call to Kafka's confirmation\n\n{said}{_table(head, lines)}"]
    if calls:
        parts.append(
            "What a call costs its caller, in microseconds, encoding and the write to the spool included:\n\n"
            + _table(["level, pace", "p50", "p99", "p99.9"], calls)
        )
    return "\n".join(parts)


def _stack(rows: Rows) -> str:
    up = figure(rows, "up", "seconds")
    text = f"`trailhouse up` in a new folder: {up.median:.1f} s ({up.low:.1f} to {up.high:.1f}).\n"
    for row in rows:
        if row["contender"] == "import git" and "void" not in row:
            commits = f"{row['commits']:,}".replace(",", " ")
            text += f"\n`trailhouse import git --wait` of a repository of {commits} commits: {row['seconds']:.1f} s until everything can be queried; the balance was 0.\n"
    return f"## What a newcomer waits for\n\n{text}"


def _peak(rows: Rows) -> float | None:
    return max((row["rss_peak_mb"] for row in rows if "rss_peak_mb" in row), default=None)


def _audit(rows: Rows) -> str:
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
        f" values, the API bytes.\n\n{_table(head, lines)}"
    )


def _archive(rows: Rows) -> str:
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
        f" them are {sizes['records']:.0f} MB of records and {sizes['entries']:.0f} MB of audit log entries.\n\n{_table(head, lines)}"
    )


def _reports(rows: Rows) -> str:
    asked = [row for row in rows if "events_read_share" in row]
    by_name = {
        row["contender"]: row for row in rows if row not in asked or row["days"] == reports.WINDOW_DAYS
    }
    load = by_name["load"]
    lines = [
        [
            f"`{name}`",
            f"{row['p50_ms']:.0f}",
            f"{row['p95_ms']:.0f}",
            f"{row['events_read_share']:.2%}",
            *(_times(by_name.get(f"{name}: {what}"), row) for what in reports.PLAINLY),
        ]
        for name, row in by_name.items()
        if "events_read_share" in row
    ]
    head = [
        "report",
        "p50, ms",
        "p95, ms",
        "reads of `events`",
        *(f"{what} takes" for what in reports.PLAINLY),
    ]
    tables = [
        [f"`{name.removeprefix('table ')}`", f"{row['rows']:,}", f"{row['bytes_per_event']:.1f}"]
        for name, row in by_name.items()
        if name.startswith("table ")
    ]
    loaded = f"; loaded at {load['rate']:,.0f} events/s into all tables" if "rate" in load else ""
    return (
        f"## Reports over {load['events']:,} events\n\n20 organisations, 15 months, asked about {reports.WINDOW_DAYS} days of the"
        f" largest, which has three tenths of the events{loaded}.\n\n{_table(head, lines)}\n"
        f"{_windows(asked)}{_growth(asked)}On disk:\n\n{_table(['table', 'rows', 'bytes per event'], tables)}"
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
    return f"It grows with the period, in milliseconds (p50):\n\n{_table(['report', *(f'{days} days' for days in spans)], lines)}\n"


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
        f" (p50). The installation grows, too: its last day has twice the events of its first.\n\n{_table(head, lines)}\n"
    )


def _dashboard(rows: Rows) -> str:
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
        f" travels, nothing refused.\n\n{_table(head, lines)}\n"
        f"{crowd['readers']} people who open a page every ten seconds, for {crowd['seconds']:.0f} s, while {crowd['events_per_s']:,.0f} events"
        f" a second come in: {crowd['answers']} answers, **{crowd['errors']} errors**, p50 {crowd['p50_ms']:.0f} ms, p95 {crowd['p95_ms']:.0f} ms."
        f" The newest stored event was {before['p50']:.1f} s old (p95 {before['p95']:.1f} s) without them and {during['p50']:.1f} s"
        f" (p95 {during['p95']:.1f} s) with them.\n"
    )


def _times(row: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> str:
    return f"{row['p50_ms'] / ours['p50_ms']:.1f} x" if row else ""


def _soak(rows: Rows) -> str:
    (row,) = rows
    lines = [
        [f"{point['events']:,}".replace(",", " "), *(f"{point['rss_mb'][role]:.0f}" for role in ROLES)]
        for point in row["points"]
    ]
    growth = ", ".join(f"{role} {value:.2f}" for role, value in row["growth"].items())
    head = ["events", *(f"{role}, MB" for role in ROLES)]
    return f"## Memory over time\n\nLast value over the value at the half: {growth}.\n\n{_table(head, lines)}"


def _machines(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for name, result in results.items():
        each = result["machine"]
        lines.append([name, each["measured_at"], f"{each['load_before']:g}", f"{result['seconds']:.0f} s"])
    machine = next(iter(results.values()))["machine"] if results else {}
    versions = ", ".join(f"{name} {number}" for name, number in machine.get("versions", {}).items())
    said = (
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; {versions}."
        if machine
        else ""
    )
    return f"## The machine\n\n{said}\n\n{_table(['part', 'measured', 'load before', 'took'], lines)}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
