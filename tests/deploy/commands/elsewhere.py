"""A stack known by the environment alone: this test's ClickHouse, Kafka and pepper."""

from __future__ import annotations

import pytest

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.settings import ClickHouseSettings

PEPPER = "a pepper for tests only"


def point_at(
    monkeypatch: pytest.MonkeyPatch, clickhouse: ClickHouseSettings, kafka: KafkaSettings | None = None
) -> None:
    """From now on commands find these."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.delenv("TRAILHOUSE_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", clickhouse.dsn.reveal())
    monkeypatch.setenv("TRAILHOUSE_PEPPER", PEPPER)
    if kafka is not None:
        monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", kafka.bootstrap)
        monkeypatch.setenv("TRAILHOUSE_TOPIC_RAW", kafka.raw_topic)
        monkeypatch.setenv("TRAILHOUSE_TOPIC_ENRICHED", kafka.enriched_topic)
        monkeypatch.setenv("TRAILHOUSE_TOPIC_REJECTED", kafka.rejected_topic)
