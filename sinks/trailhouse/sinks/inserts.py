"""Inserts under way: whoever changes what inserts do, or counts what they brought, waits for those that began before."""

from __future__ import annotations

import time
from typing import Final

from trailhouse.sinks.clickhouse import INSERT_MAX_S, Client
from trailhouse.sinks.errors import InsertsHang

PAUSE_S: Final = 0.05


def wait_for_inserts(client: Client, patience_s: float = INSERT_MAX_S) -> None:
    """Return when every insert has ended that was running when this was called.

    Needs the right to see others' queries. Raises `InsertsHang` when one goes on for longer than `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    older = running(client)
    while older := older & running(client):
        if time.monotonic() > deadline:
            raise InsertsHang(len(older), patience_s)
        time.sleep(PAUSE_S)


def running(client: Client) -> set[str]:
    """The query ids of all inserts that run now, of connections to the client's database: sinks are such."""
    rows = client.query(
        "SELECT query_id FROM system.processes "
        "WHERE query_kind IN ('Insert', 'AsyncInsertFlush') AND current_database = currentDatabase()"
    ).result_rows
    return {str(row[0]) for row in rows}
