"""`trailhouse report` against the real engine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow.parquet
import pytest
from tests.databases import Databases
from tests.queries.landing import reject, store
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.queries.reports import load
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

JANUARY = ("--since", "2026-01-01", "--until", "2026-01-31")


def land(client: Client) -> None:
    """One organisation of two people and a bot."""
    people = [
        ("ann", "2026-01-05T10:00:00Z"),
        ("ann", "2026-01-06T10:00:00Z"),
        ("bob", "2026-01-06T20:00:00Z"),
    ]
    events = [
        {"org_id": "acme", "actor_user_id": who, "occurred_at": at, "action": "page:view"}
        for who, at in people
    ]
    events.append({**events[0], "actor_user_id": "bot", "actor_type": "service_account"})
    store(client, [each | {"event_id": f"00000000-0000-4000-8000-{n:012}"} for n, each in enumerate(events)])


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[tuple[ClickHouseSettings, Client]]:
    """A database for the tests that only read."""
    with databases.lend() as (settings, client):
        land(client)
        yield settings, client


@pytest.fixture
def stack(shared: tuple[ClickHouseSettings, Client], monkeypatch: pytest.MonkeyPatch) -> Client:
    """A stack known by the environment, for reading."""
    settings, client = shared
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", settings.dsn.reveal())
    return client


@pytest.fixture
def own_stack(
    database: Client, clickhouse_settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> Client:
    """The same, for a test that writes."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", clickhouse_settings.dsn.reveal())
    land(database)
    return database


