"""`LocalClickHouse` as a process: kills, restarts, stops, one engine per folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.clickhouse.engine import Engine
from trailhouse.deploy.clickhouse.turns import cores
from trailhouse.deploy.errors import StartFailed
from trailhouse.sinks.clickhouse import connect
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(autouse=True)
def embedded(is_containers: bool) -> None:
    """These tests are about the embedded engine itself."""
    if is_containers:
        pytest.skip("about the embedded engine, not the server")


def test_a_database_of_its_own_has_all_migrations(database: Client) -> None:
    """The fixture gives an empty database with every table."""
    tables = {row[0] for row in database.query("SHOW TABLES").result_rows}
    assert {"events", "landing", "user_days"} <= tables
    assert database.query("SELECT count() FROM events").result_rows == [(0,)]


def test_a_deletion_from_many_parts_is_under_way_in_all_of_them(
    clickhouse_settings: ClickHouseSettings,
) -> None:
    """As on a server; a part beyond those that may be under way is begun most of a second later."""
    with closing(connect(clickhouse_settings)) as client:
        client.command("CREATE TABLE months (n UInt64, m UInt8) ENGINE = MergeTree PARTITION BY m ORDER BY n")
        client.command("INSERT INTO months SELECT number, number % 24 FROM numbers(2400)")
        client.command("ALTER TABLE months DELETE WHERE n < 1200 SETTINGS mutations_sync = 2")
        assert client.query("SELECT count() FROM months").result_rows == [(1200,)]
        found = client.query(
            "SELECT name, toUInt32(value) FROM system.server_settings WHERE name LIKE 'background_%pool_size' OR name LIKE 'background_%concurrency_ratio'"
        ).result_rows
    limits = {str(name): int(value) for name, value in found}
    assert limits["background_pool_size"] * limits["background_merges_mutations_concurrency_ratio"] >= 24


def test_acknowledged_rows_survive_kills(
    clickhouse_server: LocalClickHouse, clickhouse_settings: ClickHouseSettings
) -> None:
    """SIGKILL in the middle of inserts loses no row whose insert was answered, and leaves no lock behind."""
    kills = 2
    client = connect(clickhouse_settings)
    client.command(
        "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    client.close()
    acknowledged: list[int] = []

    def insert(first: int, stopped: threading.Event) -> None:
        writer = connect(clickhouse_settings)
        number = first
        while not stopped.is_set():
            try:
                writer.raw_insert("kept", insert_block=b'{"n":%d}\n' % number, fmt="JSONEachRow")
            except ClickHouseError:
                break
            acknowledged.append(number)
            number += 1
        writer.close()

    for kill in range(kills):
        stopped, before = threading.Event(), len(acknowledged)
        thread = threading.Thread(target=insert, args=(kill * 1_000_000, stopped))
        thread.start()
        wait_for(lambda before=before: len(acknowledged) >= before + 20)  # type: ignore[misc]
        clickhouse_server.kill()
        stopped.set()
        thread.join()
        clickhouse_server.restart()

    client = connect(clickhouse_settings)
    stored = {row[0] for row in client.query("SELECT DISTINCT n FROM kept").result_rows}
    client.close()
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + kills


def test_it_stops_in_time_although_a_query_runs(tmp_path: Path) -> None:
    """SIGTERM ends the process in under two seconds; a query that would run for minutes does not hold it."""
    server = LocalClickHouse(tmp_path)
    with server.running():
        client = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))

        def ask() -> None:
            with pytest.raises(ClickHouseError):
                client.query("SELECT count() FROM numbers(1000000000000)")

        thread = threading.Thread(target=ask)
        thread.start()
        watcher = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))
        wait_for(
            lambda: (
                watcher.query(
                    "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%'"
                ).result_rows[0][0]
                >= 2
            )
        )
        watcher.close()
        since = time.monotonic()
        server.stop()
        took = time.monotonic() - since
        thread.join()
        client.close()
    assert took < 2


def test_one_engine_per_folder(tmp_path: Path) -> None:
    """A second engine on a folder is refused with a reason, and gets it when the first is gone."""
    first = Engine(tmp_path)
    with pytest.raises(StartFailed, match="another ClickHouse engine uses"):
        Engine(tmp_path, wait_s=0.05)
    first.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_who_reads_much_keeps_only_their_like_waiting(clickhouse_server: LocalClickHouse) -> None:
    """Analysts wait for each other's turns; the pages of the API, another identity, do not wait for analysts."""

    def ask(identity: str, sql: str) -> float:
        address = httpx.URL(clickhouse_server.dsn(identity).reveal()).copy_with(path="/")
        began = time.monotonic()
        answer = httpx.post(address, content=sql, timeout=60)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began

    slow = "SELECT sum(sipHash64(number)) FROM numbers(150000000)"
    with ThreadPoolExecutor() as pool:
        analysts = [pool.submit(ask, "reader", slow) for _ in range(cores() + 2)]
        time.sleep(0.3)
        page = ask("api", "SELECT 1")
        took = [each.result() for each in analysts]
    assert page < min(took) / 2
