"""Who may do what: the identities at the real engine."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.clickhouse.errors import EngineError
from trailhouse.deploy.clickhouse.identities import (
    ALERTS,
    DECISIONS,
    GUESTS,
    IDENTITIES,
    LINKS,
    PERSONAL,
    SEALED,
    Passwords,
)
from trailhouse.deploy.clickhouse.job import allowed_settings
from trailhouse.producers.settings import Secret
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.key_table import add_keys, revoke_keys
from trailhouse.sinks.migrate import load
from trailhouse.sinks.retention import Policy, policies, set_policy

As = Callable[[str], Client]


@pytest.fixture(autouse=True)
def embedded(is_containers: bool) -> None:
    """These tests are about the embedded engine itself."""
    if is_containers:
        pytest.skip("about the embedded engine, not the server")


@pytest.fixture
def as_identity(clickhouse_server: LocalClickHouse) -> Iterator[As]:
    """A client of an identity on the database `trailhouse`, the only one that grants speak of."""
    clients: list[Client] = []

    def connect(identity: str) -> Client:
        clients.append(
            clickhouse_connect.get_client(dsn=clickhouse_server.dsn(identity, "trailhouse").reveal())
        )
        return clients[-1]

    admin = clickhouse_connect.get_client(dsn=clickhouse_server.dsn("admin", "default").reveal())
    clients.append(admin)
    admin.command("CREATE DATABASE IF NOT EXISTS trailhouse")
    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def table(as_identity: As) -> Iterator[str]:
    """A table in `trailhouse` with one row."""
    admin, name = as_identity("admin"), f"t_{uuid.uuid4().hex[:8]}"
    admin.command(f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n")
    admin.command(f"INSERT INTO {name} VALUES (1)")
    yield name
    admin.command(f"DROP TABLE {name}")


def test_the_reader_reads(as_identity: As, table: str) -> None:
    """The reader sees rows, tables and columns of its database, and what drivers need of `system`."""
    reader = as_identity("reader")
    assert reader.query(f"SELECT n FROM {table}").result_rows == [(1,)]
    assert (table,) in reader.query("SHOW TABLES").result_rows
    assert reader.query(f"DESCRIBE TABLE {table}").result_rows[0][0] == "n"
    assert reader.query("SELECT count() FROM numbers(3)").result_rows == [(3,)]


def test_the_analyst_sees_no_personal_data(as_identity: As) -> None:
    """Every table and view but those; the reader sees the directory, and nobody's data of events."""
    admin = as_identity("admin")
    database = "trailhouse"
    existing = {row[0] for row in admin.query(f"SHOW TABLES FROM {database}").result_rows}
    made = [name for name in (*PERSONAL, "events") if name not in existing]
    for name in made:
        admin.command(f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n")
    admin.command("CREATE VIEW who SQL SECURITY INVOKER AS SELECT * FROM users")
    # As `directory_people` and `aliases_in` are made.
    admin.command("CREATE VIEW whose AS SELECT count() FROM users WHERE toString(tuple(*)) = {text:String}")
    try:
        analyst, reader = as_identity("analyst"), as_identity("reader")
        assert reader.query("SELECT * FROM whose(text = 'x')").result_rows == [(0,)]
        for name in (*PERSONAL, "who", "whose(text = 'x')"):
            with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                analyst.query(f"SELECT * FROM {name}")
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            reader.query("SELECT * FROM event_pii")
        assert reader.query("SELECT * FROM users").result_rows == []
        assert analyst.query("SELECT * FROM events").result_rows == []
    finally:
        for name in ("who", "whose", *made):
            admin.command(f"DROP TABLE {name}")


def test_the_archive_sees_who_is_whom_and_no_name(as_identity: As) -> None:
    """Through a view that reads with its maker's rights: open to the archive, closed to the analyst, as `users` is to both."""
    admin = as_identity("admin")
    existing = {row[0] for row in admin.query("SHOW TABLES FROM trailhouse").result_rows}
    made = [name for name in ("users", LINKS) if name not in existing]
    for name in made:
        admin.command(
            f"CREATE VIEW {name} DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT count() AS n FROM users"
            if name == LINKS
            else f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n"
        )
    try:
        assert as_identity("archive").query(f"SELECT * FROM {LINKS}").result_rows is not None
        for role, name in (("analyst", LINKS), ("analyst", "users"), ("archive", "users")):
            with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                as_identity(role).query(f"SELECT * FROM {name}")
    finally:
        for name in reversed(made):
            admin.command(f"DROP TABLE {name}")


def test_the_page_for_analysts_grants_what_the_analyst_has() -> None:
    """For a ClickHouse of one's own it closes the same tables, with the same caps; who is held to organisations is so by the command."""
    page = (Path(__file__).parents[3] / "docs" / "analysts.md").read_text()
    closed = re.findall(r"REVOKE SELECT ON trailhouse\.(\w+) FROM trailhouse_analyst", page)
    analyst = IDENTITIES["analyst"]
    revoked = [re.sub(r".*\.", "", grant) for grant in analyst.grants if grant.startswith("REVOKE")]
    assert sorted(closed) == sorted(revoked)
    assert all(f"{name} = {value}" in page for name, value in analyst.caps.items())
    # Policies for a few tables would show the others: the command knows all of them.
    assert "trailhouse access orgs" in page
    assert "CREATE ROW POLICY" not in page


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO {table} VALUES (2)",
        "INSERT INTO {table} SELECT 2",
        "CREATE TABLE other (n UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE mine (n UInt8)",
        "DROP TABLE {table}",
        "TRUNCATE TABLE {table}",
        "ALTER TABLE {table} DELETE WHERE 1",
        "OPTIMIZE TABLE {table}",
        "SET ROLE admin",
        "SET readonly = 0",
        "USE system",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE {table}",
        "SELECT 1 INTO OUTFILE '/tmp/leak'",
        "KILL QUERY WHERE 1",
        "BACKUP TABLE {table} TO Disk('d', 'x')",
        "SYSTEM SHUTDOWN",
        "EXECUTE AS admin SELECT 1",
        "SELECT file('/etc/passwd')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT (SELECT count() FROM file('/etc/passwd', 'LineAsString'))",
        "DESCRIBE TABLE file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT * FROM python('x')",
        "SELECT * FROM sqlite('/tmp/x.db', 't')",
        "SELECT * FROM icebergLocal('/tmp/x')",
        "SELECT * FROM executable('id', 'TSV', 'x String')",
        "SELECT * FROM merge('system', 'processes')",
        "SELECT * FROM `/etc/passwd`",
        "SELECT eval('SELECT 1')",
        "SELECT sleep(3)",
        "SELECT query FROM system.processes",
        "SELECT * FROM view(SELECT query FROM system.processes)",
        "WITH p AS (SELECT query FROM system.processes) SELECT * FROM p",
        "SELECT 1 IN (SELECT 1 FROM system.processes)",
        "SHOW PROCESSLIST",
        "SELECT * FROM system.users",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM system.named_collections",
        "SELECT * FROM default.anything",
    ],
)
def test_the_reader_cannot(as_identity: As, table: str, sql: str) -> None:
    """Everything that writes, leaves the database, or shows files and other people's queries is refused."""
    reader = as_identity("reader")
    with pytest.raises(ClickHouseError) as caught:
        reader.query(sql.format(table=table))
    assert getattr(caught.value, "code", None) in {60, 62, 164, 497}, caught.value
    assert reader.query(f"SELECT n FROM {table}").result_rows == [(1,)]
    assert not Path("/tmp/leak").exists()


