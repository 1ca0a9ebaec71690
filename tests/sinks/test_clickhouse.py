"""The driver's edge: what is pinned on an insert, what counts as a row's fault, and what an error may say."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from tests.sinks.lines import enriched, event

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.clickhouse import (
    INSERT_SETTINGS,
    ROW_FAULT_CODES,
    ClickHouseError,
    ClickHouseUntrusted,
    Client,
    connect,
    error_code,
    insert_lines,
    insert_rows,
    remedy,
)
from trailhouse.sinks.errors import StorageRefused
from trailhouse.sinks.settings import ClickHouseSettings

HOSTILE = {
    "async_insert": 1,
    "wait_for_async_insert": 0,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 1,
    "max_partitions_per_insert_block": 1,
    "max_insert_block_size": 1,
    "min_insert_block_size_rows": 1,
    "input_format_parallel_parsing": 1,
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
    "date_time_input_format": "basic",
}


class Recorder:
    """A client that notes what it is asked to insert, and fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: dict[str, Any] = {}

    def raw_insert(self, table: str, **asked: Any) -> None:
        self.asked = {"table": table, **asked}
        if self.error is not None:
            raise self.error


def insert(client: Any, lines: list[bytes]) -> None:
    insert_lines(client, "landing", lines)


def test_every_insert_pins_every_setting() -> None:
    """Rows go in as the lines they are, with all pinned settings."""
    client = Recorder()
    insert(client, [b'{"a":1}', b'{"a":2}'])
    assert client.asked == {
        "table": "landing",
        "insert_block": b'{"a":1}\n{"a":2}',
        "settings": dict(INSERT_SETTINGS),
        "fmt": "JSONEachRow",
    }


def test_what_is_pinned() -> None:
    """Each of these decides whether a retry is harmless; changing one is a decision, not an edit."""
    assert INSERT_SETTINGS.items() >= {
        ("async_insert", 0),
        ("max_execution_time", 300),
        ("deduplicate_insert", "disable"),
        ("deduplicate_blocks_in_dependent_materialized_views", 0),
        ("materialized_views_ignore_errors", 0),
        ("max_partitions_per_insert_block", 24),
        ("input_format_parallel_parsing", 0),
        ("input_format_skip_unknown_fields", 0),
        ("input_format_null_as_default", 0),
    }


def test_a_rows_fault_is_told_without_the_row() -> None:
    """The server quotes the row it could not read; the error of ours does not."""
    quoted = DatabaseError(
        "Code: 27. DB::Exception: Cannot parse input: expected '\"' before: 'canary@example.org\"}': "
        "(while reading the value of key pii): (at row 3)\ncanary@example.org "
        "(CANNOT_PARSE_INPUT_ASSERTION_FAILED) (version 26.9.2.1)",
        code=27,
    )
    with pytest.raises(StorageRefused) as caught:
        insert(Recorder(quoted), [b"{}"])
    assert caught.value.code == 27
    assert str(caught.value).endswith("code 27: CANNOT_PARSE_INPUT_ASSERTION_FAILED")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("code", [241, 252, 242, 164, 159, 210, 60, 395, 497, None])
def test_what_no_row_is_to_blame_for(code: int | None) -> None:
    """Memory, too many parts, read-only, missing tables and grants, broken views: the driver's error as it is."""
    error = DatabaseError("no", code=code)
    with pytest.raises(DatabaseError) as caught:
        insert(Recorder(error), [b"{}"])
    assert caught.value is error
    assert error_code(error) == code


def test_no_code_without_an_answer() -> None:
    """Connection errors have no server code."""
    assert error_code(ConnectionResetError()) is None


MISFITS = (
    ("event_id", b'"not-a-uuid"'),
    ("occurred_at", b'"not a time"'),
    ("user_ref", b'"x"'),
    ("user_ref", b"-1"),
    ("is_activity", b'"maybe"'),
    ("tags", b'"no list"'),
    ("pii", b"[1]"),
    ("action", b'"\\ud800"'),
    ("no_such_column", b"1"),
    ("org_id", b"null"),
)
NO_ROWS = (b"{", b'{"epoch":"canary"', b"canary", b'["canary"]', b'{"epoch":"a" "canary"}')


def test_rows_the_engine_blames(database: Client) -> None:
    """A value that does not fit is its row's fault: nothing of the insert is stored, nothing of the row is told."""
    good, bad = enriched([event(1), event(2, actor_email="canary@example.org", actor_name="canary")])
    misfits = [bad[:-1] + b',"' + field.encode() + b'":' + value + b"}" for field, value in MISFITS]
    for line in (*misfits, *NO_ROWS):
        with pytest.raises(StorageRefused) as caught:
            insert(database, [good, line])
        assert "canary" not in str(caught.value), line
    assert database.query("SELECT count() FROM landed").result_rows == [(0,)]


def test_a_broken_view_is_no_rows_fault(database: Client) -> None:
    """An insert fails with its views, and nobody's row is blamed."""
    database.command("CREATE TABLE broken (x UInt8) ENGINE = Null")
    database.command(
        "CREATE MATERIALIZED VIEW broken_mv TO broken AS SELECT throwIf(offset >= 0, 'broken') AS x FROM landing"
    )
    with pytest.raises(ClickHouseError) as caught:
        insert(database, enriched([event(1)]))
    assert error_code(caught.value) == 395


