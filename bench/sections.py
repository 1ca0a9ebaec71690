"""Sections of docs/performance.md that compare Trailhouse with peers, or show curves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench.emitter import (
    CONFLUENT,
    CONTENDERS,
    EMITTER,
    PLAIN,
    QUEUE_CROWD,
    QUEUE_FAST,
    QUEUE_SAFE,
    SPOOL_CROWD,
    SPOOL_FAST,
    SPOOL_SAFE,
)
from bench.figures import Figure, contenders, figure, is_valid, ratio
from bench.formats import CONTENDERS as FORMATS
from bench.formats import JSON
from bench.looks.charts import CURVES, EMIT, PATHS, WORKER
from bench.path import PATH, ROLES
from bench.profiles.attribution import EXACTNESS, of_path
from bench.worker import OURS

Rows = Sequence[Mapping[str, Any]]
SPOOLS: Final = (SPOOL_SAFE, QUEUE_SAFE, SPOOL_CROWD, QUEUE_CROWD, SPOOL_FAST, QUEUE_FAST)
#: A profile's name, and the role of the whole path it is about.
PROFILED: Final = {"worker": "stream", "sink": "sink", "clickhouse": "clickhouse"}
SCALE_SAID: Final = (
    "More workers are faster while there are cores for them and partitions to give them; here broker, engine and workers"
    " share the cores named below. How many a cluster needs: [sizing](operations/sizing.md).\n"
)
EXACTNESS_SAID: Final = (
    "What is there so that every event counts once: positions and chains of fetches, the topic's id, the sink's judgement of"
    " each record, its marks and its ledger, the tables of what landed, sets of event hashes instead of counts. Worker and sink"
    " by samples of the processes as shipped ([bench/profiles](../bench/profiles)), the engine by what the same inserts cost"
    " without these tables and sets. Replacing merges in the background are not in it."
)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def picture(name: str, text: str, drawn: Mapping[str, str]) -> str:
    """A picture's line, where there is one."""
    return f"![{text}](pictures/{name})\n\n" if name in drawn else ""


def lacking(rows: Rows) -> str:
    """Peers that could not be installed, and runs that found something else than they had to, with what they said."""
    told = {
        row["contender"]: (
            f"could not be installed here: {_last_line(row['missing'])}"
            if "missing" in row
            else f"void: {_last_line(row['void'])}"
        )
        for row in rows
        if not is_valid(row)
    }
    return "".join(f"- {name} {text}\n" for name, text in told.items()) + ("\n" if told else "")


def _last_line(text: str) -> str:
    lines = str(text).strip().splitlines()
    return (lines[-1] if lines else "")[:300].replace("|", "/")


def _number(found: Figure, digits: str = ".3g") -> str:
    return format(found.median, digits) if found.runs else ""


def worker(rows: Rows, drawn: Mapping[str, str]) -> str:
    lines = []
    for name in contenders(rows):
        rate = figure(rows, name, "rate")
        if not rate.runs:
            lines.append([name, "", "not measured", "", "", "", ""])
            continue
        against = ratio(rows, OURS, name)
        lines.append(
            [
                name,
                "" if name == OURS or against is None else f"{against:.3g} x",
                f"{rate.median:,.0f}",
                rate.spread,
                _number(figure(rows, name, "cpu_s_per_million")),
                _number(figure(rows, name, "broker_cpu_s_per_million")),
                _number(figure(rows, name, "rss_peak_mb"), ".0f"),
            ]
        )
    head = [
        "contender",
        "Trailhouse is",
        "events/s, median",
        "spread",
        "CPU s per million",
        "broker's",
        "peak MB",
    ]
    return f"## Stream worker\n\n{picture(WORKER, 'Events a second of each worker', drawn)}{lacking(rows)}{table(head, lines)}"


