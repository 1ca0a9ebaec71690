"""Keyed hashes that stand for persons: countable, joinable, and worthless without the pepper.

A `user_ref` is 64 bits of BLAKE2b (RFC 7693) keyed per organisation, so the same person has unrelated refs in two
organisations and nobody can look a person up without the key. 0 means nobody.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple


@lru_cache(maxsize=131_072)
def email_identity(email: str) -> str:
    """The form in which an e-mail address identifies a person: NFC, lower case, no space around (design §3)."""
    return unicodedata.normalize("NFC", email.strip().lower())


class People(NamedTuple):
    """The refs of everyone an event names in its own fields; 0 = nobody. `subjects` = each of them once, sorted."""

    user: int
    target: int
    address: int
    subjects: tuple[int, ...]


class Pseudonyms:
    """Refs under one pepper. Pure: equal inputs give equal refs in every process; the caches only save time."""

    #: `ref(org_id, identity)`: the 64-bit ref of a person or address in an organisation; 0 for the empty identity.
    ref: Callable[[str, str], int]
    #: `people(org_id, identity, actor_user_id, actor_email, actor_ip, user_asset, user_email)`, None where absent.
    #: Most events of a stream name the same few people, so one look-up answers for all of these.
    people: Callable[[str, str, str | None, str | None, str | None, str | None, str | None], People]

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper[:64]  # BLAKE2b takes keys of at most 64 bytes
        self._org_key = lru_cache(maxsize=65_536)(self._derive)
        self.ref = lru_cache(maxsize=262_144)(self._hash)
        self.people = lru_cache(maxsize=65_536)(self._people)

    def _derive(self, org_id: str) -> bytes:
        return blake2b(org_id.encode(), key=self._pepper, digest_size=32, person=b"trailhouse-org").digest()

    def _hash(self, org_id: str, identity: str) -> int:
        if not identity:
            return 0
        digest = blake2b(identity.encode(), key=self._org_key(org_id), digest_size=8).digest()
        return int.from_bytes(digest, "big") or 1

    def _people(  # noqa: PLR0913, PLR0917  # a cache's key is its arguments
        self,
        org_id: str,
        identity: str,
        actor_user_id: str | None,
        actor_email: str | None,
        actor_ip: str | None,
        user_asset: str | None,
        user_email: str | None,
    ) -> People:
        actor_mail = email_identity(actor_email) if actor_email else ""
        user_mail = email_identity(user_email) if user_email else ""
        user, target = self.ref(org_id, identity), self.ref(org_id, user_asset or user_mail)
        # One who is named though said to be anonymous is a subject, never a counted user.
        named = {
            user,
            target,
            *(self.ref(org_id, each) for each in (actor_user_id or "", actor_mail, user_mail)),
        }
        return People(user, target, self.ref(org_id, actor_ip or ""), tuple(sorted(named - {0})))
