"""Settings of the sign-in with an OpenID provider."""

from __future__ import annotations

import pytest

from trailhouse.producers.errors import SettingsError
from trailhouse.queries.oidc_settings import OidcSettings, is_safe_url

GOOD = {
    "TRAILHOUSE_OIDC_ISSUER": "https://id.example.org/realms/acme",
    "TRAILHOUSE_OIDC_CLIENT_ID": "trailhouse",
    "TRAILHOUSE_OIDC_CLIENT_SECRET": "hush",
    "TRAILHOUSE_OIDC_RIGHTS": "audit = acme audit:read",
}


def test_without_an_issuer_there_is_none() -> None:
    """And nothing else is needed; the secret never shows."""
    assert not OidcSettings.from_env({}).is_on
    settings = OidcSettings.from_env(GOOD)
    assert settings.is_on
    assert len(settings.rules) == 1
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ISSUER", "http://id.example.org"),
        ("ISSUER", "https://id.example.org/?x=1"),
        ("CLIENT_ID", " "),
        ("RIGHTS", ""),
        ("RIGHTS", "audit = acme everything"),
        ("SCOPES", "email"),
        ("RIGHTS_CLAIM", "a b"),
        ("SESSION_S", "86400"),
        ("NAME", ""),
    ],
)
def test_a_bad_value_names_its_variable(key: str, value: str) -> None:
    """At the start, not at the first sign-in."""
    with pytest.raises(SettingsError, match=f"TRAILHOUSE_OIDC_{key}"):
        OidcSettings.from_env({**GOOD, f"TRAILHOUSE_OIDC_{key}": value})


def test_secrets_go_over_tls_or_nowhere_else_than_here() -> None:
    """This machine has no TLS with itself."""
    assert is_safe_url("https://id.example.org/x")
    assert is_safe_url("http://127.0.0.1:1/x")
    for text in (
        "http://id.example.org",
        "https://",
        "ftp://127.0.0.1",
        "https://a:b@id.example.org",
        "http://[x",
        "",
    ):
        assert not is_safe_url(text), text
