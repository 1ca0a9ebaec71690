"""A text that was allowed is known again, for the same identity with the same settings, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.clickhouse.allowed import BYTES_MAX, Allowed, Key, key_of
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(autouse=True)
def embedded(is_containers: bool) -> None:
    """These tests are about the embedded engine's door, not the server's."""
    if is_containers:
        pytest.skip("about the embedded engine, not the server")


@pytest.fixture
def clients(clickhouse_server: LocalClickHouse) -> Iterator[dict[str, Client]]:
    """Clients as the product makes them, without sessions."""
    found = {"admin": connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))}
    found["admin"].command("CREATE DATABASE IF NOT EXISTS trailhouse")
    found["reader"] = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("reader", "trailhouse")))
    yield found
    for each in found.values():
        each.close()


def key(
    identity: str = "reader",
    sql: bytes = b"SELECT 1",
    default_format: str = "Native",
    *,
    is_session: bool = False,
    **settings: str,
) -> Key | None:
    return key_of(identity, sql, default_format, settings, is_session=is_session)


def test_all_that_decides_is_in_the_key() -> None:
    """Who asks, the text, the format and the settings; settings in any order."""
    asked = key(), key("admin"), key(sql=b"SELECT 2"), key(default_format="CSV"), key(max_threads="1")
    assert len(set(asked)) == 5
    assert key(a="1", b="2") == key(b="2", a="1")


@pytest.mark.parametrize("sql", [b"SELECT * FROM {t:Identifier}", b"SELECT { t : identifier }"])
def test_where_more_decides_nothing_is_known(sql: bytes) -> None:
    """Names bound as parameters, sessions with settings of their own; and long texts are not kept."""
    assert key(sql=sql) is None
    assert key(is_session=True) is None
    assert key(sql=b"SELECT '" + b"x" * BYTES_MAX + b"'") is None
    allowed = Allowed()
    allowed.add(None)
    assert not allowed.knows(None)


def test_the_latest_are_known() -> None:
    """Asking for one keeps it."""
    allowed, keys = Allowed(most=2), [key(sql=sql) for sql in (b"1", b"2", b"3")]
    for each in keys[:2]:
        allowed.add(each)
    assert allowed.knows(keys[0])
    allowed.add(keys[2])
    assert [allowed.knows(each) for each in keys] == [True, False, True]


def test_what_one_may_another_may_not_and_a_second_time_neither(clients: dict[str, Client]) -> None:
    """A function that needs no grant: the admin may, and then still nobody else; and what was refused stays refused."""
    for _ in range(2):
        assert clients["admin"].query("SELECT sleep(0)").result_rows == [(0,)]
    for _ in range(2):
        with pytest.raises(ClickHouseError, match="sleep is not allowed"):
            clients["reader"].query("SELECT sleep(0)")


def test_a_text_that_was_allowed_is_run_with_its_own_values(clients: dict[str, Client]) -> None:
    """Bound values are no part of it; names bound as such are judged each time."""
    reader = clients["reader"]
    for number in (1, 2, 3):
        assert reader.query("SELECT {n:UInt8}", parameters={"n": number}).result_rows == [(number,)]
    named = "SELECT count() FROM system.{t:Identifier}"
    assert reader.query(named, parameters={"t": "one"}).result_rows == [(1,)]
    with pytest.raises(ClickHouseError, match=r"system\.processes is not allowed"):
        reader.query(named, parameters={"t": "processes"})
