"""`docs/performance.md`, written whole from the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import archive, audit, freshness, reports, sections
from bench.duck import DUCKDB
from bench.emitter import EMITTER, POSTHOG, QUEUE_CROWD, SPOOL_CROWD
from bench.figures import contenders, figure, ratio
from bench.looks.charts import RATIOS
from bench.path import PASS_THROUGH, PATH, QUIX_PATH, ROLES
from bench.sections import table
from bench.sink import INFILE, SINK
from bench.worker import CLASSIC, OURS, QUIX, TUNED

#: What the bars of reports and of the dashboard are set for.
REPORT_EVENTS = 100_000_000
DASHBOARD_EVENTS = 20_000_000
Rows = Sequence[Mapping[str, Any]]

HEAD = """# Performance

This page and its pictures are written by `make bench` (the short form), `make bench-full` (five runs of everything, on a machine that does nothing else) and `python -m bench --soak-memory` (memory over five million events) from [bench/results](../bench/results) and [bench/profiles](../bench/profiles). Absolute figures belong to the machine named below; the ratios are what to compare: all contenders of a table ran in turns, in the same minutes, on the same broker and engine. `make bench-guard` runs the short form again and fails when a ratio is more than 15 % worse than here. Where a target is not met, [this](floors.md) is why.
"""

METHOD = """## How it is measured

- **Events**: 435 bytes on average, three organisations, 12 000 people with a power law of activity, machines, some texts that hold personal data, late events, one record in 200 that must be rejected ([bench/events.py](../bench/events.py)). Four partitions, a real Kafka broker, the real ClickHouse engine; broker, engine and contenders share the cores.
- **Worker**: one record in, one record out. Every contender reads a full topic from its start in a group of its own and writes to a topic of its own. The rate is the records over the broker's time from the first output to the last: interpreter start-up and joining the group are not in it; fetching, decoding, enriching, encoding, compressing and confirmed writing are. (Where a fifth of the output or more comes at once, as of an engine that works in few large steps, the rate is counted from the start of the process.) All of them do the same enrichment with the product's code: a peer record by record, as its interface asks (`decode`, `STEPS`, `encode`), Trailhouse by bundle, where most lines are put together from what `STEPS` said before, to the same bytes ([how](worker-floor.md)). The slow peer gets a shorter topic of the same events. A run counts only if the contender wrote exactly one record for each input, the same number of rejected ones, and the same distinct users as the others.
- **Peers** are set up as their own documentation says for throughput: lz4 for what they write, batches where they have them, one process, at least once where they can. The classic agent runs twice, as its tutorial writes it and with its producer tuned (lz4, batches of a megabyte, 10 ms of patience). Each has an environment of its own, locked by hashes, and says at its top how it was set up ([bench/peers](../bench/peers)). None of them writes dead letters or keeps exact offsets; Trailhouse does both here. One that cannot be installed is listed with what its installer said.
- **Sink**: the enriched topic is full; the rate is what the group commits (a commit follows its insert) from the first commit to the last. `INSERT … FROM INFILE` gets the same rows in files of as many rows as a batch may hold, the same tables, views and settings, without Kafka, HTTP or bookkeeping; its first insert is left out too.
- **Whole path**: worker and sink run together on a full raw topic. quixstreams with clickhouse-connect enriches the same and inserts the same rows into the same tables; the pass-through puts raw records into one plain table. The rate is what the group commits, as of the sink; a run counts only if the tables hold every record and the same distinct users (the pass-through may lack what cannot be parsed, and the record behind it).
- **Freshness**: an event of an organisation of its own every fifth of a second, from the call of `emit` until the report asked over and over counts its actor; meanwhile events like those of the backlogs come in, at half the rate of the whole path above. Readers ask reports over HTTP and look at each for a second.
- **What the sink inserts**: one client, one insert after the other, as many rows each as a batch may hold, the first left out; all three formats must leave the same rows in the tables (hashes over every column).
- **Page 1 000** of the event log is reached by cursors from the beginning, then asked for in turns with page 1; as many events a page as a thousandth of the log, at most 1 000.
- **Emitter**: each contender makes the same calls in a process of its own; the rate goes to the last confirmation, the time of a call is what its caller waits. Clients are given ready bytes. SDKs upload to a server on loopback that counts; the span goes to an exporter in memory. Slow ones make fewer calls. A run counts only if every event of everybody arrived.
- **DuckDB** answers over all stored events in Parquet, a file for each month, sorted as the table is; a question counts only if its answer is that of plain SQL.
- **CPU** is user and system time of each process per million events, over the same span as the rate; the broker's is told apart.
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


