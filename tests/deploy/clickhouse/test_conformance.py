"""The facade speaks ClickHouse's protocol: clickhouse-connect, written for the server, cannot tell the difference."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import time
import uuid
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.sinks.settings import ClickHouseSettings


def open_client(settings: ClickHouseSettings, **options: Any) -> Client:
    return clickhouse_connect.get_client(dsn=settings.dsn.reveal(), **options)


def plain(server: LocalClickHouse, identity: str = "admin") -> httpx.Client:
    dsn = httpx.URL(server.dsn(identity, "default").reveal())
    return httpx.Client(base_url=server.url, auth=(dsn.username, dsn.password))


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    """A client with the driver's own defaults: sessions, compression, retries."""
    opened = open_client(clickhouse_settings)
    yield opened
    opened.close()


@pytest.fixture
def kinds(client: Client) -> Client:
    """A table with a column of every family of types."""
    client.command(
        """CREATE TABLE kinds (id UInt32, big UInt128, wide Decimal(20, 4), text String, low LowCardinality(String),
        at DateTime64(3, 'UTC'), day Date, uid UUID, tags Array(String), pairs Map(String, UInt64),
        maybe Nullable(Float64), flag Bool, point Tuple(a Int8, b String)) ENGINE = MergeTree ORDER BY id"""
    )
    return client


ROW = (
    7,
    2**100,
    decimal.Decimal("12345.6789"),
    "naïve\ttab\nline 'quote' \\ 🙂",
    "low",
    dt.datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=dt.UTC),
    dt.date(2024, 2, 29),
    uuid.UUID("018f0000-0000-7000-8000-000000000001"),
    ["a", ""],
    {"k": 2**63},
    None,
    True,
    (-1, "b"),
)


def test_native_rows_come_back_as_they_went_in(kinds: Client) -> None:
    """Every family of types survives an insert and a query in Native."""
    kinds.insert("kinds", [ROW])
    (row,) = kinds.query("SELECT * FROM kinds").result_rows
    expected = list(ROW)
    expected[5] = ROW[5].replace(tzinfo=None)  # the driver shows UTC without a zone
    assert [*row[:12], tuple(row[12].values()) if isinstance(row[12], dict) else row[12]] == expected


@pytest.mark.parametrize(
    "value", ["it's", "back\\slash", "tab\t", "🙂", "", "{x:String}", "'; DROP TABLE kinds; --"]
)
def test_parameters_are_bound_on_the_server(client: Client, value: str) -> None:
    """A parameter is a value whatever it holds."""
    assert client.query("SELECT {value:String}", parameters={"value": value}).result_rows == [(value,)]


def test_parameters_have_types(client: Client) -> None:
    """Numbers, times, arrays and identifiers are bound by their types."""
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    row = client.query(
        "SELECT {n:UInt64} + 1, {at:DateTime('UTC')}, {many:Array(String)}",
        parameters={"n": 2**63, "at": moment, "many": ["a", "b'c"]},
    ).result_rows[0]
    assert row == (2**63 + 1, moment.replace(tzinfo=None), ["a", "b'c"])


def test_parameters_in_a_form(clickhouse_settings: ClickHouseSettings) -> None:
    """Parameters too long for a URL come as a form."""
    client = open_client(clickhouse_settings, form_encode_query_params=True)
    text = "x" * 200_000
    assert client.query("SELECT length({text:String})", parameters={"text": text}).result_rows == [(200_000,)]
    client.close()


def test_settings_hold_for_one_query(client: Client) -> None:
    """A setting changes the query it comes with and no other, in a session too."""
    query = "SELECT getSetting('max_block_size')"
    before = client.query(query).result_rows
    assert client.query(query, settings={"max_block_size": 11}).result_rows == [(11,)]
    assert client.query(query).result_rows == before


def test_a_session_is_free_once_its_answer_ended(client: Client) -> None:
    """Whoever has read an answer to its end may ask again in the same session at once."""
    for number in range(300):
        rows = client.query("SELECT number FROM numbers(%(n)s)", parameters={"n": number}).result_rows
        assert len(rows) == number


def test_sessions_keep_temporary_tables(client: Client, clickhouse_settings: ClickHouseSettings) -> None:
    """A temporary table is there for its session and for nobody else."""
    client.command("CREATE TEMPORARY TABLE mine (n UInt8)")
    client.command("INSERT INTO mine VALUES (1)")
    assert client.query("SELECT n FROM mine").result_rows == [(1,)]
    other = open_client(clickhouse_settings)
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        other.query("SELECT n FROM mine")
    other.close()


