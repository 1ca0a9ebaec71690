"""Until when a server's certificate holds: it is asked for in a TLS handshake, and nothing else is sent."""

from __future__ import annotations

import socket
import ssl
from typing import Final

TIMEOUT_S: Final = 5.0
# OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED.
_EXPIRED: Final = 10


class CertificateExpired(Exception):
    """The server's certificate does not hold any more; `hint` says what to do."""

    hint = "give the server a new certificate"


def expires_at(
    host: str, port: int, context: ssl.SSLContext | None = None, *, timeout_s: float = TIMEOUT_S
) -> float:
    """Unix seconds at which the certificate of `host` expires, checked as a client would check it.

    Raises `CertificateExpired` when it has, `OSError` (`ssl.SSLError` among them) when nobody answers or the
    certificate is not to be trusted.
    """
    context = context or ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), timeout=timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            found = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            raise CertificateExpired(f"the certificate of {host}:{port} has expired") from None
        raise
    return ssl.cert_time_to_seconds(str(found["notAfter"]))
