"""Keyed hashes that stand for persons: countable, joinable, and worthless without the pepper.

A `user_ref` is 64 bits of BLAKE2b (RFC 7693) keyed per organisation, so the same person has unrelated refs in two
organisations and nobody can look a person up without the key. 0 means nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from trailhouse.producers.event import ActorType
from trailhouse.stream.addresses import may_hold_address
from trailhouse.stream.networks import network_of
from trailhouse.stream.pii import scan
from trailhouse.stream.rejected import Reason, Rejection


@lru_cache(maxsize=131_072)
def email_identity(email: str) -> str:
    """The form in which an e-mail address identifies a person: NFC, lower case, no space around (design §3)."""
    return unicodedata.normalize("NFC", email.strip().lower())


#: An address that can be read in one way alone, and that is what identifies whoever has it.
_is_ordinary: Final = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9._+-]*@(?:[a-zA-Z0-9-]+\.)+[a-zA-Z0-9-]*[a-zA-Z0-9]"
).fullmatch
PEOPLE_FIELDS: Final = ("actor_user_id", "actor_email", "actor_name", "actor_ip", "user_asset", "user_email")
_ADDRESSES: Final = frozenset({"actor_email", "user_email"})
_ACTOR_TYPES: Final = tuple(each.value for each in ActorType)


class People(NamedTuple):
    """Everyone an event names in its own fields. Refs of nobody are 0; `subjects` = each of them once, sorted.

    `identity` is the actor's (design §3: `actor_user_id` verbatim, else the normalised e-mail, else nobody); `pii` the
    plaintext fields that are present (None when there are none), `tags` their names. Nobody may change them: one
    answer serves many events.
    """

    identity: str
    actor_type: str
    user: int
    target: int
    address: int
    network: str
    subjects: tuple[int, ...]
    tags: tuple[str, ...]
    pii: Mapping[str, str] | None


class Pseudonyms:
    """Refs under one pepper. Pure: equal inputs give equal refs in every process; the caches only save time."""

    #: `ref(org_id, identity)`: the 64-bit ref of a person or address in an organisation; 0 for the empty identity.
    ref: Callable[[str, str], int]
    #: `people(org_id, actor_type, *PEOPLE_FIELDS)`, None where absent; raises `Rejection` for an unknown actor type.
    #: Most events of a stream name the same few people, so one look-up answers for all of these.
    people: Callable[
        [str, str | None, str | None, str | None, str | None, str | None, str | None, str | None], People
    ]

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper[:64]  # BLAKE2b takes keys of at most 64 bytes
        self._org_key = lru_cache(maxsize=65_536)(self._derive)
        self.ref = lru_cache(maxsize=131_072)(self._hash)
        self.people = lru_cache(maxsize=32_768)(self.recognise)

    def _derive(self, org_id: str) -> bytes:
        return blake2b(org_id.encode(), key=self._pepper, digest_size=32, person=b"trailhouse-org").digest()

    def _hash(self, org_id: str, identity: str) -> int:
        if not identity:
            return 0
        digest = blake2b(identity.encode(), key=self._org_key(org_id), digest_size=8).digest()
        return int.from_bytes(digest, "big") or 1

    def recognise(self, org_id: str, actor_type: str | None, *fields: str | None) -> People:
        """What `people` answers, thought about anew."""
        pii = {name: value for name, value in zip(PEOPLE_FIELDS, fields, strict=True) if value}
        actor_id, actor_email = pii.get("actor_user_id", ""), email_identity(pii.get("actor_email", ""))
        user_email, address = email_identity(pii.get("user_email", "")), pii.get("actor_ip", "")
        identity = actor_id or actor_email
        if actor_type is None:
            actor_type = "user" if identity else "anonymous"
        elif actor_type not in _ACTOR_TYPES:
            raise Rejection(Reason.INVALID_FIELD, "actor_type: must be one of " + ", ".join(_ACTOR_TYPES))
        if actor_type == "anonymous":
            identity = ""
        user, target = self.ref(org_id, identity), self.ref(org_id, pii.get("user_asset", "") or user_email)
        # One who is named though said to be anonymous is a subject, never a counted user; so is an e-mail in a name.
        others = (actor_id, actor_email, user_email, *self._emails_in(pii))
        subjects = {user, target, *(self.ref(org_id, each) for each in others)} - {0}
        network = network_of(address) if address else ""
        return People(
            identity,
            actor_type,
            user,
            target,
            self.ref(org_id, address),
            network,
            tuple(sorted(subjects)),
            (*pii,),
            pii or None,
        )

    @staticmethod
    def _emails_in(pii: Mapping[str, str]) -> Iterator[str]:
        """E-mails inside fields: an id, a display name, and an address with a name, a scheme or a sign beside it."""
        for name, value in pii.items():
            if not may_hold_address(value) or (name in _ADDRESSES and _is_ordinary(value)):
                continue
            if (found := scan(value)) is not None:
                yield from map(email_identity, found.emails)