def test_a_missing_table_or_grant_is_no_rows_fault(
    database: Client, clickhouse_server: LocalClickHouse, clickhouse_settings: ClickHouseSettings
) -> None:
    """Both are an operator's to mend, and mended they heal by waiting."""
    with pytest.raises(ClickHouseError):
        insert_lines(database, "nowhere", enriched([event(1)]))
    with pytest.raises(ClickHouseError) as caught:
        connect(ClickHouseSettings(dsn=clickhouse_server.dsn("reader", clickhouse_settings.database)))
    assert error_code(caught.value) == 497
    assert ROW_FAULT_CODES.isdisjoint({60, 497})


def test_hostile_defaults_lose(database: Client) -> None:
    """Whatever the session's defaults are, ours decide: whole, at once, with the views, nothing skipped."""
    lines = enriched(imagine_few())
    for name, value in HOSTILE.items():
        database.set_client_setting(name, value)
    for _ in range(2):
        insert(database, lines)
    found = database.query("SELECT count(), uniqExact(toYYYYMM(occurred_at)) FROM events FINAL").result_rows
    assert found == [(len(lines), 20)]
    assert database.query("SELECT uniqExactMerge(events) FROM action_slots").result_rows == [(len(lines),)]
    with pytest.raises(StorageRefused):
        insert(database, [lines[0][:-1] + b',"no_such_column":1}'])
    database.command("CREATE TABLE broken (x UInt8) ENGINE = Null")
    database.command(
        "CREATE MATERIALIZED VIEW broken_mv TO broken AS SELECT throwIf(offset >= 0, 'broken') AS x FROM landing"
    )
    with pytest.raises(ClickHouseError):
        insert(database, lines)


def imagine_few() -> list[dict[str, Any]]:
    return [event(n, occurred_at=f"{2020 + n // 12}-{n % 12 + 1:02}-15T00:00:00.000Z") for n in range(20)]


def test_more_months_than_allowed_are_refused(database: Client) -> None:
    """The reason a batch is cut: 25 months in one insert are refused, and not as a row's fault."""
    lines = enriched(
        event(n, occurred_at=f"{2020 + n // 12}-{n % 12 + 1:02}-15T00:00:00.000Z") for n in range(25)
    )
    with pytest.raises(ClickHouseError) as caught:
        insert(database, lines)
    assert error_code(caught.value) == 252


def test_the_driver_is_told_the_address(clickhouse_settings: ClickHouseSettings) -> None:
    """A client is on the settings' database, and retries nothing by itself behind our back for queries."""
    client = connect(clickhouse_settings)
    assert client.query("SELECT currentDatabase()").result_rows == [(clickhouse_settings.database,)]
    client.close()


def test_nobody_answers() -> None:
    """No server is the driver's error at once, not a hang."""
    from trailhouse.producers.settings import Secret

    with pytest.raises(ClickHouseError):
        connect(ClickHouseSettings(dsn=Secret("http://default@127.0.0.1:9/trailhouse")))


def test_what_waiting_does_not_cure_says_what_to_look_at() -> None:
    """A wrong password and a stranger's certificate; nothing is said of a server that is away."""
    refused = ClickHouseError("no")
    vars(refused)["code"] = 516
    assert "TRAILHOUSE_CLICKHOUSE_DSN" in remedy(refused)
    assert "_SSL_CA" in remedy(ClickHouseUntrusted("no TLS", "check TRAILHOUSE_CLICKHOUSE_SSL_CA"))
    assert not remedy(ClickHouseError("away"))


def test_rows_go_in_as_the_values_they_are(database: Client) -> None:
    """Whole numbers of 64 bits, lists, dates, times, UUIDs, quotes and nothing; and pandas stays where it is."""
    moment = datetime(2026, 1, 31, 12, 30, 0, 125_000, tzinfo=UTC)
    most, name = 2**64 - 1, "O'Neill\t\"\\Zo\u00eb\n"
    database.command(
        "CREATE TABLE odd (number UInt64, many Array(UInt64), flag UInt8, day Date, at DateTime64(3, 'UTC'), "
        "gone Nullable(DateTime64(3, 'UTC')), id UUID, name LowCardinality(String), left UInt8 DEFAULT 7) "
        "ENGINE = MergeTree ORDER BY number"
    )
    row = (most, [0, most], True, moment.date(), moment, None, UUID(int=5), name)
    columns = ["number", "many", "flag", "day", "at", "gone", "id", "name"]
    insert_rows(
        database, "odd", columns, [row, [1, [], False, moment.date(), moment, moment, UUID(int=6), ""]]
    )
    found = database.query("SELECT * FROM odd ORDER BY number DESC").result_rows
    naive = moment.replace(tzinfo=None)  # the driver gives times of UTC without their zone
    assert found == [
        (most, [0, most], 1, moment.date(), naive, None, UUID(int=5), name, 7),
        (1, [], 0, moment.date(), naive, naive, UUID(int=6), "", 7),
    ]


def test_inserting_loads_no_pandas(clickhouse_settings: ClickHouseSettings) -> None:
    """The driver's own insert would, a second for every command that writes a row."""
    script = (
        "import sys\nfrom trailhouse.sinks.clickhouse import connect, insert_rows\n"
        "from trailhouse.sinks.settings import ClickHouseSettings\nfrom trailhouse.producers.settings import Secret\n"
        "client = connect(ClickHouseSettings(dsn=Secret(sys.stdin.read())))\n"
        "client.command('CREATE TABLE one (n UInt8) ENGINE = Memory')\n"
        "insert_rows(client, 'one', ['n'], [[5]])\n"
        "assert client.query('SELECT n FROM one').result_rows == [(5,)]\n"
        "assert not {'pandas', 'numpy'} & set(sys.modules)"
    )
    dsn = clickhouse_settings.dsn.reveal()
    done = subprocess.run(
        [sys.executable, "-c", script], input=dsn, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