def path(rows: Rows, drawn: Mapping[str, str]) -> str:
    names = [name for name in contenders(rows) if name != "one event"]
    lines = []
    for name in names:
        rate, against = figure(rows, name, "rate"), ratio(rows, PATH, name)
        cpu = sum(_cpu(rows, name).values())
        times = "" if name == PATH or against is None else f"{against:.3g} x"
        lines.append(
            [name, times, f"{rate.median:,.0f}", rate.spread, f"{cpu:.3g}"]
            if rate.runs
            else [name, "", "not measured", "", ""]
        )
    cpu_of = _cpu(rows, PATH)
    total = sum(cpu_of.values()) or 1.0
    roles = [[role, f"{seconds:.3g}", f"{seconds / total:.0%}"] for role, seconds in cpu_of.items()]
    alone = next((row for row in rows if row["contender"] == "one event"), None)
    fresh = (
        f"One event on an idle path can be queried after {alone['median_s']:.2f} s (at most {alone['max_s']:.2f} s). "
        if alone
        else ""
    )
    head = ["contender", "Trailhouse is", "events/s, median", "spread", "CPU s per million, all processes"]
    return (
        f"## Whole path, raw topic to queryable\n\nAll processes, broker and engine on the same cores.\n\n"
        f"{picture(PATHS, 'Events a second from the raw topic to a query', drawn)}{lacking(rows)}{table(head, lines)}\n"
        f"{fresh}Where Trailhouse's time goes:\n\n{table(['process', 'CPU s per million', 'share'], roles)}"
    )


def _cpu(rows: Rows, name: str) -> dict[str, float]:
    """CPU seconds per million events of each process of a path."""
    roles = dict.fromkeys(
        role
        for row in rows
        if row["contender"] == name and is_valid(row)
        for role in row.get("cpu_s_per_million", ())
    )
    return {role: figure(rows, name, f"cpu_s_per_million.{role}").median for role in roles}


def emitter(rows: Rows, drawn: Mapping[str, str]) -> str:
    ours = {each.name for each in CONTENDERS if each.script.startswith("bench/contenders/emit")}
    head = [
        "contender",
        "events/s to the end",
        "spread",
        "a call, p50 µs",
        "p99 µs",
        "CPU s per million",
        "broker's",
        "peak MB",
    ]

    def lines(names: Iterable[str], rate_key: str) -> list[list[str]]:
        return [
            [
                f"`{name}`" if name in ours and name not in SPOOLS else name,
                f"{rate.median:,.0f}" if rate.runs else "not measured",
                rate.spread,
                _number(figure(rows, name, "p50_us"), ".1f"),
                _number(figure(rows, name, "p99_us"), ".1f"),
                _number(figure(rows, name, "cpu_s_per_million")),
                _number(figure(rows, name, "broker_cpu_s_per_million")),
                _number(figure(rows, name, "rss_peak_mb"), ".0f"),
            ]
            for name in names
            for rate in [figure(rows, name, rate_key)]
        ]

    known = contenders(rows)
    senders = [name for name in known if name not in SPOOLS and not name.startswith("emit: ")]
    share, faster = ratio(rows, EMITTER, PLAIN), ratio(rows, CONFLUENT, EMITTER)
    parts = [
        "## Emitter, from the call to the last confirmation\n",
        f"{picture(EMIT, 'Microseconds of a call', drawn)}{lacking(rows)}"
        + (
            ""
            if share is None
            else f"Checking, minting ids, encoding, writing to the spool and reading back leave **{share:.2f}** of the driver's own rate.\n\n"
        )
        + (
            ""
            if faster is None
            else f"With confluent-kafka under it ([how](sdk.md#a-faster-client)) it delivers **{faster:.2f} times** as many a second.\n\n"
        )
        + table(head, lines(senders, "rate")),
    ]
    if spools := [name for name in SPOOLS if name in known]:
        parts.append(
            "Kept on disk while nothing takes them; `safe` and SQLite survive the machine, `fast` and the file queue the process:\n\n"
            + table(["kept by", "events/s kept", *head[2:]], lines(spools, "call_rate"))
        )
    calls = [
        [
            row["contender"].removeprefix("emit: "),
            *(f"{row[key]:.1f}" for key in ("p50_us", "p99_us", "p99.9_us")),
        ]
        for row in rows
        if row["contender"].startswith("emit: ")
    ]
    if calls:
        parts.append(
            "What a call of the emitter costs its caller, in microseconds, encoding and the write to the spool included:\n\n"
            + table(["level, pace", "p50", "p99", "p99.9"], calls)
        )
    return "\n".join(parts)


