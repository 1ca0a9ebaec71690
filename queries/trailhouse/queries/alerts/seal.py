"""Addresses and tokens at rest: sealed under the installation's key, so that who reads the table has no use of it."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from trailhouse.producers.settings import Secret
from trailhouse.queries.errors import QueryError

_PURPOSE: Final = b"trailhouse/alerts/1:"


class SealBroken(QueryError):
    """There is no key, or what is kept was sealed under another one."""

    status = 409
    title = "The key of notifications does not fit"


class Seal:
    """Seals texts (Fernet: AES-128-CBC with HMAC-SHA256) under a key made from `TRAILHOUSE_ALERTS_KEY`."""

    def __init__(self, key: Secret) -> None:
        digest = hashlib.sha256(_PURPOSE + key.reveal().encode()).digest()
        self._box = Fernet(base64.urlsafe_b64encode(digest)) if key else None

    def close(self, text: str) -> str:
        """Sealed text; raises `SealBroken` where there is no key."""
        return self._fernet().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> Secret:
        """The text again; raises `SealBroken`."""
        try:
            return Secret(self._fernet().decrypt(sealed.encode()).decode())
        except InvalidToken:
            raise SealBroken(
                "what is kept was sealed under another key",
                "set TRAILHOUSE_ALERTS_KEY as it was, or make the channel anew",
            ) from None

    def _fernet(self) -> Fernet:
        if self._box is None:
            raise SealBroken(
                "without TRAILHOUSE_ALERTS_KEY no address or token is kept",
                "set it, the same for the api and alerts roles: 32 random characters or more",
            )
        return self._box