def render(
    results: Mapping[str, Mapping[str, Any]],
    drawn: Mapping[str, str],
    profiles: Mapping[str, Mapping[str, Any]],
) -> str:
    """The page; parts without results are left out. `drawn` are the pictures there are, by file name."""
    rows = {name: result["runs"] for name, result in results.items()}
    parts = [HEAD, _summary(rows, profiles)]
    if RATIOS in drawn:
        parts.append(
            sections.picture(RATIOS, "Trailhouse's rate over each peer's", drawn).rstrip("\n") + "\n"
        )
    tables: dict[str, Callable[[Rows], str]] = {
        "worker": lambda found: sections.worker(found, drawn),
        "sink": _sink,
        "formats": sections.formats,
        "path": lambda found: sections.path(found, drawn),
        "freshness": sections.freshness,
        "profiles": lambda found: sections.attribution(profiles, found),
        "emitter": lambda found: sections.emitter(found, drawn),
        "scale": lambda found: sections.scale(found, drawn),
        "stack": _stack,
        "audit": _audit,
        "archive": _archive,
        "reports": _reports,
        "dashboard": _dashboard,
        "soak": _soak,
    }
    given = {**rows, **({"profiles": rows.get("path", [])} if profiles else {})}
    parts += [section(given[name]) for name, section in tables.items() if name in given]
    parts += [METHOD, _machines(results)]
    return "\n".join(parts)


def _summary(rows: Mapping[str, Rows], profiles: Mapping[str, Mapping[str, Any]]) -> str:
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


def _sink(rows: Rows) -> str:
    lines = []
    for name in (SINK, INFILE):
        rate, engine = figure(rows, name, "rate"), figure(rows, name, "cpu_s_per_million.clickhouse")
        own = f"{figure(rows, name, 'cpu_s_per_million.sink').median:.3g}" if name == SINK else ""
        lines.append([name, f"{rate.median:,.0f}", rate.spread, own, f"{engine.median:.3g}"])
    share = ratio(rows, SINK, INFILE)
    said = "" if share is None else f"The sink reaches **{share:.2f}** of ClickHouse's own rate.\n\n"
    head = ["contender", "rows/s, median", "spread", "CPU s per million: sink", "ClickHouse"]
    return f"## Sink, into all tables and views\n\n{said}{table(head, lines)}"


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
        f" values, the API bytes.\n\n{table(head, lines)}{_pages(rows)}"
    )


def _pages(rows: Rows) -> str:
    """How far into the event log a page is should cost nothing."""
    first, far = figure(rows, audit.FIRST_PAGE, "ms"), figure(rows, audit.FAR_PAGE, "ms")
    if not first.runs or not far.runs:
        return ""
    size = next(row["events"] for row in rows if row["contender"] == audit.FAR_PAGE)
    return f"\nThe event log by cursor, {size} events a page: page 1 in {first.median:.1f} ms, page 1 000 in {far.median:.1f} ms.\n"


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
        f" them are {sizes['records']:.0f} MB of records and {sizes['entries']:.0f} MB of audit log entries.\n\n{table(head, lines)}"
    )


def _reports(rows: Rows) -> str:
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


def _soak(rows: Rows) -> str:
    (row,) = rows
    lines = [
        [f"{point['events']:,}".replace(",", " "), *(f"{point['rss_mb'][role]:.0f}" for role in ROLES)]
        for point in row["points"]
    ]
    growth = ", ".join(f"{role} {value:.2f}" for role, value in row["growth"].items())
    head = ["events", *(f"{role}, MB" for role in ROLES)]
    return f"## Memory over time\n\nLast value over the value at the half: {growth}.\n\n{table(head, lines)}"


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
    return f"## The machine\n\n{said}\n\n{table(['part', 'measured', 'load before', 'took'], lines)}"
