"""`trailhouse users` against the real engine and a real broker."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from tests.databases import Databases
from tests.queries.directory_events import Org, days_ago, invite, view
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.directory_export import COLUMNS
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import create_topics


@pytest.fixture(scope="module")
def settings(databases: Databases) -> Iterator[ClickHouseSettings]:
    """A database with one organisation of two people, an invited one and a bot."""
    with databases.lend() as (settings, client):
        Org(client, "acme").tell(
            view(days_ago(4), "ann", actor_name="Ann Abel", actor_email="ann@example.org"),
            view(days_ago(3), "boss", actor_name="Bo Ssman", actor_role="admin"),
            view(days_ago(3), "bot", actor_type="service_account"),
            invite(days_ago(2), user_email="mia@example.org"),
        )
        yield settings


@pytest.fixture
def stack(settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A stack known by the environment, on that database."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", settings.dsn.reveal())
    client = connect(settings)
    yield client
    client.close()


def call(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> tuple[int, str, str]:
    code = run(("users", *words), {})
    out, err = capsysbinary.readouterr()
    return code, out.decode(), err.decode()


def test_everybody_is_listed(
    stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A table with a line below that counts them; the same as JSON and CSV; each reading is recorded."""
    code, out, err = call(capsysbinary, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["name", "Ann", "Bo", "-"]
    assert "invite pending" in out
    assert err.startswith("3 in acme · ")
    assert "1 invite pending" in err
    found = json.loads(call(capsysbinary, "list", "--format", "json", "--sort", "last_active")[1])
    assert (found["org"], found["total"]) == ("acme", 3)
    assert [each["user"] for each in found["users"]][-1] == "mia@example.org"
    _, text, _ = call(capsysbinary, "list", "--kind", "service_accounts", "--format", "csv")
    assert [row["Username"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ["bot"]
    events = recorded.take()
    assert [event["action"] for event in events] == ["directory:read", "directory:read", "export:create"]
    assert {event["org_id"] for event in events} == {"acme"}


def test_search_takes_names_and_addresses(
    stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """In any case; nobody found is exit code 1; what was searched for is not recorded."""
    code, out, err = call(capsysbinary, "search", "aBEL")
    assert (code, out.count("\n")) == (0, 2)
    assert "1 of 4 in acme (3 people, 1 others) · " in err
    assert "mia@example.org" in call(capsysbinary, "search", "MIA@")[1]
    assert call(capsysbinary, "search", "nobody")[:2] == (1, "")
    assert not any(word in str(recorded.take()).lower() for word in ("abel", "mia@", "nobody"))


def test_the_first_few(stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A limit shortens what is printed, never what is counted."""
    _, out, err = call(capsysbinary, "list", "--limit", "1")
    assert (out.count("\n"), err.partition(" · ")[0]) == (2, "the first 1 of 3 in acme")
    found = json.loads(call(capsysbinary, "search", "a", "--limit", "1", "--format", "json")[1])
    assert (len(found["users"]), found["found"]) == (1, 3)


def test_a_misspelled_organisation_is_refused(
    stack: Client, recorded: Recorded, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With the closest one there is; nothing was read, so nothing is recorded."""
    code, out, err = call(capsysbinary, "list", "--org", "acmee")
    assert (code, out) == (2, "")
    assert "--org is 'acmee': no event of it is stored" in err
    assert "did you mean acme?" in err
    assert recorded.take() == []


def test_the_export_has_the_eleven_columns(
    stack: Client, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """To stdout, or into a file that is its owner's alone; masked there is no name in it."""
    code, out, _ = call(capsysbinary, "export")
    assert code == 0
    header, *rows = csv.reader(io.StringIO(out, newline=""))
    assert header == list(COLUMNS)
    assert [row[0] for row in rows] == ["Ann Abel", "Bo Ssman", ""]
    file = tmp_path / "users.csv"
    assert call(capsysbinary, "export", "--output", str(file))[:2] == (0, "")
    assert file.read_bytes() == out.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    masked = call(capsysbinary, "export", "--masked")[1]
    assert "ann" not in masked
    assert masked.count('"u_') == 3


def test_mistakes_are_told(stack: Client, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """With the option and what it takes; exit code 2."""
    assert "--sort" in call(capsysbinary, "list", "--sort", "size")[2]
    assert "--profile" in call(capsysbinary, "list", "--profile", "cloud")[2]
    assert call(capsysbinary, "list", "--status", "gone")[0] == 2
    roster = tmp_path / "roster.csv"
    roster.write_text("name\nAnn\n")
    assert call(capsysbinary, "import", str(roster), "--org", "acme", "--dry-run")[0] == 2
    assert "--as-of" in call(capsysbinary, "import", "-")[2]
    assert "future" in call(capsysbinary, "import", str(roster), "--as-of", "2999-01-01")[2]
    assert "cannot read" in call(capsysbinary, "import", str(tmp_path / "none.csv"))[2]


def test_a_roster_is_imported_twice_and_counts_once(  # noqa: PLR0917 - fixtures
    stack: Client,
    kafka_settings: KafkaSettings,
    recorded: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """As events on the raw topic, as of when the file was changed; the second time they are the very same ones."""
    create_topics(kafka_settings, 1)
    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", kafka_settings.bootstrap)
    monkeypatch.setenv("TRAILHOUSE_TOPIC_RAW", kafka_settings.raw_topic)
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "user_id,email,name,teams,shoes\nann,,Ann of the roster,t1=One,42\nnew,new@example.org,New One,,\n,,,,\n"
    )
    os.utime(roster, (1_772_000_000, 1_772_000_000))  # 2026-02-25
    for _ in range(2):
        code, out, err = call(capsysbinary, "import", str(roster), "--org", "other")
        assert (code, out) == (0, "")
        assert "columns not used: shoes" in err
        assert "sent 4 events" in err
        assert "as of 2026-02-25T06:13:20Z" in err
    assert [event["action"] for event in recorded.take()] == ["directory:import"] * 2
    sent = raw_events(kafka_settings, 8)
    assert sent[:4] == sent[4:]
    other = Org(stack, "other")
    other.tell(*sent, view("2026-01-01T09:00", "ann", actor_name="Ann Abel"))
    people = other.people()
    assert set(people) == {"ann", "new"}
    assert (people["ann"].name, people["ann"].teams) == ("Ann Abel", ("One",))
    assert (people["new"].name, people["new"].status.value) == ("New One", "never_active")


def raw_events(settings: KafkaSettings, count: int) -> list[AuditEvent]:
    """The first `count` events on the raw topic."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap, consumer_timeout_ms=20_000)
    try:
        place = TopicPartition(settings.raw_topic, 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        return [
            AuditEvent.from_bytes(record.value) for _, record in zip(range(count), consumer, strict=False)
        ]
    finally:
        consumer.close()
