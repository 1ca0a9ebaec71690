"""`trailhouse rejected` against a running worker and sink: listed, shown, mended, sent again, counted once."""

from __future__ import annotations

import csv
import io
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.roles import running, wait_for

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.rejected import safe
from trailhouse.producers.settings import KafkaSettings

if TYPE_CHECKING:
    from tests.e2e.pipeline import Pipeline

    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def pipeline(
    kafka_settings: KafkaSettings,
    clickhouse_settings: ClickHouseSettings,
    database: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pipeline]:
    """A worker and a sink that run, and an environment in which commands find their stack."""
    from tests.e2e.pipeline import Pipeline
    from tests.sinks.rig import Rig

    made = Pipeline(Rig(kafka_settings, clickhouse_settings, database, partitions=2), tmp_path)
    for name, value in made.rig.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    with running(made.stream, made.sink):
        yield made


def send(pipeline: Pipeline, *values: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
    from kafka import KafkaProducer

    rig = pipeline.rig
    producer = KafkaProducer(bootstrap_servers=rig.kafka.bootstrap, acks="all")
    for value in values:
        producer.send(rig.kafka.raw_topic, value, key=b"key", headers=headers, partition=1)
    producer.flush()
    producer.close()


def settled(pipeline: Pipeline, records: int) -> None:
    wait_for(
        lambda: pipeline.is_settled(records),
        30,
        f"{records} records in the books",
        pipeline.stream,
        pipeline.sink,
    )


class Command:
    """Runs `trailhouse rejected …` and reads what it printed."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str, status: int = 0) -> str:
        self._capture.readouterr()
        found = run(["rejected", *arguments], dict(os.environ))
        self.captured = self._capture.readouterr()
        assert found == status, self.captured
        return self.captured.out

    def rows(self, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self(*arguments, "--format", "json", status=status))
        return rows


@pytest.fixture
def rejected(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def event(**fields: Any) -> dict[str, Any]:
    made = {
        "event_id": str(uuid.uuid4()),
        "occurred_at": "2026-03-02T09:00:00Z",
        "org_id": "acme",
        "action": "a:b",
    }
    return made | fields


def test_a_rejected_record_is_mended_and_counted_once(
    pipeline: Pipeline, rejected: Command, tmp_path: Path
) -> None:
    """From the list to the bytes, to the mended file, to the report; twice over, and the books balance throughout."""
    broken = event(action="")
    nasty = b'{"org_id":"acme","x":"\x1b[31m\xff\xe2\x80\xae'
    send(pipeline, json.dumps(broken).encode(), nasty, headers=[("trace", b"\x00\xff")])
    send(
        pipeline,
        json.dumps(event(org_id="beta", schema_version=9)).encode(),
        json.dumps(event()).encode(),
        b"[]",
    )
    settled(pipeline, 5)

    rejected("list", status=2)
    assert "acme, beta" in rejected.captured.err
    assert [row["reason"] for row in rejected.rows("list", "--all-orgs")] == [
        "malformed",
        "unsupported_version",
        "malformed",
        "invalid_field",
    ]
    (row,) = rejected.rows("list", "--org", "acme")
    assert (row["org"], row["reason"], row["became"]) == ("acme", "invalid_field", "")
    table = rejected("list", "--all-orgs", "--limit", "2")
    assert table.count("\n") == 3
    after = rejected.captured.err.split("--after ")[1].strip()
    assert [each["reason"] for each in rejected.rows("list", "--all-orgs", "--after", after)][
        -1
    ] == "invalid_field"
    (line,) = csv.DictReader(io.StringIO(rejected("list", "--org", "beta", "--format", "csv")))
    assert line["reason"] == "unsupported_version"

    place = row["place"]
    shown = rejected("show", place, "--org", "acme")
    assert json.dumps(broken) in shown
    assert "invalid_field: action" in shown
    assert "header trace" in shown
    assert "\\x00\\xff" in shown
    assert rejected("show", place, "--org", "acme", "--raw") == json.dumps(broken)
    (other,) = rejected.rows("list", "--org", "beta")
    rejected("show", other["place"], "--org", "acme", status=2)
    unread = next(each["place"] for each in rejected.rows("list", "--all-orgs") if each["size"] == len(nasty))
    shown = rejected("show", unread, "--all-orgs")
    assert "\x1b" not in shown
    assert "\\x1b[31m\\xff\\u202e" in shown

    again = rejected.rows("replay", place, "--org", "acme", "--yes", status=1)
    assert "would be rejected again: invalid_field" in again[0]["became"]
    mended = tmp_path / "mended.json"
    mended.write_bytes(json.dumps(broken | {"action": "run:update"}).encode())
    plan = rejected.rows("replay", place, "--org", "acme", "--edited", str(mended), "--dry-run")
    assert plan == [{"place": place, "became": "would be sent"}]
    rejected("replay", place, "--org", "acme", "--edited", str(mended), status=2)
    assert "--yes" in rejected.captured.err
    (sent,) = rejected.rows("replay", place, "--org", "acme", "--edited", str(mended), "--yes")
    assert sent["became"].startswith("sent to ")
    settled(pipeline, 6)
    assert [each["became"] for each in rejected.rows("list", "--org", "acme")] == [
        "replayed (edited): stored"
    ]
    (left,) = rejected.rows("replay", place, "--org", "acme", "--edited", str(mended), "--yes", status=1)
    assert "replayed already" in left["became"]
    rejected("replay", place, "--org", "acme", "--edited", str(mended), "--yes", "--again")
    settled(pipeline, 7)
    found = pipeline.rig.client.query(
        "SELECT count() FROM events FINAL WHERE action = 'run:update'"
    ).result_rows
    assert found == [(1,)]
    books = pipeline.rig.balance()
    assert (books.stored, books.repeats, books.rejected, books.unaccounted) == (2, 1, 4, 0)
    assert books.replayed == 1

    # What the rules refuse is sent only when told to, is rejected again, and says so.
    rejected("replay", "--reason", "malformed", "--all-orgs", "--yes", status=1)
    rejected("replay", "--reason", "malformed", "--all-orgs", "--yes", "--force")
    settled(pipeline, 9)
    assert (pipeline.rig.balance().rejected, pipeline.rig.balance().replayed) == (6, 3)
    became = [each["became"] for each in rejected.rows("list", "--all-orgs", "--reason", "malformed")]
    assert sorted(became) == ["", "", "replayed: rejected: malformed", "replayed: rejected: malformed"]
    letter = rejected("show", rejected.rows("list", "--all-orgs", "--limit", "1")[0]["place"], "--all-orgs")
    assert "audit.replay.of" in letter


def test_what_retention_removed_is_said_to_be_gone(
    pipeline: Pipeline, rejected: Command, tmp_path: Path
) -> None:
    """From both topics; from the rejected topic alone the raw topic still has it."""
    from kafka import TopicPartition
    from kafka.admin import KafkaAdminClient

    send(pipeline, b"not JSON")
    settled(pipeline, 1)
    (row,) = rejected.rows("list")
    kafka = pipeline.rig.kafka
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    client.delete_records({TopicPartition(kafka.rejected_topic, number): -1 for number in range(2)})
    assert rejected("show", row["place"], "--raw") == "not JSON"
    client.delete_records({TopicPartition(kafka.raw_topic, 1): 1})
    client.close()
    rejected("show", row["place"], status=1)
    assert "are gone" in rejected.captured.err
    (left,) = rejected.rows("replay", row["place"], "--yes", "--force", status=1)
    assert left["became"].startswith("left alone: gone")
    mended = tmp_path / "mended.json"
    mended.write_bytes(json.dumps(event()).encode())
    assert rejected.rows("replay", row["place"], "--edited", str(mended), "--yes")[0]["became"].startswith(
        "sent to"
    )


def test_a_replay_needs_to_know_what(
    rejected: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Places or a reason; a file goes with one place."""
    file = tmp_path / "file"
    file.touch()
    for arguments in ((), ("--edited", str(file)), ("a/0/1", "b/0/1", "--edited", str(file))):
        rejected("replay", *arguments, status=2)


def test_bytes_are_shown_safely() -> None:
    """No control, no bidirectional override, no undecodable byte reaches a terminal; text does."""
    assert safe("é😀\n".encode()) == "é😀\n"
    assert safe(b"\x1b]0;x\x07\xff\x00\t\r") == "\\x1b]0;x\\x07\\xff\\x00\\t\\r"
    assert safe("\u202e\u2028\ufeff".encode()) == "\\u202e\\u2028\\ufeff"
