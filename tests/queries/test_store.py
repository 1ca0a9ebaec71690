"""The store: lookups, driver errors turned into ours, and the pool."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from tests import oracle
from tests.queries.conftest import ORGS, World
from tests.queries.landing import store

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.producers.settings import Secret
from trailhouse.queries.errors import QueryError, StorageUnavailable
from trailhouse.queries.store import ClickHouseStore, Pool, our_errors
from trailhouse.sinks.clickhouse import ClickHouseError, Client
from trailhouse.sinks.settings import ClickHouseSettings


def test_lookups_of_an_empty_store(database: Client) -> None:
    """Nothing stored is no error and no date of 1970."""
    empty = ClickHouseStore(database)
    assert (empty.orgs(), empty.first_event("acme"), empty.landed_until()) == ([], None, None)


def test_lookups(world: World) -> None:
    """Organisations in order, and each one's first event to the millisecond."""
    known = ClickHouseStore(world.client)
    assert known.orgs() == list(ORGS)
    for org in ORGS:
        assert known.first_event(org) == min(
            oracle.when(event) for event in world.events if event["org_id"] == org
        )


@pytest.mark.parametrize("millis", [0, 1, 899_999])
def test_the_first_event_may_lie_anywhere_in_its_quarter_hour(database: Client, millis: int) -> None:
    """The last millisecond before the next quarter-hour included, which a comparison with a DateTime would lose."""
    at = datetime(2026, 1, 1, 16, 15, tzinfo=UTC) + timedelta(milliseconds=millis)
    store(
        database,
        [
            {
                "org_id": "acme",
                "event_id": f"00000000-0000-4000-8000-00000000000{number}",
                "occurred_at": each.isoformat(),
                "action": "a",
            }
            for number, each in enumerate([at + timedelta(hours=3), at])
        ],
    )
    assert ClickHouseStore(database).first_event("acme") == at


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        (None, "does not answer", "trailhouse status"),
        (159, "took too long", "shorter period"),
        (241, "more memory", "shorter period"),
        (60, "lacks a table", "trailhouse migrate"),
        (516, "refused this user", "TRAILHOUSE_CLICKHOUSE_DSN"),
    ],
)
def test_what_waiting_or_an_operator_cures_is_unavailable(code: int | None, words: str, hint: str) -> None:
    """The driver's errors become ours: what happened, and what to do."""
    error = ClickHouseError("secret detail")
    error.code = code  # type: ignore[attr-defined]  # the driver sets it on those a server answered
    with pytest.raises(StorageUnavailable, match=words) as caught, our_errors():
        raise error
    assert hint in caught.value.hint
    assert "secret" not in str(caught.value)


def test_what_the_engine_refuses_is_our_mistake(database: Client) -> None:
    """A statement that cannot run is reported with its code and without its text."""
    with pytest.raises(QueryError, match="code 47") as caught, our_errors():
        database.query("SELECT secret_column FROM events")
    assert not isinstance(caught.value, StorageUnavailable)
    assert "secret_column" not in str(caught.value)


def test_a_pool_reuses_clients_and_is_bounded(world: World) -> None:
    """Two at once are two clients, the next gets a client again; when all are lent the caller is told."""
    pool = Pool(world.settings, size=2, wait_s=0.01)
    with pool.client() as first:
        with pool.client() as second:
            assert first is not second
            with pytest.raises(StorageUnavailable, match="busy"), pool.client():
                pass
        with pool.client() as third:
            assert third is second
    pool.close()


def test_a_waiting_caller_gets_the_client_that_comes_back(world: World) -> None:
    """A full pool is a queue, not a refusal."""
    pool = Pool(world.settings, size=1, wait_s=20)
    got = threading.Event()

    def wait() -> None:
        with pool.client():
            got.set()

    with pool.client():
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not got.is_set()
    assert got.wait(20)
    waiter.join()
    pool.close()


def test_a_pool_survives_a_store_that_was_away(clickhouse_server: LocalClickHouse) -> None:
    """A client that could not be opened takes no place in the pool."""
    pool = Pool(ClickHouseSettings(dsn=Secret("http://127.0.0.1:9/default")), size=1, wait_s=0.01)
    for _ in range(3):
        with pytest.raises(StorageUnavailable, match="does not answer"), pool.client():
            pass
    pool.close()
