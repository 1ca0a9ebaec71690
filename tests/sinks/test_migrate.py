"""Migrations: in order, once each, and never over an edited file."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.errors import MigrationError
from trailhouse.sinks.migrate import NAME, Migration, load, migrate, pending
from trailhouse.sinks.settings import ClickHouseSettings

ONE = Migration("0001_one.sql", "CREATE TABLE one (x UInt8) ENGINE = MergeTree ORDER BY x;\n")
TWO = Migration("0002_two.sql", "CREATE TABLE two (x UInt8) ENGINE = MergeTree ORDER BY x;\n")
THREE = Migration("0003_three.sql", "CREATE TABLE three (x UInt8) ENGINE = MergeTree ORDER BY x;\n")


@pytest.fixture
def empty(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    client = connect(clickhouse_settings)
    yield client
    client.close()


def tables(client: Client) -> set[str]:
    return {str(row[0]) for row in client.query("SHOW TABLES").result_rows}


def test_all_are_pending_at_first() -> None:
    """A new database gets everything, in order."""
    assert pending([ONE, TWO], {}) == [ONE, TWO]


def test_what_ran_is_not_pending() -> None:
    """Applied files with their checksum are left alone."""
    assert pending([ONE, TWO], {ONE.name: ONE.checksum}) == [TWO]
    assert pending([ONE], {ONE.name: ONE.checksum}) == []


def test_an_edited_file_is_refused() -> None:
    """The message names the file; nothing is run."""
    with pytest.raises(MigrationError, match=r"0001_one\.sql was edited"):
        pending([ONE, TWO], {ONE.name: "0" * 64})


def test_a_missing_file_is_refused() -> None:
    """A database newer than the program is not touched."""
    with pytest.raises(MigrationError, match=r"0002_two\.sql was applied here but"):
        pending([ONE], {ONE.name: ONE.checksum, TWO.name: TWO.checksum})


def test_a_file_put_between_is_refused() -> None:
    """Forward only: a number below one that ran is a mistake."""
    with pytest.raises(MigrationError, match=r"0002_two\.sql sorts before 0003_three\.sql"):
        pending([ONE, TWO, THREE], {ONE.name: ONE.checksum, THREE.name: THREE.checksum})


def test_the_checksum_is_of_the_whole_text() -> None:
    """A changed comment is a changed file: nobody has to judge which edits matter."""
    assert Migration("a", "-- x\n" + ONE.text).checksum != ONE.checksum


def test_statements_are_split_at_line_ends() -> None:
    """A semicolon inside a line does not end a statement, comments are no statements."""
    text = "-- why;\nCREATE TABLE a (x String DEFAULT ';' )\nENGINE = Null;\n\n  -- more\nCREATE TABLE b (x UInt8)\nENGINE = Null ;  \n"
    assert Migration("0001_a.sql", text).statements == [
        "CREATE TABLE a (x String DEFAULT ';' )\nENGINE = Null",
        "CREATE TABLE b (x UInt8)\nENGINE = Null",
    ]


def test_packaged_files_have_a_number_each() -> None:
    """0001, 0002, … in order; a number may be left out, none stands twice."""
    names = [each.name for each in load()]
    numbers = [int(name[:4]) for name in names]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
    assert all(NAME.fullmatch(name) for name in names)


def test_migrating_twice_does_nothing_twice(empty: Client) -> None:
    """The second run finds nothing to do; the ledger has every file once."""
    assert migrate(empty) == [each.name for each in load()]
    before = tables(empty)
    assert migrate(empty) == []
    assert tables(empty) == before
    found = empty.query("SELECT name, checksum FROM migrations FINAL ORDER BY name").result_rows
    assert [(str(name), str(checksum)) for name, checksum in found] == [
        (each.name, each.checksum) for each in load()
    ]


def test_new_files_run_on_an_old_database(empty: Client) -> None:
    """Only what is new runs."""
    assert migrate(empty, [ONE]) == [ONE.name]
    assert migrate(empty, [ONE, TWO]) == [TWO.name]
    assert tables(empty) >= {"one", "two"}


def test_an_edited_file_changes_nothing(empty: Client) -> None:
    """Nothing of a set with an edited file is run, not even what is new in it."""
    migrate(empty, [ONE])
    with pytest.raises(MigrationError, match="was edited"):
        migrate(empty, [Migration(ONE.name, ONE.text + "-- later thought\n"), TWO])
    assert "two" not in tables(empty)


def test_half_applied_runs_again_as_a_whole(empty: Client) -> None:
    """A file that failed in its middle is not recorded; mended, the same file goes through."""
    text = TWO.text + "CREATE TABLE four AS missing_table;\n" + THREE.text
    halfway = Migration("0002_half.sql", text)
    with pytest.raises(MigrationError, match=r"0002_half\.sql failed"):
        migrate(empty, [ONE, halfway])
    assert tables(empty) >= {"one", "two"}
    assert "three" not in tables(empty)
    assert empty.query("SELECT name FROM migrations FINAL").result_rows == [(ONE.name,)]
    empty.command("CREATE TABLE missing_table (x UInt8) ENGINE = MergeTree ORDER BY x")
    assert migrate(empty, [ONE, halfway]) == ["0002_half.sql"]
    assert tables(empty) >= {"one", "two", "three", "four"}


def test_the_real_files_survive_a_kill_before_the_ledger(empty: Client) -> None:
    """Statements of any file that ran before it was written down are harmless to run again."""
    for number, each in enumerate(load()):
        for statement in each.statements:
            empty.command(statement)
        assert migrate(empty, load()[: number + 1]) == [each.name]


def test_two_at_once_leave_one_schema(clickhouse_settings: ClickHouseSettings) -> None:
    """Two migrators that start together both succeed, and the ledger reads the same."""
    errors: list[Exception] = []

    def run() -> None:
        client = connect(clickhouse_settings)
        try:
            migrate(client)
        except Exception as error:
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    client = connect(clickhouse_settings)
    assert migrate(client) == []
    assert client.query("SELECT count() FROM migrations FINAL").result_rows == [(len(load()),)]
    client.close()


def test_a_database_that_is_gone_says_what_to_do(
    clickhouse_settings: ClickHouseSettings, clickhouse_server: LocalClickHouse, empty: Client
) -> None:
    """A database that cannot be read is an error of ours with a hint, not a driver's trace."""
    server = connect(ClickHouseSettings(dsn=clickhouse_server.dsn("admin", "default")))
    server.command(f"DROP DATABASE {clickhouse_settings.database}")
    with pytest.raises(MigrationError) as caught:
        migrate(empty)
    assert caught.value.hint
    server.command(f"CREATE DATABASE {clickhouse_settings.database}")
    server.close()
