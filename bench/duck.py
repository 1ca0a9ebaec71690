"""DuckDB on the rows of `events` in Parquet: the same plain questions as of ClickHouse, checked to have the same answers."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.peers import PeerMissing, python_of
from bench.process import ROOT, environment
from trailhouse.sinks.clickhouse import Client

DUCKDB: Final = "DuckDB on Parquet"
TIMEOUT_S: Final = 3600.0
MONTHS: Final = "SELECT DISTINCT toYYYYMM(occurred_at) FROM events ORDER BY 1"
#: Sorted as `events` is, so that row groups can be left out; the day is a column, so that no question has to make it.
ROWS: Final = """
    SELECT org_id, toDate32(occurred_at) AS day, occurred_at, action, is_activity, actor_type, user_ref, event_id
    FROM events FINAL WHERE toYYYYMM(occurred_at) = {month:UInt32} ORDER BY org_id, occurred_at
"""
QUESTIONS: Final[Mapping[str, str]] = {
    "active_users": """
        SELECT count(DISTINCT user_ref) FROM events
        WHERE {scope} AND is_activity AND user_ref != 0 AND actor_type = 'user'
    """,
    "weekly_active_users": """
        SELECT CAST(date_trunc('week', day) AS DATE) AS week, count(DISTINCT user_ref) FROM events
        WHERE {scope} AND is_activity AND user_ref != 0 AND actor_type = 'user' GROUP BY week ORDER BY week
    """,
    "events_by_action": "SELECT action, count(DISTINCT event_id) AS n FROM events WHERE {scope} GROUP BY action ORDER BY n DESC, action",
}


def compare(  # noqa: PLR0913, PLR0917 - what a run of it is
    client: Client,
    org: str,
    days: tuple[str, str],
    answers: Mapping[str, Sequence[Sequence[Any]]],
    runs: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A row for each question; `answers` are those of plain SQL, by name of the question."""
    try:
        python = python_of("duckdb")
    except PeerMissing as error:
        return [{"contender": f"{name}: {DUCKDB}", "missing": str(error)} for name in QUESTIONS]
    scope = f"org_id = '{org}' AND day BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'"
    with tempfile.TemporaryDirectory(prefix="trailhouse-parquet-") as name:
        size = export(client, Path(name))
        say(f"  {size / 1e6:,.0f} MB of Parquet")
        questions = {each: text.format(scope=scope) for each, text in QUESTIONS.items()}
        argument = json.dumps({"folder": name, "questions": questions, "runs": runs})
        done = subprocess.run(
            [python, str(ROOT / "bench/peers/duckdb/ask.py"), argument],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env=environment(),
        )
    if done.returncode:
        return [{"contender": f"{each}: {DUCKDB}", "void": done.stderr[-2000:]} for each in QUESTIONS]
    told = json.loads(done.stdout)
    rows = []
    for each in QUESTIONS:
        row = {"contender": f"{each}: {DUCKDB}", **judged(told[each], answers[each])}
        rows.append(row)
        say(f"  {row['contender']:40} p50 {row.get('p50_ms', 0):7.0f} ms")
    return rows


def judged(told: Mapping[str, Any], wanted: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The row of a question; void unless its answer is the wanted one, in any order."""
    found = sorted([str(cell) for cell in row] for row in told["answer"])
    if found != sorted([str(cell) for cell in row] for row in wanted):
        return {"void": f"answers otherwise than plain SQL: {found[:3]} …"}
    return {"p50_ms": told["p50_ms"], "p95_ms": told["p95_ms"]}


def export(client: Client, folder: Path) -> int:
    """Every stored event, a file for each month; their bytes."""
    size = 0
    for (month,) in client.query(MONTHS).result_rows:
        file = folder / f"{month}.parquet"
        with (
            file.open("wb") as target,
            client.raw_stream(ROWS, parameters={"month": month}, fmt="Parquet") as rows,
        ):
            for chunk in rows:
                size += target.write(chunk)
    return size
