"""`docs/performance.md`, written whole from the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench import reading, sections
from bench.figures import figure, ratio
from bench.looks.charts import RATIOS
from bench.path import ROLES
from bench.sections import Rows, table
from bench.sink import INFILE, SINK
from bench.targets import summary

HEAD = """# Performance

This page and its pictures are written by `make bench` (the short form, two runs of what matters most), `make bench-full` (five runs of everything, on a machine that does nothing else) and `python -m bench --soak-memory` (memory over five million events) from [bench/results](../bench/results) and [bench/profiles](../bench/profiles). Absolute figures belong to the machine named below; the ratios are what to compare: all contenders of a table ran in turns, in the same minutes, on the same broker and engine. `make bench-guard` runs the short form again and fails when a ratio is more than 15 % worse than here. Where a target is not met, [this](floors.md) is why.
"""

METHOD = """## How it is measured

- **Events**: 435 bytes on average, three organisations, 12 000 people with a power law of activity, machines, some texts that hold personal data, late events, one record in 200 that must be rejected ([bench/events.py](../bench/events.py)). Four partitions, a real Kafka broker, the real ClickHouse engine; broker, engine and contenders share the cores.
- **Worker**: one record in, one record out. Every contender reads a full topic from its start in a group of its own and writes to a topic of its own. The rate is the records over the broker's time from the first output to the last: interpreter start-up and joining the group are not in it; fetching, decoding, enriching, encoding, compressing and confirmed writing are. (Where a fifth of the output or more comes at once, as of an engine that works in few large steps, the rate is counted from the start of the process.) All of them do the same enrichment with the product's code: a peer record by record, as its interface asks (`decode`, `STEPS`, `encode`), Trailhouse by bundle, where most lines are put together from what `STEPS` said before, to the same bytes ([how](worker-floor.md)). The slow peer gets a shorter topic of the same events. A run counts only if the contender wrote exactly one record for each input, the same number of rejected ones, and the same distinct users as the others.
- **Peers** are set up as their own documentation says for throughput: lz4 for what they write, batches where they have them, one process, at least once where they can. The classic agent runs twice, as its tutorial writes it and with its producer tuned (lz4, batches of a megabyte, 10 ms of patience). Each has an environment of its own, locked by hashes, and says at its top how it was set up ([bench/peers](../bench/peers)). None of them writes dead letters or keeps exact offsets; Trailhouse does both here. One that cannot be installed is listed with what its installer said.
- **Sink**: the enriched topic is full; the rate is all rows over the time from the moment the sink has its partitions to its last commit (a commit follows its insert). `INSERT … FROM INFILE` gets the same rows in files of as many rows as a batch may hold, the same tables, views and settings, without Kafka, HTTP or bookkeeping.
- **Whole path**: worker and sink run together on a full raw topic. quixstreams with clickhouse-connect enriches the same and inserts the same rows into the same tables; the pass-through puts raw records into one plain table. The rate is all records over the time from the moment who reads the raw topic has its partitions to the last commit of who writes to ClickHouse; a run counts only if the tables hold every record and the same distinct users (the pass-through may lack what cannot be parsed, and the record behind it).
- **Freshness**: an event of an organisation of its own every fifth of a second, from the call of `emit` until the report asked over and over counts its actor; meanwhile events like those of the backlogs come in, at half the rate of the whole path above. Readers ask reports over HTTP and look at each for a second.
- **What the sink inserts**: one client, one insert after the other, as many rows each as a batch may hold, the first left out; all three formats must leave the same rows in the tables (hashes over every column).
- **Page 1 000** of the event log is reached by cursors from the beginning, then asked for in turns with pages 1 and 100; as many events a page as a thousandth of the log, at most 1 000.
- **Emitter**: each contender makes the same calls in a process of its own; the rate goes to the last confirmation, the time of a call is what its caller waits. Clients are given ready bytes. SDKs upload to a server on loopback that counts; the span goes to an exporter in memory. Slow ones make fewer calls. A run counts only if every event of everybody arrived.
- **DuckDB** answers over all stored events in Parquet, a file for each month, sorted as the table is; a question counts only if its answer is that of plain SQL.
- **CPU** is user and system time of each process per million events, over the same span as the rate; the broker's is told apart.
"""


def render(
    results: Mapping[str, Mapping[str, Any]],
    drawn: Mapping[str, str],
    profiles: Mapping[str, Mapping[str, Any]],
) -> str:
    """The page; parts without results are left out. `drawn` are the pictures there are, by file name."""
    rows = {name: result["runs"] for name, result in results.items()}
    parts = [HEAD, summary(rows, profiles)]
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
        "audit": reading.of_audit,
        "archive": reading.of_archive,
        "reports": reading.of_reports,
        "dashboard": reading.of_dashboard,
        "soak": _soak,
    }
    given = {**rows, **({"profiles": rows.get("path", [])} if profiles else {})}
    parts += [section(given[name]) for name, section in tables.items() if name in given]
    parts += [METHOD, _machines(results)]
    return "\n".join(parts)


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