def test_a_parameter_cannot_name_what_a_statement_may_not(as_identity: As) -> None:
    """An identifier bound as a parameter is judged as if it were written out."""
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        as_identity("reader").query("SELECT * FROM {t:Identifier}", parameters={"t": "system.processes"})


def test_the_reader_cannot_lift_its_caps(as_identity: As, clickhouse_server: LocalClickHouse) -> None:
    """Time and memory are capped, whatever the URL asks for; `system` cannot be its database."""
    reader = as_identity("reader")
    rows = reader.query(
        "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage'), getSetting('readonly')"
    ).result_rows
    assert [float(value) for value in rows[0]] == [30, 2_000_000_000, 1]
    dsn = httpx.URL(clickhouse_server.dsn("reader").reveal())
    with httpx.Client(base_url=clickhouse_server.url, auth=(dsn.username, dsn.password)) as web:
        for asked in (
            {"max_execution_time": "0"},
            {"max_memory_usage": "9000000000"},
            {"allow_introspection_functions": "1"},
            {"database": "system"},
        ):
            answer = web.get("/", params={"query": "SELECT 1", **asked})
            assert answer.status_code >= 400, (asked, answer.text)
        assert web.get("/", params={"query": "SELECT getSetting('readonly')", "readonly": "0"}).text == "1\n"


