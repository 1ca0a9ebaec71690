"""Settings of the sink: read, checked, and silent about secrets."""

from __future__ import annotations

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Secret
from trailhouse.sinks.settings import ClickHouseSettings, SinkSettings


def test_defaults_are_a_local_stack() -> None:
    """An empty environment is one machine with default ports."""
    settings = SinkSettings.from_env({})
    assert (settings.clickhouse.host, settings.clickhouse.port, settings.clickhouse.database) == (
        "127.0.0.1",
        8123,
        "trailhouse",
    )
    assert settings.kafka.enriched_topic == "audit.enriched"
    assert settings.group == "trailhouse-sink"


def test_every_field_is_read() -> None:
    """Kafka, ClickHouse and the sink's own come from one environment."""
    settings = SinkSettings.from_env(
        {
            "TRAILHOUSE_KAFKA_BOOTSTRAP": "k1:9092,k2:9092",
            "TRAILHOUSE_CLICKHOUSE_DSN": "https://us%40er:p%2Fass@ch.example:9440/audit",
            "TRAILHOUSE_SINK_GROUP": "g",
            "TRAILHOUSE_SINK_INSTANCE": "sink-1",
            "TRAILHOUSE_SINK_BATCH_ROWS": "10",
            "TRAILHOUSE_SINK_BATCH_BYTES": "65536",
            "TRAILHOUSE_SINK_BATCH_AGE_MS": "5",
            "TRAILHOUSE_SINK_SESSION_TIMEOUT_S": "6",
            "TRAILHOUSE_SINK_SEAL_EVERY_S": "30",
            "TRAILHOUSE_METRICS_PORT": "9100",
            "TRAILHOUSE_METRICS_HOST": "0.0.0.0",
        }
    )
    assert settings.kafka.bootstrap == "k1:9092,k2:9092"
    clickhouse = settings.clickhouse
    assert (clickhouse.host, clickhouse.port, clickhouse.is_secure) == ("ch.example", 9440, True)
    assert (clickhouse.username, clickhouse.password.reveal(), clickhouse.database) == (
        "us@er",
        "p/ass",
        "audit",
    )
    assert (settings.group, settings.instance) == ("g", "sink-1")
    assert (settings.batch_rows, settings.batch_bytes, settings.batch_age_ms) == (10, 65536, 5)
    assert settings.seal_every_s == 30
    assert (settings.session_timeout_s, settings.metrics.port, settings.metrics.host) == (
        6.0,
        9100,
        "0.0.0.0",
    )


@pytest.mark.parametrize(("dsn", "port"), [("http://h/d", 8123), ("https://h/d", 8443), ("http://h:1/d", 1)])
def test_ports_by_scheme(dsn: str, port: int) -> None:
    """Without a port, the one ClickHouse uses for the scheme."""
    assert ClickHouseSettings(dsn=Secret(dsn)).port == port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAILHOUSE_CLICKHOUSE_DSN", "clickhouse://user:hush@h:9000/db"),
        ("TRAILHOUSE_CLICKHOUSE_DSN", "http://user:hush@h:8123"),
        ("TRAILHOUSE_CLICKHOUSE_DSN", "http:///db"),
        ("TRAILHOUSE_CLICKHOUSE_DSN", "http://user:hush@h:port/db"),
        ("TRAILHOUSE_CLICKHOUSE_DSN", "http://user:hush@[h:8123/db"),
        ("TRAILHOUSE_SINK_GROUP", ""),
        ("TRAILHOUSE_SINK_BATCH_ROWS", "0"),
        ("TRAILHOUSE_SINK_BATCH_ROWS", "1000001"),
        ("TRAILHOUSE_SINK_BATCH_ROWS", "many"),
        ("TRAILHOUSE_SINK_BATCH_BYTES", "1"),
        ("TRAILHOUSE_SINK_BATCH_AGE_MS", "0"),
        ("TRAILHOUSE_SINK_SESSION_TIMEOUT_S", "5"),
        ("TRAILHOUSE_METRICS_PORT", "70000"),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: str) -> None:
    """The error names the variable, and never tells a secret."""
    with pytest.raises(SettingsError) as caught:
        SinkSettings.from_env({name: value})
    assert name in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_password_never_shows() -> None:
    """No repr of any settings object holds the password."""
    settings = SinkSettings.from_env({"TRAILHOUSE_CLICKHOUSE_DSN": "http://user:hush@h:8123/db"})
    assert "hush" not in f"{settings!r} {settings} {settings.clickhouse!r} {settings.clickhouse.password!r}"


def test_the_password_may_stand_apart() -> None:
    """So that the address can be read by everybody; never in both places."""
    dsn = "https://ingest@ch.example/audit"
    environ = {"TRAILHOUSE_CLICKHOUSE_DSN": dsn, "TRAILHOUSE_CLICKHOUSE_PASSWORD": "opens"}
    settings = ClickHouseSettings.from_env(environ)
    assert (settings.username, settings.password) == ("ingest", Secret("opens"))
    assert "opens" not in repr(settings)
    with pytest.raises(SettingsError, match="TRAILHOUSE_CLICKHOUSE_DSN"):
        ClickHouseSettings(dsn=Secret("http://ingest:x@ch/audit"), secret=Secret("opens"))


def test_certificates_want_an_encrypted_address() -> None:
    """Who names an authority does not want the connection to be readable."""
    with pytest.raises(SettingsError, match="https://"):
        ClickHouseSettings(dsn=Secret("http://ingest@ch/audit"), ca="/pem/ca.pem")
    secure = ClickHouseSettings(dsn=Secret("https://ingest@ch/audit"), ca="/pem/ca.pem")
    assert secure.trust.ca == "/pem/ca.pem"
