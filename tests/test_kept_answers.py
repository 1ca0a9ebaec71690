"""Kept answers are those the engine would give: whoever writes, moves the clock or has other rights asks anew."""

from __future__ import annotations

from tests.kept_answers import Kept

from trailhouse.sinks.clickhouse import Client, connect, insert_lines
from trailhouse.sinks.settings import ClickHouseSettings

COUNT = "SELECT count(), {name:String} FROM holds"


def count(client: Client, name: str = "a") -> tuple[int, str]:
    ((number, told),) = client.query(COUNT, parameters={"name": name}).result_rows
    return int(number), str(told)


def test_the_same_question_is_asked_once(database: Client, kept_answers: Kept) -> None:
    """By any client with the same rights and settings; in another form, with other values or settings it is another."""
    assert [count(database), count(database)] == [(0, "a")] * 2
    assert kept_answers.asked == 1
    assert count(database, "b") == (0, "b")
    assert kept_answers.asked == 2
    texts = {database.raw_query("SELECT 1", fmt=form) for form in ("CSV", "CSV", "JSONEachRow")}
    assert texts == {b"1\n", b'{"1":1}\n'}
    assert kept_answers.asked == 4
    database.set_client_setting("max_threads", 1)
    count(database)
    assert kept_answers.asked == 5


def test_the_same_question_elsewhere_is_another(
    database: Client, clickhouse_settings: ClickHouseSettings, kept_answers: Kept
) -> None:
    """Other databases have other answers."""
    elsewhere = connect(clickhouse_settings)
    elsewhere.database = "system"
    text = "SELECT currentDatabase()"
    assert database.query(text).result_rows != elsewhere.query(text).result_rows
    elsewhere.close()


def test_whoever_writes_forgets(
    database: Client, clickhouse_settings: ClickHouseSettings, kept_answers: Kept
) -> None:
    """By whichever way and client; keys change no figure."""
    other = connect(clickhouse_settings)
    assert count(database)[0] == 0
    insert_lines(other, "holds", [b'{"hold_id": "1", "org_id": "acme"}'])
    assert count(database)[0] == 1
    other.insert("holds", [["2", "acme"]], column_names=["hold_id", "org_id"])
    assert count(database)[0] == 2
    other.command("TRUNCATE TABLE holds")
    assert count(database)[0] == 0
    asked = kept_answers.asked
    keys = "SELECT count() FROM api_keys"
    assert database.query(keys).result_rows == [(0,)]
    insert_lines(other, "api_keys", [b'{"key_id": "k"}'])
    assert database.query(keys).result_rows == [(1,)]
    assert count(database)[0] == 0
    assert kept_answers.asked == asked + 2
    other.close()


def test_what_moves_is_not_kept(database: Client, kept_answers: Kept) -> None:
    """The engine's clock, and the engine itself."""
    for text in ("SELECT now64(9)", "SELECT generateUUIDv4(), rand64()", "SELECT value FROM system.events"):
        before = kept_answers.asked
        database.query(text)
        database.query(text)
        assert kept_answers.asked == before