def call(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> tuple[int, str, str]:
    code = run(words, {})
    out, err = capsysbinary.readouterr()
    return code, out.decode(), err.decode()


def test_rows_go_to_stdout_in_the_format_asked_for(
    stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The organisation may be left out where there is only one; a table ends with its footer."""
    code, out, err = call(capsysbinary, "report", "weekly_active_users", *JANUARY, "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["active_users"] for row in rows] == ["0", "2", "0", "0", "0"]
    assert rows[0]["week"] == "2025-12-29"
    document = json.loads(
        call(capsysbinary, "report", "active_users", *JANUARY, "--actors", "all", "--format", "json")[1]
    )
    assert [row["active_users"] for row in document["rows"]] == [3]
    out = call(
        capsysbinary, "report", "most_active_users", *JANUARY, "--timezone", "Asia/Kathmandu", "--limit", "1"
    )[1]
    assert "ann" in out
    assert "bob" not in out
    assert out.splitlines()[-1].startswith("1 row · ")
    assert "2026-01-01 to 2026-01-31, final · Asia/Kathmandu" in out


def test_a_parquet_file_has_the_shown_columns(
    stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """In the report's order, in types of its own."""
    code = run(
        ("report", "most_active_users", *JANUARY, "--actors=all", "--limit", "2", "--format", "parquet"), {}
    )
    out, _ = capsysbinary.readouterr()
    found = pyarrow.parquet.read_table(io.BytesIO(out)).to_pylist()
    assert code == 0
    assert [(row["rank"], row["user"], row["active_days"]) for row in found] == [(1, "ann", 2), (2, "bob", 1)]
    assert list(found[0]) == ["rank", "user", "active_days", "last_active"]


def test_a_row_opens_to_its_events(
    stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """In every format, recorded like every reading; below it what the row says."""
    code, out, err = call(capsysbinary, "report", "weekly_active_users", *JANUARY, "--explain", "2")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Weekly active users · acme · week = 2026-01-05"
    assert [line.split()[1:3] for line in out.splitlines() if "page:view" in line] == [
        ["page:view", "ann"],
        ["page:view", "ann"],
        ["page:view", "bob"],
    ]
    assert "3 events · active_users = 2 · " in out.splitlines()[-1]
    options = ("most_active_users", *JANUARY, "--explain", "1", "--masked", "--format")
    found = json.loads(call(capsysbinary, "report", *options, "json")[1])
    assert (found["column"], found["figure"], found["total"], found["rest"]) == ("active_days", 2, 2, 0)
    lines = call(capsysbinary, "report", *options, "ndjson")[1].splitlines()
    assert [json.loads(line) for line in lines] == found["rows"]
    rows = list(csv.DictReader(io.StringIO(call(capsysbinary, "report", *options, "csv")[1], newline="")))
    assert rows == found["rows"]
    assert {row["user"][:2] for row in rows} == {"u_"}
    read = [(each["action"], each["attributes"].get("explained"), each["org_id"]) for each in recorded.take()]
    assert read == [
        ("analytics:read", 1, "acme"),
        ("analytics:read", 1, "acme"),
        ("export:create", 1, "acme"),
        ("export:create", 1, "acme"),
    ]


def test_masked_shows_no_name(stack: Client, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """For a report to be handed on."""
    out = call(capsysbinary, "report", "most_active_users", *JANUARY, "--masked", "--format", "ndjson")[1]
    assert [json.loads(line)["user"][:2] for line in out.splitlines()] == ["u_", "u_"]


def test_whoever_reads_on_the_machine_is_recorded_too(
    stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """As an operator; a file is an export; a name that is no organisation's is not made one by being asked for."""
    call(capsysbinary, "report", "most_active_users", *JANUARY, "--format", "csv")
    call(capsysbinary, "report", "active_users", *JANUARY, "--org", "acmee", "--masked")
    call(capsysbinary, "report", "active_users", *JANUARY, "--show-sql")
    exported, read = recorded.take()
    assert (exported["action"], exported["org_id"]) == ("export:create", "acme")
    assert exported["actor_user_id"].startswith("operator:")
    assert (exported["attributes"]["rows"], exported["attributes"]["pii_shown"]) == (2, True)
    assert (read["org_id"], read["attributes"]["asked_org"]) == (INSTALLATION, "acmee")
    assert (read["action"], read["attributes"]["pii_shown"]) == ("analytics:read", False)


def test_the_sql_shown_is_the_sql_run(stack: Client, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Every report's is one statement that holds its values and runs as it is."""
    period = ("--org", "acme", "--since", "2026-01-01T00:07:00Z", "--until", "2026-01-31")
    code, out, _ = call(capsysbinary, "report", "active_users", *period, "--show-sql")
    assert code == 0
    assert stack.query(out).result_rows == [(2,)]
    for name in load():
        stack.query(call(capsysbinary, "report", name, *period, "--show-sql")[1])


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("active_user", "there is no report 'active_user'", "did you mean active_users?"),
        ("active_users --last 30", "--last is '30'", "wanted: a number of days"),
        (
            "active_users --timezone Berlin",
            "--timezone is 'Berlin'",
            "an IANA time zone such as Europe/Berlin",
        ),
        (
            "events_by_action --limit 3",
            "events_by_action takes no parameter --limit",
            "it takes --org, --company, --since, --until, --last, --timezone, --week-start, --semantics",
        ),
        ("active_users --since 2026-02-01 --until 2026-01-01", "--since is '2026-02-01'", "before until"),
        (
            "active_users --colour red",
            "active_users takes no parameter --colour",
            "it takes --org, --company",
        ),
        ("active_users --colour", "Invalid value: --colour needs a value", "hint: trailhouse report --help"),
        ("active_users --colour=red --colour=blue", "Invalid value: --colour is given twice", ""),
        ("active_users acme", "Invalid value: unexpected argument 'acme'", ""),
        ("active_users --week-start funday", "--week-start is 'funday'", "wanted: one of monday, tuesday"),
        ("active_users --semantics kroolo-x", "--semantics is 'kroolo-x'", "wanted: "),
        ("active_users --company Acme", "--company is 'Acme'", "trailhouse orgs list"),
        ("active_users --explain 2", "--explain is '2'", "a row from 1 to 1"),
        ("active_users --explain 1 --format parquet", "--format is 'parquet'", "csv, json or ndjson"),
    ],
)
@pytest.mark.usefixtures("stack")
def test_wrong_usage_says_what_is_wanted(
    capsysbinary: pytest.CaptureFixture[bytes], words: str, error: str, hint: str
) -> None:
    """Exit code 2, nothing on stdout, the value and how a good one reads on stderr."""
    status, out, err = call(capsysbinary, "report", *words.split())
    assert (status, out) == (2, "")
    assert f"error: {error}" in err
    assert hint in err


def test_zero_and_never_any_data_are_told_apart(
    stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A typo in the organisation is not answered with zeros alone."""
    code, out, err = call(
        capsysbinary, "report", "active_users", "--org", "acmee", *JANUARY, "--format", "csv"
    )
    assert (code, out) == (0, "active_users\r\n0\r\n")
    assert "no event of organisation 'acmee' is stored; organisations with events: acme" in err
    err = call(
        capsysbinary,
        "report",
        "active_users",
        "--org",
        "acme",
        "--since",
        "2020-01-01",
        "--until",
        "2020-01-02",
    )[2]
    assert "note: nothing in this period; the first was at 2026-01-05T10:00:00Z" in err


def test_what_names_no_organisation_is_nobodys(
    own_stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """It is shown with the whole installation, and not as if an organisation asked for had sent it."""
    reject(own_stack, [("", "bad_json", datetime(2026, 1, 10, tzinfo=UTC))])
    own = call(capsysbinary, "report", "rejected_by_reason", *JANUARY, "--org", "nosuch", "--format", "csv")
    assert own[:2] == (0, "reason,records,org\r\n")
    assert "note: nothing of organisation 'nosuch' was rejected" in own[2]
    whole = call(capsysbinary, "report", "rejected_by_reason", *JANUARY)
    assert "Rejected records by reason · the whole installation" in whole[1]
    assert "bad_json" in whole[1]
    nothing = call(
        capsysbinary, "report", "rejected_by_reason", "--since", "2025-01-01", "--until", "2025-01-02"
    )
    assert "note: nothing in this period; the first was at 2026-01-10T00:00:00Z" in nothing[2]


def test_where_nothing_was_ever_rejected_it_says_so(
    stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An empty table is good news here, and no reason to look further back."""
    code, _, err = call(capsysbinary, "report", "rejected_by_reason")
    assert (code, err) == (0, "note: nothing was rejected\n")


def test_several_organisations_are_named(
    own_stack: Client, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Who leaves out a needed --org learns which there are."""
    store(
        own_stack,
        [
            {
                "org_id": "beta",
                "actor_user_id": "eve",
                "occurred_at": "2026-01-05T10:00:00Z",
                "action": "page:view",
                "event_id": "00000000-0000-4000-8000-000000000009",
            }
        ],
        start=100,
    )
    code, out, err = call(capsysbinary, "report", "active_users", *JANUARY)
    assert (code, out) == (2, "")
    assert "error: --org is needed: there are several: acme, beta" in err
