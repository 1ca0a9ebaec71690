"""TLS as every client of ours speaks it: who is trusted, who we are, and what each failure means in words of settings."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import Secret


@dataclass(frozen=True, slots=True)
class Trust:
    """The PEM files of a connection; `prefix` is what their settings' names begin with."""

    prefix: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    key_password: Secret = Secret()  # noqa: RUF009 - a Secret does not change

    def context(self) -> ssl.SSLContext:
        """A context that checks the server's certificate and name; raises `SettingsError` naming the file that is wrong."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{self.prefix}_CA", self.ca, f"a PEM file with certificates ({_why(error)})"
            ) from None
        if not self.cert:
            return context
        try:
            # A callable, because without one a key with a password would have us ask at the terminal.
            context.load_cert_chain(self.cert, self.key or None, lambda: self.key_password.reveal() or "-")
        except (OSError, ssl.SSLError) as error:
            key, file = ("_KEY", self.key) if self.key and _is_readable(self.cert) else ("_CERT", self.cert)
            wanted = f"PEM files with a certificate and its key, {self.prefix}_KEY_PASSWORD where that has one ({_why(error)})"
            raise SettingsError(self.prefix + key, file, wanted) from None
        return context


def meaning(text: str, prefix: str) -> str | None:
    """Which setting to look at when a connection failed with `text` (OpenSSL's words); None when it is not about TLS."""
    lower = text.lower()
    if "certificate_verify_failed" in lower or "certificate verify failed" in lower:
        if "hostname mismatch" in lower or "ip address mismatch" in lower:
            return "its certificate is for another name: use a name that is in the certificate"
        if "has expired" in lower:
            return "its certificate has expired"
        return f"its certificate is not signed by what we trust: check {prefix}_CA"
    if "alert" in lower and ("certificate" in lower or "unknown ca" in lower or "unknown_ca" in lower):
        return f"it asks for a certificate of ours that it trusts: check {prefix}_CERT and {prefix}_KEY"
    return None


def _is_readable(path: str) -> bool:
    try:
        with open(path, "rb"):  # noqa: PTH123 - the shortest way to ask
            return True
    except OSError:
        return False


def _why(error: OSError) -> str:
    """In a word, without paths: `SettingsError` shows the one it is about."""
    reason: str = getattr(error, "reason", "") or error.strerror or type(error).__name__
    return reason
