"""Settings of the API: whose data it serves, and that it stays on this machine."""

from __future__ import annotations

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.queries.caller import Caller
from trailhouse.queries.settings import ApiSettings


def test_by_default_it_serves_all_organisations_masked_on_this_machine() -> None:
    """Loopback, every organisation, nobody's name."""
    settings = ApiSettings.from_env({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.caller == Caller(orgs=None, read_pii=False, is_instance=True)


def test_named_organisations_are_a_caller_without_the_installations_rights() -> None:
    """Serving some organisations is not operating the installation."""
    settings = ApiSettings.from_env({"TRAILHOUSE_API_ORGS": "acme, beta", "TRAILHOUSE_API_READ_PII": "true"})
    assert settings.caller == Caller(orgs=frozenset({"acme", "beta"}), read_pii=True, is_instance=False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TRAILHOUSE_API_PORT", "70000"),
        ("TRAILHOUSE_API_ORGS", ""),
        ("TRAILHOUSE_API_READ_PII", "maybe"),
        ("TRAILHOUSE_API_POOL_SIZE", "0"),
        ("TRAILHOUSE_API_BALANCE_INTERVAL_S", "0"),
    ],
)
def test_a_bad_value_names_its_variable(key: str, value: str) -> None:
    """Which variable, with which value, and what is wanted."""
    with pytest.raises(SettingsError, match=key):
        ApiSettings.from_env({key: value})


def test_who_writes_settings_has_a_password_of_its_own_and_the_same_certificates() -> None:
    """The api's own password belongs to the api's own user; none without an address."""
    environ = {
        "TRAILHOUSE_CLICKHOUSE_DSN": "https://api@127.0.0.1:8443/trailhouse",
        "TRAILHOUSE_CLICKHOUSE_PASSWORD": "of the api",
        "TRAILHOUSE_CLICKHOUSE_SSL_CA": "ca.pem",
    }
    assert ApiSettings.from_env(environ).settings_writer is None
    dsn = "https://settings:of-settings@127.0.0.1:8443/trailhouse"
    writer = ApiSettings.from_env(environ | {"TRAILHOUSE_API_SETTINGS_DSN": dsn}).settings_writer
    assert writer is not None
    assert (writer.username, writer.password.reveal(), writer.ca) == ("settings", "of-settings", "ca.pem")
