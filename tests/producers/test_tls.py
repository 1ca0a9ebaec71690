"""`tls`: who is trusted, and which setting a failure is about."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from tests.certificates import Certificates

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.tls import Trust, meaning

PREFIX = "TRAILHOUSE_KAFKA_SSL"


def test_a_server_is_always_checked(tmp_path: Path) -> None:
    """Its certificate and its name, with an authority of one's own or with the machine's."""
    for trust in (Trust(PREFIX), Trust(PREFIX, ca=str(Certificates(tmp_path).authority))):
        context = trust.context()
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_our_own_certificate_is_loaded(tmp_path: Path) -> None:
    """With its key in another file or in the same one."""
    made = Certificates(tmp_path)
    for key in (str(made.client_key), ""):
        Trust(PREFIX, str(made.authority), str(made.client), key).context()


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    """With the setting it stands in: a missing authority, a file that is no PEM, a key of another certificate."""
    made = Certificates(tmp_path)
    (tmp_path / "empty.pem").touch()
    for ca in ("/nonexistent/ca.pem", str(tmp_path / "empty.pem")):
        with pytest.raises(SettingsError, match=f"{PREFIX}_CA is '{ca}'"):
            Trust(PREFIX, ca=ca).context()
    with pytest.raises(SettingsError, match=f"{PREFIX}_CERT is '/nonexistent/c.pem'"):
        Trust(PREFIX, cert="/nonexistent/c.pem").context()
    with pytest.raises(SettingsError, match=f"{PREFIX}_KEY is '{tmp_path / 'server.key'}'"):
        Trust(PREFIX, cert=str(made.client), key=str(tmp_path / "server.key")).context()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("certificate verify failed: unable to get local issuer certificate", f"{PREFIX}_CA"),
        ("CERTIFICATE_VERIFY_FAILED: Hostname mismatch, certificate is not valid for 'kafka'", "name"),
        ("certificate verify failed: certificate has expired", "expired"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", f"{PREFIX}_CERT"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", f"{PREFIX}_CERT"),
    ],
)
def test_openssl_in_words_of_settings(text: str, said: str) -> None:
    """Each thing that goes wrong between two certificates has its own sentence."""
    assert said in (meaning(text, PREFIX) or "")


def test_other_failures_are_not_about_certificates() -> None:
    """They stay what they were."""
    assert meaning("Connection refused", PREFIX) is None
