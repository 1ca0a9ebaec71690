"""Certificates made for one test: an authority, and identities it signs."""

from __future__ import annotations

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class Certificates:
    """PEM files in `folder`: `authority` signs `server` (127.0.0.1, localhost) and `client`; `stranger` is another one's.

    Keys are PKCS 8, the form Kafka reads.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, ours = folder, trustme.CA()
        self.authority, self.stranger = folder / "authority.pem", folder / "stranger.pem"
        ours.cert_pem.write_to_path(self.authority)
        trustme.CA().cert_pem.write_to_path(self.stranger)
        self.server = self._identity("server", ours.issue_cert("127.0.0.1", "localhost"))
        self.client = self._identity("client", ours.issue_cert("trailhouse.test"))
        self.client_key = self._folder / "client.key"

    def _identity(self, name: str, made: trustme.LeafCert) -> Path:
        """The file with key and chain; the key is also in a file of its own."""
        key = load_pem_private_key(made.private_key_pem.bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (self._folder / f"{name}.key").write_bytes(key)
        path = self._folder / f"{name}.pem"
        path.write_bytes(key + b"".join(each.bytes() for each in made.cert_chain_pems))
        return path
