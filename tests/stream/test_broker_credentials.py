"""Who we are, in Faust's words."""

from __future__ import annotations

from pathlib import Path

from faust.auth import SASLCredentials, SSLCredentials
from tests.certificates import Certificates

from trailhouse.producers.settings import KafkaSecurity, Secret
from trailhouse.stream.broker_credentials import credentials


def test_each_protocol(tmp_path: Path) -> None:
    """None without security; certificates alone; a user with and without TLS. A repr shows no password."""
    authority = str(Certificates(tmp_path).authority)
    assert credentials(KafkaSecurity()) is None
    assert isinstance(credentials(KafkaSecurity(protocol="SSL", ca=authority)), SSLCredentials)
    for protocol, ca in (("SASL_SSL", authority), ("SASL_PLAINTEXT", "")):
        security = KafkaSecurity(protocol=protocol, ca=ca, username="ada", password=Secret("opens"))
        found = credentials(security)
        assert isinstance(found, SASLCredentials)
        assert (found.protocol.value, found.mechanism.value) == (protocol, "SCRAM-SHA-512")
        assert (found.username, found.password) == ("ada", "opens")
        assert (found.ssl_context is not None) == bool(ca)
        assert "opens" not in repr(found)
