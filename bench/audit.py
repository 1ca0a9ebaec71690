"""The audit log over HTTP beside the same SELECT by ClickHouse's own driver, and the memory of the API meanwhile."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from bench.database import fresh_database
from bench.process import Measured, running
from bench.rows import enriched_chunks
from bench.stage import START_TIMEOUT_S, RunFailed, Stage
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
        with serving_api(stage) as (port, api):
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
    return found


def _fill(client: Any, events: int) -> None:
    lines: list[bytes] = []
    for chunk in enriched_chunks(events, "bench"):
        lines += chunk.lines
        if len(lines) >= BATCH_ROWS:
            insert_lines(client, "landing", lines)
            lines = []
    if lines:
        insert_lines(client, "landing", lines)


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
