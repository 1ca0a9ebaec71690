"""The role as a process, killed with -9 between deciding and delivering: nothing is lost, repeats are known by their id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.queries.alerts.receivers import free_port, receiving, wait_for
from tests.queries.alerts.yard import KEY, Yard

from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.alerts.table import load_steps
from trailhouse.stream.topics import create_topics


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> AlertsSettings:
    """A broker with a group of this test's own."""
    create_topics(kafka_settings, 1)
    group = f"alerts-{uuid.uuid4().hex[:8]}"
    return AlertsSettings(kafka=kafka_settings, group=group, session_timeout_s=6.0, timeout_s=1.0)


@contextmanager
def running(yard: Yard, port: int, settings: AlertsSettings) -> Iterator[subprocess.Popen[bytes]]:
    environ = {
        **os.environ,
        "TRAILHOUSE_CLICKHOUSE_DSN": yard.settings.dsn.reveal(),
        "TRAILHOUSE_ALERTS_KEY": KEY.reveal(),
        "TRAILHOUSE_ALERTS_ALLOW": "127.0.0.0/8",
        "TRAILHOUSE_ALERTS_EVERY_S": "0.05",
        "TRAILHOUSE_ALERTS_BACKOFF_S": "0.2",
        "TRAILHOUSE_ALERTS_ATTEMPTS": "100",
        "TRAILHOUSE_METRICS_PORT": str(port),
        "TRAILHOUSE_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
        "TRAILHOUSE_TOPIC_ENRICHED": settings.kafka.enriched_topic,
        "TRAILHOUSE_ALERTS_GROUP": settings.group,
        "TRAILHOUSE_ALERTS_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
        "TRAILHOUSE_ALERTS_TIMEOUT_S": str(settings.timeout_s),
    }
    process = subprocess.Popen([sys.executable, "-m", "trailhouse.deploy", "alerts", "run"], env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_killed_between_deciding_and_delivering_it_loses_nothing(
    yard: Yard, settings: AlertsSettings
) -> None:
    """The receiver holds the first request until the role is dead; the next role sends the same id, and it stops when told."""
    port = free_port()
    with receiving("hang") as receiver:
        yard.webhook(receiver.url)
        yard.alert(quiet="0")
        with running(yard, port, settings) as first:
            yard.land({}, {"action": "page:view"})
            wait_for(lambda: receiver.requests)
            os.kill(first.pid, signal.SIGKILL)
            first.wait(30)
        assert [each["status"] for each in yard.notices()] == ["pending"]
        assert [each.number for each in load_steps(yard.client).values()] == [1]
        receiver.answer = lambda _: 200
        yard.land({"action": "team:create"})
        with running(yard, port, settings) as second:
            wait_for(lambda: [each["status"] for each in yard.notices()] == ["delivered"] * 2)
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30).status_code == 200
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0
        receiver.ended.set()
    assert "trailhouse_alerts_pending_records" in metrics
    told = {each.headers["webhook-id"]: each.json["data"]["count"] for each in receiver.requests}
    assert sorted(told.values()) == [1, 2]
    assert len(receiver.requests) == 3