def test_csv_in_and_out(kinds: Client) -> None:
    """CSV goes in by raw_insert and comes out by raw_query, with its header."""
    kinds.raw_insert("kinds", ["id", "text"], 'id,text\n1,"a, b"\n2,c\n', fmt="CSVWithNames")
    text = kinds.raw_query("SELECT id, text FROM kinds ORDER BY id", fmt="CSVWithNames").decode()
    assert text == '"id","text"\n1,"a, b"\n2,"c"\n'


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
def test_compressed_inserts(kinds: Client, compression: str | None) -> None:
    """A body of rows may be compressed in any of the ways the server knows."""
    import gzip

    import lz4.frame
    import zstandard

    lines = b"".join(b'{"id":%d,"text":"t"}\n' % number for number in range(1000))
    pack = {
        None: bytes,
        "lz4": lz4.frame.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "gzip": gzip.compress,
    }[compression]
    kinds.raw_insert("kinds", insert_block=pack(lines), fmt="JSONEachRow", compression=compression)
    assert kinds.query("SELECT count(), sum(id) FROM kinds").result_rows == [(1000, 499_500)]


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_compressed_answers(clickhouse_settings: ClickHouseSettings, compression: Any) -> None:
    """An answer comes in the encoding the client asks for, a streamed one too."""
    client = open_client(clickhouse_settings, compress=compression)
    total = 0
    with client.query_rows_stream("SELECT number, toString(number) FROM numbers(200000)") as rows:
        for number, text in rows:
            assert str(number) == text
            total += number
    assert total == sum(range(200_000))
    client.close()


def test_a_stream_begins_before_its_end(clickhouse_server: LocalClickHouse) -> None:
    """A result larger than memory is sent while it is made, and no longer made when nobody reads on."""
    with plain(clickhouse_server) as web:
        endless = "SELECT number, repeat('x', 100) FROM numbers(100000000000) FORMAT Native"
        with web.stream("POST", "/", content=endless) as answer:
            assert len(next(answer.iter_raw())) > 0
        running = "SELECT count() FROM system.processes WHERE query LIKE '%100000000000%' AND query NOT LIKE '%processes%'"
        while web.post("/", content=running).text != "0\n":
            time.sleep(0.02)


def test_arrow_out_and_in(kinds: Client) -> None:
    """Arrow tables come out of queries and go into tables."""
    table = pa.table({"id": pa.array([1, 2], pa.uint32()), "text": ["a", "b"]})
    kinds.insert_arrow("kinds", table)
    back = kinds.query_arrow("SELECT id, text FROM kinds ORDER BY id", use_strings=True)
    assert back.to_pydict() == {"id": [1, 2], "text": ["a", "b"]}


def test_parquet_out_and_in(kinds: Client) -> None:
    """Parquet files come out of queries and go into tables."""
    data = kinds.raw_query(
        "SELECT toUInt32(number) AS id, toString(number) AS text FROM numbers(3)", fmt="Parquet"
    )
    assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == 3
    kinds.raw_insert("kinds", insert_block=data, fmt="Parquet")
    assert kinds.query("SELECT sum(id) FROM kinds").result_rows == [(3,)]


def test_insert_with_values_and_select(kinds: Client) -> None:
    """INSERT … VALUES and INSERT … SELECT are statements like any other."""
    kinds.command("INSERT INTO kinds (id, text) VALUES (1, 'FORMAT CSV'), (2, 'b')")
    kinds.command("INSERT INTO kinds (id) SELECT number + 10 FROM numbers(2)")
    assert kinds.query("SELECT groupArray(id) FROM (SELECT id FROM kinds ORDER BY id)").result_rows == [
        ([1, 2, 10, 11],)
    ]


def test_insert_with_settings(kinds: Client) -> None:
    """Settings of an insert reach the engine."""
    with pytest.raises(DatabaseError, match="Unknown field"):
        kinds.raw_insert(
            "kinds",
            insert_block=b'{"id":1,"nonsense":1}',
            fmt="JSONEachRow",
            settings={"input_format_skip_unknown_fields": 0},
        )
    kinds.raw_insert(
        "kinds",
        insert_block=b'{"id":1,"nonsense":1}',
        fmt="JSONEachRow",
        settings={"input_format_skip_unknown_fields": 1},
    )
    assert kinds.query("SELECT count() FROM kinds").result_rows == [(1,)]


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT toUInt8('x')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT 1; SELECT 2", 62, "Multi-statements"),
        ("SELECT {missing:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
    ],
)
def test_errors_carry_their_code(client: Client, sql: str, code: int, name: str) -> None:
    """An error has the server's code and name, and the client goes on afterwards."""
    with pytest.raises(DatabaseError, match=name) as caught:
        client.query(sql)
    assert caught.value.code == code
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_an_error_in_the_middle_of_a_stream(client: Client) -> None:
    """Rows that were sent already do not hide an error that comes after them."""
    with pytest.raises(Exception, match=r"FUNCTION_THROW_IF_VALUE_IS_NON_ZERO|boom"):  # noqa: SIM117
        with client.query_row_block_stream(
            "SELECT throwIf(number = 3000000, 'boom') FROM numbers(5000000)"
        ) as blocks:
            for _ in blocks:
                pass
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_plain_http(clickhouse_server: LocalClickHouse) -> None:
    """What a person types with curl works: a query in the URL or the body, formats, `/ping`."""
    with plain(clickhouse_server) as web:
        assert web.get("/", params={"query": "SELECT 1 AS n FORMAT JSONEachRow"}).text == '{"n":1}\n'
        assert web.post("/", content="SELECT 2").text == "2\n"
        assert web.get("/").text == "Ok.\n"
        assert web.get("/ping").text == "Ok.\n"
        refused = web.get("/", params={"query": "CREATE TABLE x (n UInt8) ENGINE = Memory"})
        assert refused.status_code == 403
        assert refused.headers["X-ClickHouse-Exception-Code"] == "164"  # a GET never writes
