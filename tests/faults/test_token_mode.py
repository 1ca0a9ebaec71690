"""Why no insert here carries a deduplication token: what an engine that is killed makes of one.

A plain MergeTree writes a block's token to its log before the block's part is renamed into place. Killed between the
two, the engine takes the same rows for a repeat: it answers that all is well and stores nothing. The tables' own way,
idempotent rows inserted again, is tested at the same system calls in `test_aimed_kills.py`. A new engine that
changes what is pinned here takes this reason away; others remain, as the window within which tokens are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults import aimed
from tests.faults.evidence import Evidence
from tests.faults.test_aimed_kills import Engine, need_strace
from tests.roles import wait_for

from trailhouse.sinks.clickhouse import INSERT_SETTINGS, ClickHouseError, Client, connect
from trailhouse.sinks.settings import ClickHouseSettings

MONTHS = 3
EACH = "PARTITION BY toYYYYMM(at) SETTINGS non_replicated_deduplication_window = 1000"
TABLES = (
    f"CREATE TABLE source (at Date, id UInt64) ENGINE = MergeTree ORDER BY id {EACH}",
    "CREATE TABLE counts (at Date, n SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY at "
    + EACH,
    "CREATE MATERIALIZED VIEW counting TO counts AS SELECT at, count() AS n FROM source GROUP BY at",
)
TOKEN_SETTINGS: dict[str, Any] = {
    **INSERT_SETTINGS,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}


class Tokens:
    """A table and a view in token mode; each insert has a row in each of three months, and a token of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._client: Client | None = None
        for statement in TABLES:
            self.client.command(statement)

    @property
    def client(self) -> Client:
        self._client = self._client or connect(ClickHouseSettings(dsn=self.engine.dsn("admin", "default")))
        return self._client

    def restart(self) -> None:
        self.close()
        self.engine.restart()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def insert(self, number: int) -> None:
        """Raises what the client does when the engine dies of it."""
        rows = b"\n".join(b'{"at":"2026-%02d-01","id":%d}' % (month + 1, number) for month in range(MONTHS))
        settings = {**TOKEN_SETTINGS, "insert_deduplication_token": f"insert-{number}"}
        self.client.raw_insert("source", insert_block=rows, settings=settings, fmt="JSONEachRow")

    def rows(self, number: int) -> int:
        """Rows of the insert that are stored."""
        found = self.client.query("SELECT count() FROM source WHERE id = {id:UInt64}", {"id": number})
        return int(found.result_rows[0][0])

    def counted(self) -> int:
        return int(self.client.query("SELECT sum(n) FROM counts").result_rows[0][0])


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    with Engine(tmp_path / "engine").running() as engine:
        made = Tokens(engine)
        yield made
        made.close()


@pytest.mark.faults
def test_a_token_loses_rows_when_the_engine_is_killed(tokens: Tokens, evidence: Evidence) -> None:
    """Killed at a rename of its insert, told the same rows under the same token, it says yes and lacks some of them."""
    need_strace()
    tokens.insert(0)
    tokens.insert(0)
    assert (tokens.rows(0), tokens.counted()) == (MONTHS, MONTHS)  # the mode is on
    stored = {}
    for number in range(1, MONTHS + 1):
        pid = tokens.engine.pid
        assert pid is not None
        with aimed.struck(pid, "rename", number), pytest.raises((ClickHouseError, OSError)):
            tokens.insert(number)
        wait_for(lambda: tokens.engine.is_dead, 10, "dead")
        evidence.count({"clickhouse": 1})
        tokens.restart()
        left = tokens.rows(number)
        tokens.insert(number)  # answered: all is well
        stored[number] = tokens.rows(number)
        print(f"killed at rename {number}: {left} of {MONTHS} rows there, {stored[number]} after the retry")
    # The row whose part was about to be renamed is lost each time, and the view has counted it.
    assert stored == dict.fromkeys(range(1, MONTHS + 1), MONTHS - 1)
    assert tokens.counted() == (MONTHS + 1) * MONTHS
    tokens.insert(1)
    assert tokens.rows(1) == MONTHS - 1, "no number of retries brings it back"