def test_ingest_inserts_and_reads_its_database_only(as_identity: As, table: str) -> None:
    """The sink's identity cannot change tables, and cannot pull files into them."""
    ingest = as_identity("ingest")
    ingest.insert(table, [[5]], column_names=["n"])
    ingest.raw_insert(table, insert_block=b'{"n":6}', fmt="JSONEachRow")
    assert ingest.query(f"SELECT sum(n) FROM {table}").result_rows == [(12,)]
    for sql in (
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} DELETE WHERE 1",
        "CREATE TABLE other (n UInt8) ENGINE = Memory",
        f"INSERT INTO {table} FROM INFILE '/etc/passwd' FORMAT LineAsString",
        f"INSERT INTO {table} SELECT length(file('/etc/passwd'))",
        f"INSERT INTO {table} SELECT count() FROM system.processes",
        "INSERT INTO FUNCTION file('/tmp/leak', 'CSV', 'n UInt8') VALUES (1)",
        "SET ROLE admin",
    ):
        with pytest.raises(ClickHouseError) as caught:
            ingest.command(sql)
        assert getattr(caught.value, "code", None) in {164, 497}, (sql, caught.value)
    assert not Path("/tmp/leak").exists()


@pytest.fixture
def api_keys(as_identity: As) -> Iterator[str]:
    """The table of API keys as the migration makes it, with a row."""
    admin = as_identity("admin")
    (made,) = [each for each in load() if each.name.endswith("_api_keys.sql")]
    admin.command("DROP TABLE IF EXISTS api_keys")
    for statement in made.statements:
        admin.command(statement)
    admin.command("INSERT INTO api_keys (key_id, digest) VALUES ('k1', 'd1')")
    yield "api_keys"
    admin.command("DROP TABLE api_keys")


@pytest.mark.parametrize("identity", ["reader", "ingest", "api"])
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO api_keys (key_id, digest, scopes, orgs) VALUES ('mine', 'd', ['admin'], ['*'])",
        "INSERT INTO api_keys SELECT * FROM api_keys",
        "ALTER TABLE api_keys DELETE WHERE 1",
        "TRUNCATE TABLE api_keys",
        "DROP TABLE api_keys",
        "RENAME TABLE api_keys TO other",
        "CREATE MATERIALIZED VIEW mine TO api_keys AS SELECT action AS key_id FROM landing",
    ],
)
def test_only_the_admin_writes_api_keys(as_identity: As, api_keys: str, identity: str, sql: str) -> None:
    """Whoever could write the table would make itself a key, the sink's identity included."""
    with pytest.raises(ClickHouseError) as caught:
        as_identity(identity).command(sql)
    assert getattr(caught.value, "code", None) in {60, 164, 497}, caught.value
    assert as_identity("admin").query(f"SELECT key_id FROM {api_keys}").result_rows == [("k1",)]


def test_the_page_settings_writes_its_tables_and_no_other(as_identity: As, api_keys: str, table: str) -> None:
    """Through the functions the page uses; it neither deletes nor reads anything else."""
    admin = as_identity("admin")
    (table_of,) = [each for each in load() if each.name.endswith("_retention.sql")]
    (column,) = [each for each in load() if each.name.endswith("_default_org.sql")]
    for statement in (
        *column.statements,
        *(each for each in table_of.statements if "TABLE retention" in each),
    ):
        admin.command(statement)
    try:
        desk = as_identity("settings")
        key, _ = new_key("ann", ["acme"], [Scope.AUDIT_READ], now=datetime.now(UTC))
        add_keys(desk, [key])
        assert revoke_keys(desk, [key.key_id], datetime.now(UTC))[0].revoked_at is not None
        set_policy(desk, Policy("acme", "pii", 90, "ann"))
        assert [each.days for each in policies(desk)] == [90]
        for sql in (
            f"SELECT * FROM {table}",
            f"INSERT INTO {table} VALUES (2)",
            f"ALTER TABLE {api_keys} DELETE WHERE 1",
            f"TRUNCATE TABLE {api_keys}",
            "DROP TABLE retention",
        ):
            with pytest.raises(ClickHouseError) as caught:
                desk.command(sql)
            assert getattr(caught.value, "code", None) in {60, 164, 497}, (sql, caught.value)
    finally:
        admin.command("DROP TABLE retention")


