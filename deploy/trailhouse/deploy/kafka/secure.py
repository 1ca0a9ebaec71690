"""Listeners of the local broker that ask who comes: SASL over TLS, and TLS with client certificates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from trailhouse.deploy.folder import private_files
from trailhouse.deploy.ports import LOOPBACK
from trailhouse.producers.settings import Secret

FILE: Final = "secure.json"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class SecureListeners:
    """Two listeners beside the plain one: `sasl_port` speaks SASL over TLS, `tls_port` TLS with client certificates.

    `identity` is a PEM file with the broker's key (PKCS 8) and certificate chain, `authority` one with the certificates
    that client certificates are checked against. `users` are those of mechanism PLAIN; SCRAM users are made with an
    admin client, as on any broker.
    """

    sasl_port: int
    tls_port: int
    identity: Path
    authority: Path
    users: Mapping[str, Secret] = field(default_factory=dict)

    def properties(self) -> dict[str, str]:
        """Lines of `server.properties` besides `listeners` and their like."""
        return {
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.identity),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": self._plain(),
            **{
                f"listener.name.sasl_ssl.{mechanism.lower()}.sasl.jaas.config": f"{_SCRAM} required;"
                for mechanism in MECHANISMS[1:]
            },
        }

    def listeners(self) -> str:
        """Their part of `listeners` and `advertised.listeners`."""
        return f"SASL_SSL://{LOOPBACK}:{self.sasl_port},SSL://{LOOPBACK}:{self.tls_port}"

    def save(self, folder: Path) -> None:
        """Write them, for the broker's process, where only this user can read them."""
        text = json.dumps(
            {
                "sasl_port": self.sasl_port,
                "tls_port": self.tls_port,
                "identity": str(self.identity.resolve()),
                "authority": str(self.authority.resolve()),
                "users": {name: password.reveal() for name, password in self.users.items()},
            }
        )
        with private_files():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FILE).write_text(text)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What was saved there; None = the broker has the plain listener alone."""
        if not (path := folder / FILE).exists():
            return None
        saved: dict[str, Any] = json.loads(path.read_text())
        users = {name: Secret(password) for name, password in saved["users"].items()}
        return cls(
            saved["sasl_port"], saved["tls_port"], Path(saved["identity"]), Path(saved["authority"]), users
        )

    def _plain(self) -> str:
        users = " ".join(f'user_{name}="{password.reveal()}"' for name, password in self.users.items())
        return f"{_PLAIN} required {users};"