def scale(rows: Rows, drawn: Mapping[str, str]) -> str:
    def of(curve: str) -> list[Mapping[str, Any]]:
        return [row for row in rows if row.get("curve") == curve]

    def cell(row: Mapping[str, Any], key: str, digits: str) -> str:
        value: Any = row
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return "" if value is None else format(value, digits)

    def rate(row: Mapping[str, Any]) -> list[str]:
        low_high = f"{row['low']:,.0f}-{row['high']:,.0f}" if row.get("runs", 0) > 1 else ""
        return [f"{row['rate']:,.0f}" if is_valid(row) else "void", low_high]

    members = [
        [
            str(row["workers"]),
            str(row["partitions"]),
            *rate(row),
            cell(row, "cpu_s_per_million.stream", ".3g"),
            cell(row, "rss_peak_mb.stream", ".0f"),
        ]
        for row in of("workers")
    ]
    parts = [
        "## Scale\n",
        SCALE_SAID,
        f"{picture(CURVES['workers'], 'Events a second by worker processes', drawn)}{lacking(rows)}"
        + table(
            ["workers", "partitions", "events/s", "spread", "CPU s per million", "peak MB of a worker"],
            members,
        ),
    ]
    for curve, axis, what in (("orgs", "orgs", "organisations"), ("users", "people", "people")):
        lines = [
            [
                f"{row[axis]:,}".replace(",", " "),
                *rate(row),
                *(cell(row, f"rss_peak_mb.{role}", ".0f") for role in ROLES[:2]),
                cell(row, "cpu_s_per_million.clickhouse", ".3g"),
                cell(row, "active_users_ms", ".1f"),
            ]
            for row in of(curve)
        ]
        head = [
            what,
            "events/s",
            "spread",
            "stream, peak MB",
            "sink, peak MB",
            "ClickHouse CPU s per million",
        ]
        parts.append(
            picture(CURVES[curve], f"Events a second of the whole path by {what}", drawn)
            + table([*head, "active users of one organisation, ms"], lines)
        )
    return "\n".join(parts)


def exactness_shares(profiles: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Exactness as a share of each profiled role's CPU, by the role's name in the whole path."""
    return {
        role: profiles[name]["shares"].get(EXACTNESS, 0.0)
        for name, role in PROFILED.items()
        if name in profiles
    }


def cost_of_exactness(profiles: Mapping[str, Mapping[str, Any]], path_rows: Rows) -> float | None:
    """Of the whole path's CPU, between 0 and 1; None while a profile or the path is missing."""
    return of_path(exactness_shares(profiles), _cpu(path_rows, PATH))


def attribution(profiles: Mapping[str, Mapping[str, Any]], path_rows: Rows) -> str:
    whole = cost_of_exactness(profiles, path_rows)
    said = "" if whole is None else f"**{whole:.0%}** of the whole path's CPU is exactness. "
    lines = [
        [name, *(f"{what} {share:.0%}" for what, share in list(profiles[name]["shares"].items())[:7])]
        for name in PROFILED
        if name in profiles
    ]
    width = max((len(line) for line in lines), default=1)
    body = table(
        ["role", "largest shares", *[""] * (width - 2)], [line + [""] * (width - len(line)) for line in lines]
    )
    return f"## Where the time goes, and what exactness costs\n\n{said}{EXACTNESS_SAID}\n\n{body}"


def formats(rows: Rows) -> str:
    lines = []
    for name in FORMATS:
        rate = figure(rows, name, "rate")
        ours, engine = (
            figure(rows, name, f"cpu_s_per_million.{role}").median for role in ("ours", "clickhouse")
        )
        share = ratio(rows, name, JSON)
        times = "" if share is None or name == JSON else f"{share:.2f}"
        lines.append([name, f"{rate.median:,.0f}", rate.spread, times, f"{ours:.3g}", f"{engine:.3g}"])
    head = ["format", "rows/s, median", "spread", "of JSON's rate", "CPU s per million: ours", "ClickHouse"]
    return (
        "## What the sink inserts\n\nThe same enriched rows into all tables and views over HTTP, one insert after the other. As JSON"
        " lines they go as they came from the topic; for the others they are read and built into columns. The tables must hold the"
        f" same rows afterwards.\n\n{lacking(rows)}{table(head, lines)}"
    )


def freshness(rows: Rows) -> str:
    lines = [
        [
            name,
            *(
                [f"{row['events_per_s']:,.0f}", f"{row['reports_per_s']:.1f}"]
                + [f"{row[key]:.2f}" for key in ("p50_s", "p95_s", "p99_s")]
            ),
        ]
        for row in rows
        if is_valid(row)
        for name in [row["contender"]]
    ]
    head = ["", "events/s", "reports/s", "p50, s", "p95, s", "p99, s"]
    return (
        "## Freshness\n\nFrom the call of `emit` to a report that counts the event, while others come in; half load is half the rate"
        f" of the whole path above; readers ask reports over HTTP.\n\n{lacking(rows)}{table(head, lines)}"
    )