@pytest.mark.parametrize("name", GUESTS)
def test_who_signs_in_is_between_the_api_and_its_writer(as_identity: As, table: str, name: str) -> None:
    """Whoever could write it would put people out; whoever could read it would see where people are at home."""
    admin, writer, api = as_identity("admin"), as_identity("settings"), as_identity("api")
    admin.command(f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n")
    try:
        writer.insert(name, [[1]], column_names=["n"])
        assert api.query(f"SELECT count() FROM {name}").result_rows == [(1,)]
        refused = [(who, f"SELECT * FROM {name}") for who in ("ingest", "reader", "analyst")]
        refused += [(who, f"INSERT INTO {name} VALUES (2)") for who in ("ingest", "api", "alerts")]
        refused += [("settings", f"TRUNCATE TABLE {name}"), ("settings", f"SELECT * FROM {table}")]
        for who, sql in refused:
            with pytest.raises(ClickHouseError) as caught:
                as_identity(who).command(sql)
            assert getattr(caught.value, "code", None) in {164, 497}, (who, sql)
    finally:
        admin.command(f"DROP TABLE {name}")


@pytest.mark.parametrize("name", DECISIONS)
def test_only_the_admin_decides_about_deletion(as_identity: As, name: str) -> None:
    """The sink reads tombstones, and cannot write them, nor holds, nor retention: it is no way to hide somebody."""
    admin, ingest = as_identity("admin"), as_identity("ingest")
    admin.command(f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n")
    try:
        for sql in (f"INSERT INTO {name} VALUES (1)", f"ALTER TABLE {name} DELETE WHERE 1"):
            with pytest.raises(ClickHouseError) as caught:
                ingest.command(sql)
            assert getattr(caught.value, "code", None) == 497
        assert ingest.query(f"SELECT count() FROM {name}").result_rows == [(0,)]
    finally:
        admin.command(f"DROP TABLE {name}")


@pytest.mark.parametrize("name", ALERTS)
def test_only_alerts_writes_its_tables_and_nothing_else(as_identity: As, table: str, name: str) -> None:
    """Whoever could write them could send what is read elsewhere; what is sealed nobody else even reads."""
    admin, alerts = as_identity("admin"), as_identity("alerts")
    admin.command(f"CREATE TABLE {name} (n UInt64) ENGINE = MergeTree ORDER BY n")
    try:
        alerts.insert(name, [[1]], column_names=["n"])
        assert alerts.query(f"SELECT count() FROM {name}").result_rows == [(1,)]
        refused = [
            ("ingest", f"INSERT INTO {name} VALUES (2)"),
            ("alerts", f"INSERT INTO {table} VALUES (2)"),
        ]
        refused += [
            (who, f"SELECT * FROM {name}") for who in ("ingest", "reader", "analyst") if name in SEALED
        ]
        for who, sql in refused:
            with pytest.raises(ClickHouseError) as caught:
                as_identity(who).command(sql)
            assert getattr(caught.value, "code", None) == 497, (who, sql)
    finally:
        admin.command(f"DROP TABLE {name}")


def test_only_the_api_reads_api_keys(as_identity: As, api_keys: str, table: str) -> None:
    """Analysts and the sink do not see who has keys; the API does, and reads what a reader reads."""
    for identity in ("reader", "ingest"):
        for sql in (f"SELECT * FROM {api_keys}", f"SELECT count() FROM trailhouse.{api_keys}"):
            with pytest.raises(ClickHouseError) as caught:
                as_identity(identity).query(sql)
            assert getattr(caught.value, "code", None) == 497
    api = as_identity("api")
    assert api.query(f"SELECT key_id, digest FROM {api_keys} FINAL").result_rows == [("k1", "d1")]
    assert api.query(f"SELECT n FROM {table}").result_rows == [(1,)]
    with pytest.raises(ClickHouseError):
        api.command(f"INSERT INTO {table} VALUES (2)")


@pytest.mark.parametrize(
    "url", ["http://reader:wrong@", "http://default@", "http://admin@", "http://nobody:x@"]
)
def test_nobody_gets_in_without_the_password(clickhouse_server: LocalClickHouse, url: str) -> None:
    """A wrong password and an unknown name get the same answer; there is no user without a password."""
    address = clickhouse_server.url.removeprefix("http://")
    answer = httpx.post(f"{url}{address}/", content="SELECT 1")
    assert answer.status_code == 403
    assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
    assert "password is incorrect, or there is no user with such name" in answer.text


def test_only_this_machine_by_its_own_name(clickhouse_server: LocalClickHouse) -> None:
    """A web page whose name was made to resolve to 127.0.0.1 is refused before its password is looked at."""
    for path in ("/", "/ping", "/healthz"):
        assert httpx.get(clickhouse_server.url + path, headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(clickhouse_server.url + "/ping", headers={"Host": "localhost:1"}).status_code == 200


def test_passwords_come_in_three_ways() -> None:
    """Basic authorization, headers, or the URL; the first that is there decides."""
    passwords = Passwords({name: Secret(f"pw-{name}") for name in IDENTITIES})
    assert passwords.identify({"authorization": "Basic cmVhZGVyOnB3LXJlYWRlcg=="}, {}).name == "reader"
    assert (
        passwords.identify({"x-clickhouse-user": "ingest", "x-clickhouse-key": "pw-ingest"}, {}).name
        == "ingest"
    )
    assert passwords.identify({}, {"user": "admin", "password": "pw-admin"}).name == "admin"
    for headers in ({}, {"authorization": "Basic %%%"}, {"authorization": "Bearer pw-admin"}):
        with pytest.raises(EngineError):
            passwords.identify(headers, {})


def test_passwords_do_not_show() -> None:
    """Nothing that may be printed holds a password."""
    passwords = Passwords({name: Secret(f"pw-{name}") for name in IDENTITIES})
    assert "pw-" not in repr(vars(passwords)) + repr(passwords)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_execution_time", "31"),
        ("max_execution_time", "-1"),
        ("max_memory_usage", "0"),
        ("allow_ddl", "1"),
    ],
)
def test_settings_the_reader_may_not_choose(name: str, value: str) -> None:
    """Caps can be lowered, never lifted; settings that do more than shape a result are closed."""
    with pytest.raises(EngineError):
        allowed_settings(IDENTITIES["reader"], {name: value})
    assert allowed_settings(IDENTITIES["ingest"], {name: value}) == {name: value}


@pytest.mark.parametrize("identity", ["reader", "ingest"])
@pytest.mark.parametrize(
    ("settings", "sql"),
    [
        ({"output_format_schema": "{file}"}, "SELECT 1 AS a FORMAT Protobuf"),
        ({"format_template_resultset": "{file}"}, "SELECT 1 FORMAT Template"),
        ({}, "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{file}'"),
        ({}, "SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '{file}'"),
        ({}, "SELECT 1 FORMAT/**/Template SETTINGS `format_template_row` = '{file}'"),
        ({}, "SELECT 1 FORMAT Template SETTINGS `format_\\x74emplate_row` = '{file}'"),
        ({}, "SELECT $a$ ' $a$ AS a FORMAT Template SETTINGS format_template_row = '{file}' -- '"),
        ({"default_format": "Template"}, "SELECT 1"),
    ],
)
def test_no_format_reads_or_writes_a_file(
    clickhouse_server: LocalClickHouse, tmp_path: Path, identity: str, settings: dict[str, str], sql: str
) -> None:
    """A format's schema or template is a file by name: neither its content nor its place may be had."""
    secret = tmp_path / "secret"
    secret.write_text("{canary")
    dsn = httpx.URL(clickhouse_server.dsn(identity, "trailhouse").reveal())
    answer = httpx.post(
        clickhouse_server.url,
        params={name: value.replace("{file}", str(secret)) for name, value in settings.items()},
        auth=(dsn.username, dsn.password),
        content=sql.replace("{file}", str(secret)),
    )
    assert answer.status_code == 403
    assert "canary" not in answer.text
    assert secret.read_text() == "{canary"


def test_words_in_strings_and_comments_are_only_words(as_identity: As) -> None:
    """Who looks for an action called `template:create` may."""
    reader = as_identity("reader")
    sql = "SELECT 'template_schema' /* protobuf */ AS a, 'it''s \\' capnproto' -- Template"
    assert reader.query(sql).result_rows == [("template_schema", "it's ' capnproto")]


def test_odd_query_ids_keep_no_slot(clickhouse_server: LocalClickHouse) -> None:
    """An id that no header can hold is replaced; twenty of them leave room for the next query."""
    dsn = httpx.URL(clickhouse_server.dsn("reader", "trailhouse").reveal())
    for asked in ["a\r\nb", "\N{EURO SIGN}", "x" * 129] * 7:
        answer = httpx.post(
            clickhouse_server.url,
            params={"query_id": asked},
            auth=(dsn.username, dsn.password),
            content="SELECT 1",
            timeout=10,
        )
        assert answer.text == "1\n"
        assert answer.headers["X-ClickHouse-Query-Id"] != asked


def test_readers_who_read_nothing_leave_room(clickhouse_server: LocalClickHouse, as_identity: As) -> None:
    """Sixteen clients that never take their results do not keep the others from writing."""
    dsn = httpx.URL(clickhouse_server.dsn("reader", "trailhouse").reveal())
    with contextlib.ExitStack() as waiting:
        for _ in range(16):
            client = waiting.enter_context(httpx.Client(auth=(dsn.username, dsn.password), timeout=1))
            with contextlib.suppress(httpx.TimeoutException):
                waiting.enter_context(
                    client.stream(
                        "POST", clickhouse_server.url, content="SELECT number FROM numbers(100000000)"
                    )
                )
        assert as_identity("ingest").query("SELECT 1").result_rows == [(1,)]
