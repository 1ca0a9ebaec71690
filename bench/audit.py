"""The audit log over HTTP beside the same SELECT by ClickHouse's own driver, and the memory of the API meanwhile; and what
page 1 000 of the event log costs beside page 1 and page 100.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlencode

from bench.database import fresh_database
from bench.process import Measured, running
from bench.rows import enriched_chunks
from bench.stage import START_TIMEOUT_S, RunFailed, Stage
from bench.wiring import Wiring
from trailhouse.queries.audit_columns import WANDB
from trailhouse.queries.audit_lines import table_columns
from trailhouse.queries.audit_read import source
from trailhouse.queries.key import EVERY_ORG, Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.sinks.clickhouse import connect, insert_lines
from trailhouse.sinks.settings import ClickHouseSettings

DATABASE: Final = "trailhouse"
DRIVER: Final = "clickhouse-connect, the same SELECT"
FORMS: Final = {
    "audit log, JSON lines": ("", ""),
    "audit log, JSON lines, gzip": ("", "gzip"),
    "audit log, without people": ("&anonymize=true", ""),
    "audit log, CSV": ("&format=csv", ""),
    "audit log, Parquet": ("&format=parquet", ""),
}
OURS: Final = next(iter(FORMS))
BATCH_ROWS: Final = 50_000
# More than any organisation's share of the events, so that one has as many as were asked for.
SHARE: Final = 0.69
FIRST_PAGE: Final = "event log by cursor, page 1"
#: The first page lies where the log begins: of the days its late events belong to, nearly nothing else is stored.
NEAR_PAGE: Final = "event log by cursor, page 100"
FAR_PAGE: Final = "event log by cursor, page 1 000"
PAGES: Final = {FIRST_PAGE: 1, NEAR_PAGE: 100, FAR_PAGE: 1_000}
LAST_PAGE: Final = PAGES[FAR_PAGE]
#: Of so many events at most; fewer, and page 1 000 is near the end of what there is.
PAGE_ROWS: Final = 1_000
#: How often each of the pages is asked for in a run.
ASKED: Final = 15
_SELECT: Final = (
    f"SELECT {table_columns(WANDB, read_pii=True)} FROM {source('org_id = {org:String}', read_pii=True)}"
    " ORDER BY event.occurred_at, event.event_id"
)


def compare(stage: Stage, rows: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """All entries of an organisation of `rows` entries, fetched by each contender in turns."""
    found: list[dict[str, Any]] = []
    with fresh_database(stage.server, DATABASE) as database:
        _fill(database.client, int(rows / SHARE))
        count = _one(database.client, "SELECT count() FROM events FINAL WHERE org_id = 'acme'")
        key, text = new_key("bench", [EVERY_ORG], [Scope.ADMIN], now=datetime.now(UTC))
        add_keys(database.client, [key])
        with serving_api(stage, {"TRAILHOUSE_API_KEY_RATE": "0"}) as (port, api):
            for run in range(runs):
                contenders: list[tuple[str, Callable[[], int]]] = [(DRIVER, lambda: _select(stage))]
                contenders += [
                    (name, partial(_fetch, port, text.reveal(), *form, api)) for name, form in FORMS.items()
                ]
                for name, measure in contenders if run % 2 else reversed(contenders):
                    api.rss_peak = 0
                    started = time.perf_counter()
                    taken = measure()
                    seconds = time.perf_counter() - started
                    row = {"contender": name, "run": run + 1, "rows": count, "rate": count / seconds}
                    if name != DRIVER:
                        row["rss_peak_mb"] = api.rss_peak / 1e6
                    if taken not in {0, count}:
                        row["void"] = f"{taken} entries, wanted {count}"
                    found.append(row)
                    say(f"  {name:40} {row['rate']:10,.0f} rows/s")
            found += _pages(port, text.reveal(), count, runs, say)
    return found


def _pages(port: int, key: str, rows: int, runs: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Milliseconds of each of `PAGES`, asked for in turns; a page is reached by cursors, as readers do."""
    limit = max(1, min(PAGE_ROWS, rows // LAST_PAGE))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    places: dict[str, str] = {}
    cursor, passed = "", 0
    for name, number in PAGES.items():
        while left := limit * (number - 1) - passed:
            size = min(left, 10_000)
            cursor, events = _page(connection, key, cursor, size)
            if events != size:
                raise RunFailed(f"a page of {size} events holds {events}")
            passed += size
        places[name] = cursor
    found: list[dict[str, Any]] = []
    for run in range(runs):
        taken: dict[str, list[float]] = {name: [] for name in places}
        for _ in range(ASKED):
            for name, place in places.items():
                started = time.perf_counter()
                _, events = _page(connection, key, place, limit)
                taken[name].append((time.perf_counter() - started) * 1000)
                if events != limit:
                    raise RunFailed(f"{name} of {limit} events holds {events}")
        for name, times in taken.items():
            found.append({"contender": name, "run": run + 1, "events": limit, "ms": statistics.median(times)})
            say(f"  {name:40} {found[-1]['ms']:10.1f} ms for {limit} events")
    connection.close()
    return found


def _page(connection: http.client.HTTPConnection, key: str, cursor: str, limit: int) -> tuple[str, int]:
    """The next cursor, and how many events the page holds."""
    asked = urlencode(
        {"org": "acme", "limit": limit, "format": "ndjson"} | ({"cursor": cursor} if cursor else {})
    )
    connection.request("GET", f"/api/v1/events?{asked}", headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK:
        raise RunFailed(text.decode())
    return answer.headers["X-Trailhouse-Cursor"], text.count(b"\n")


def _fill(client: Any, events: int) -> None:
    """Rows as the sink stores them, and its mark of how far each partition is stored: readers by cursor see no further."""
    lines: list[bytes] = []
    last = dict[int, int]()
    for chunk in enriched_chunks(events, "bench"):
        lines += chunk.lines
        last[chunk.partition] = last.get(chunk.partition, -1) + len(chunk.lines)
        if len(lines) >= BATCH_ROWS:
            insert_lines(client, "landing", lines)
            lines = []
    if lines:
        insert_lines(client, "landing", lines)
    stored = ", ".join(f"('bench', {partition}, 0, {offset}, now64(3))" for partition, offset in last.items())
    client.command(f"INSERT INTO batches (epoch, partition, first, last, received_at) VALUES {stored}")


def kafka_of(wiring: Wiring) -> dict[str, str]:
    """Where the API finds the topics and the groups of this run."""
    return {
        "TRAILHOUSE_TOPIC_RAW": wiring.raw,
        "TRAILHOUSE_TOPIC_ENRICHED": wiring.enriched,
        "TRAILHOUSE_TOPIC_REJECTED": wiring.rejected,
        "TRAILHOUSE_SINK_GROUP": f"{wiring.group}-sink",
        "TRAILHOUSE_STREAM_GROUP": wiring.group,
        "TRAILHOUSE_API_KEY_RATE": "0",
    }


@contextmanager
def serving_api(stage: Stage, more: Mapping[str, str] | None = None) -> Iterator[tuple[int, Measured]]:
    """The API as a process of its own, with the rights and limits it has in production."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = {
        "TRAILHOUSE_CLICKHOUSE_DSN": stage.server.dsn("api", DATABASE).reveal(),
        "TRAILHOUSE_KAFKA_BOOTSTRAP": stage.bootstrap,
        "TRAILHOUSE_API_PORT": str(port),
        "TRAILHOUSE_SPOOL_DIR": str(stage.folder / "api-spool"),
        **(more or {}),
    }
    with (
        patch.dict(os.environ, told),
        running([sys.executable, "-m", "trailhouse.deploy", "api"], stage.folder / "api.log") as api,
    ):
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _is_up(port):
            if time.monotonic() > deadline or not api.is_alive:
                raise RunFailed(api.end_of_log())
            time.sleep(0.1)
        yield port, api


def _is_up(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


def _fetch(port: int, key: str, query: str, encoding: str, api: Measured) -> int:
    """The entries of one request, 0 where they cannot be counted without unpacking; samples the API's memory."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Authorization": f"Bearer {key}"} | ({"Accept-Encoding": encoding} if encoding else {})
    connection.request("GET", f"/admin/audit_logs?org=acme&numDays=60{query}", headers=headers)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RunFailed(answer.read().decode())
    lines = chunks = 0
    while chunk := answer.read(1 << 18):
        lines += chunk.count(b"\n")
        chunks += 1
        if chunks % 64 == 1:
            api.cpu_seconds()
    connection.close()
    return lines if not query.startswith("&format") and not encoding else 0


def _select(stage: Stage) -> int:
    """The rows as Python values, which is what the driver is asked for; no limit of time cuts it short."""
    client = connect(ClickHouseSettings(dsn=stage.server.dsn("admin", DATABASE)))
    count = len(client.query(_SELECT, parameters={"org": "acme"}).result_rows)
    client.close()
    return count


def _one(client: Any, sql: str) -> int:
    return int(client.query(sql).result_rows[0][0])
