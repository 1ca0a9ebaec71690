"""`trailhouse outbox`, as a process on a real Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.producers.test_transport import create_raw_topic, read_all

from trailhouse.deploy.cli import run
from trailhouse.producers import KafkaSettings
from trailhouse.producers.outbox import Outbox


def environ_of(kafka: KafkaSettings, folder: Path) -> dict[str, str]:
    return {
        "TRAILHOUSE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "TRAILHOUSE_TOPIC_RAW": kafka.raw_topic,
        "TRAILHOUSE_OUTBOX_URL": f"sqlite:///{folder}/app.db",
        "TRAILHOUSE_OUTBOX_TABLE": "events_out",
    }


def test_what_is_committed_reaches_kafka_and_sigterm_ends_it(
    kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    """`create` makes the table, `relay` empties it and ends with status 0."""
    create_raw_topic(kafka_settings)
    environ = os.environ | environ_of(kafka_settings, tmp_path)
    command = [sys.executable, "-m", "trailhouse.deploy", "outbox"]
    made = subprocess.run([*command, "create"], env=environ, capture_output=True, text=True, check=True)
    assert made.stderr == "events_out is there\n"
    engine = sa.create_engine(environ["TRAILHOUSE_OUTBOX_URL"])
    outbox = Outbox(name="events_out")
    with engine.begin() as connection:
        names = [outbox.emit(connection, "a:b", org_id="acme") for _ in range(20)]
    relay = subprocess.Popen(
        [*command, "relay", "--poll", "0.05"], env=environ, stderr=subprocess.PIPE, text=True
    )
    try:
        assert relay.stderr is not None
        assert f"to {kafka_settings.raw_topic}" in relay.stderr.readline()
        while True:
            with engine.connect() as connection:
                if not connection.execute(sa.select(outbox.table.c.id)).all():
                    break
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(60) == 0
    finally:
        relay.kill()
        relay.wait()
        engine.dispose()
    values = read_all(kafka_settings)
    assert len(values) == 20
    assert all(any(name.encode() in value for value in values) for name in names)


def test_a_missing_address_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which variable, and what is wanted."""
    monkeypatch.delenv("TRAILHOUSE_OUTBOX_URL", raising=False)
    assert run(["outbox", "create"], os.environ) == 1
    assert "TRAILHOUSE_OUTBOX_URL" in capsys.readouterr().err
