"""Memory: all queries together are bounded, not only each by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.clickhouse.identities import MEMORY_SHARE, config_xml
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.settings import ClickHouseSettings

BOUND = 700_000_000
# Some 400 MB at its end, well under what one reader may take: two at once are more than there is.
GREEDY = "SELECT length(groupArray(number)) FROM numbers(33000000)"
GREEDY_READERS, BATCHES = 6, 10


@pytest.fixture
def small(tmp_path: Path, is_containers: bool) -> Iterator[LocalClickHouse]:
    """An engine whose queries may take 700 MB together."""
    if is_containers:
        pytest.skip("about the embedded engine, not the server")
    with LocalClickHouse(tmp_path, memory_bytes=BOUND).running() as server:
        yield server


def test_greedy_readers_fail_and_ingest_goes_on(small: LocalClickHouse) -> None:
    """Six readers within their own caps want three times what there is: they get code 241, batches go in, nothing dies."""
    pid = small.pid
    failures: list[str] = []
    refusals: list[str] = []
    enough = threading.Event()

    def ask(client: Client) -> None:
        while not enough.is_set():
            try:
                client.query(GREEDY)
            except DatabaseError as error:
                failures.append(str(error))

    with ExitStack() as closing:

        def client(identity: str, database: str = "trailhouse") -> Client:
            made = connect(ClickHouseSettings(dsn=small.dsn(identity, database)))
            closing.callback(made.close)
            return made

        client("admin", "default").command("CREATE DATABASE trailhouse")
        client("admin").command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
        ingest = client("ingest")
        readers = [
            threading.Thread(target=ask, args=(client("reader"),), daemon=True) for _ in range(GREEDY_READERS)
        ]
        for reader in readers:
            reader.start()
        stored = 0
        try:
            while stored < BATCHES or (not failures and stored < 20 * BATCHES):
                try:
                    ingest.raw_insert("kept", insert_block=b'{"n":%d}\n' % stored, fmt="JSONEachRow")
                    stored += 1
                except DatabaseError as error:  # the sink tries such a batch again
                    refusals.append(str(error))
        finally:
            enough.set()
            for reader in readers:
                reader.join()
        assert ingest.query("SELECT uniqExact(n), count() FROM kept").result_rows == [(stored, stored)]
    assert failures
    assert all("Code: 241" in each and "(total) memory limit exceeded" in each for each in failures), failures
    assert all("Code: 241" in each for each in refusals), refusals
    assert small.pid == pid


def test_half_of_the_machine_is_the_bound_by_default() -> None:
    """As the engine counts it, which knows of containers."""
    text = config_xml(Path("/u"), Path("/d"))
    assert (
        f"<max_server_memory_usage_to_ram_ratio>{MEMORY_SHARE}</max_server_memory_usage_to_ram_ratio>" in text
    )
    assert 0 < MEMORY_SHARE < 0.9  # 0.9 is the engine's own default, on a machine of its own
