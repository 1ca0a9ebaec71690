"""Signatures of plans and manifests (Ed25519, RFC 8032): whoever writes to the bucket without the key is found out.

A signature is the last member of the JSON object and covers every byte before it and the file's path. A manifest names the
SHA-256 of each file of its round and of the manifest before it, so with the manifests all of the archive is signed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from trailhouse.queries.archive.settings import TargetSettings

_PURPOSE: Final = b"trailhouse-archive 1\n"
_END: Final = b"\n}\n"
_MEMBER: Final = re.compile(rb',\n "signature": "([A-Za-z0-9+/=]{88})"\n}\n\Z')


@dataclass(frozen=True, slots=True)
class Signatures:
    """The keys there are: with a private one, what is written is signed; with either, what is read must be, from round
    `signed_from` on. Without any, nothing is asked.
    """

    private: Ed25519PrivateKey | None = None
    public: Ed25519PublicKey | None = None
    signed_from: int = 1

    @property
    def is_asked(self) -> bool:
        return self.public is not None

    def sign(self, content: bytes, path: str) -> bytes:
        """A JSON document with the signature in it; as it is where there is no private key."""
        if self.private is None:
            return content
        signature = base64.b64encode(self.private.sign(_signed(content, path)))
        return content.removesuffix(_END) + b',\n "signature": "' + signature + b'"' + _END

    def check(self, content: bytes, path: str, number: int) -> None:
        """Raise `ArchiveBroken` unless the document of that round is signed by the key, or need not be."""
        if self.public is None or number < self.signed_from:
            return
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only where there is a key

        found = _MEMBER.search(content)
        if found is None:
            raise ArchiveBroken(
                f"{path} is not signed",
                "if signing began with a later round, TRAILHOUSE_ARCHIVE_SIGNED_FROM names it; else it was forged",
            )
        try:
            self.public.verify(base64.b64decode(found[1]), _signed(content[: found.start()] + _END, path))
        except InvalidSignature:
            raise ArchiveBroken(
                f"{path} is not signed by this key: it was forged or changed, or the key is another one"
            ) from None


NO_SIGNATURES: Final = Signatures()


def signatures_of(settings: TargetSettings) -> Signatures:
    """The keys that the settings name; raises `TargetRefused` where one cannot be used or they do not belong together."""
    if not settings.signing_key and not settings.public_key:
        return Signatures(signed_from=settings.signed_from)
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only where there is a key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
        load_pem_public_key,
    )

    private: Ed25519PrivateKey | None = None
    public: Ed25519PublicKey | None = None
    if settings.signing_key:
        try:
            key: object = load_pem_private_key(settings.signing_key.reveal().encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None  # what it says may quote the key
        if not isinstance(key, Ed25519PrivateKey):
            raise TargetRefused("TRAILHOUSE_ARCHIVE_SIGNING_KEY is no Ed25519 key in PEM", _HINT)
        private, public = key, key.public_key()
    if settings.public_key:
        try:
            named: object = load_pem_public_key(Path(settings.public_key).read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise TargetRefused(
                f"TRAILHOUSE_ARCHIVE_PUBLIC_KEY={settings.public_key} cannot be read as a PEM file: {type(error).__name__}",
                _HINT,
            ) from None
        if not isinstance(named, Ed25519PublicKey):
            raise TargetRefused(f"{settings.public_key} is no Ed25519 key", _HINT)
        if public is not None and public.public_bytes_raw() != named.public_bytes_raw():
            raise TargetRefused("TRAILHOUSE_ARCHIVE_PUBLIC_KEY is not that of TRAILHOUSE_ARCHIVE_SIGNING_KEY")
        public = named
    return Signatures(private, public, settings.signed_from)


_HINT: Final = "docs/archive.md, 'Signed', has the two commands that make a pair of keys"


def _signed(content: bytes, path: str) -> bytes:
    """What is signed: the path belongs to it, so that no document can stand for another."""
    return _PURPOSE + path.encode() + b"\n" + content
