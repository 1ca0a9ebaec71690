"""Settings of notifications check themselves and show no secret."""

from __future__ import annotations

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.settings import AlertsSettings, networks
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRAILHOUSE_ALERTS_KEY", "short"),
        ("TRAILHOUSE_ALERTS_ALLOW", "10.0.0.0/99"),
        ("TRAILHOUSE_ALERTS_SMTP_TLS", "perhaps"),
        ("TRAILHOUSE_ALERTS_SMTP_FROM", "a@b\r\nBcc: c"),
        ("TRAILHOUSE_ALERTS_URL", "javascript:alert(1)"),
        ("TRAILHOUSE_ALERTS_ATTEMPTS", "0"),
    ],
)
def test_bad_values_are_named(name: str, value: str) -> None:
    """Before anything starts."""
    with pytest.raises(SettingsError, match=name):
        AlertsSettings.from_env({name: value})


def test_secrets_do_not_show_and_a_dsn_of_its_own_rules() -> None:
    """The api reads as one identity and writes alerts as another."""
    dsn = "http://alerts:hush-hush@127.0.0.1:8123/trailhouse"
    settings = AlertsSettings.from_env(
        {
            "TRAILHOUSE_ALERTS_CLICKHOUSE_DSN": dsn,
            "TRAILHOUSE_ALERTS_KEY": "hush-hush" * 4,
            "TRAILHOUSE_ALERTS_SMTP_PASSWORD": "hush-hush",
        }
    )
    assert "hush-hush" not in repr(settings)
    other = ClickHouseSettings()
    assert settings.notifications.clickhouse(other).username == "alerts"
    reader = ClickHouseSettings(secret=Secret("of the reader"))
    assert settings.notifications.clickhouse(reader).password.reveal() == "hush-hush"
    assert AlertsSettings().notifications.clickhouse(other) is other
    assert [str(each) for each in networks("10.0.0.0/8, fd00::/8")] == ["10.0.0.0/8", "fd00::/8"]
