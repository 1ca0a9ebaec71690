"""Inserts under way are waited for, those that began later are not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.errors import InsertsHang
from trailhouse.sinks.inserts import running, wait_for_inserts
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    """A client on a database with a table that takes rows and forgets them."""
    with closing(connect(clickhouse_settings)) as made:
        made.command("CREATE TABLE sink (n UInt64) ENGINE = Null")
        yield made


@pytest.fixture
def begin(client: Client, clickhouse_settings: ClickHouseSettings) -> Iterator[Callable[[int], list[int]]]:
    """Starts an insert of so many fifths of a second, and returns once it runs; what it gives is filled at its end."""
    threads: list[threading.Thread] = []

    def start(fifths: int) -> list[int]:
        ended: list[int] = []

        def run() -> None:
            with closing(connect(clickhouse_settings)) as own:
                own.command(
                    f"INSERT INTO sink SELECT number + sleepEachRow(0.2) FROM numbers({fifths}) SETTINGS max_block_size = 1"
                )
            ended.append(fifths)

        before = running(client)
        threads.append(threading.Thread(target=run))
        threads[-1].start()
        while not running(client) - before:
            pass
        return ended

    yield start
    for thread in threads:
        thread.join()


def test_inserts_under_way_are_waited_for(client: Client, begin: Callable[[int], list[int]]) -> None:
    """Until they have ended; one that never does is said."""
    ended = begin(12)
    with pytest.raises(InsertsHang, match="1"):
        wait_for_inserts(client, patience_s=0)
    assert not ended
    wait_for_inserts(client)
    assert not running(client)


def test_nothing_is_waited_for_where_nothing_runs(client: Client) -> None:
    """At once."""
    wait_for_inserts(client, patience_s=0)
