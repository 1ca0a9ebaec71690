"""API keys: what one allows, how it is made, and how one that is shown is compared. Pure; `key_table` keeps them.

A key reads `thk_<12 hex: its id>_<64 hex: 256 random bits>`. Kept is the SHA-256 of the whole text. A slow hash would
gain nothing: nobody can try 256 random bits, and every request would pay for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from trailhouse.producers.event import ORG_ID, is_printable
from trailhouse.producers.settings import Secret
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter

EVERY_ORG: Final = "*"
PATTERN: Final = re.compile(r"thk_([0-9a-f]{12})_[0-9a-f]{64}")
USERNAME_LENGTH_MAX: Final = 128
_LIFE: Final = re.compile(r"([1-9]\d{0,4})([hdw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# Compared with when there is no such key, so that the answer takes as long.
_NOBODY: Final = bytes(32)


class Scope(StrEnum):
    """What a key may be used for, within its organisations."""

    AUDIT_READ = "audit:read"
    """read the audit log, persons masked"""
    AUDIT_READ_PII = "audit:read_pii"
    """see who a person is, wherever the key may read"""
    REPORTS_READ = "reports:read"
    """run reports"""
    EVENTS_WRITE = "events:write"
    """send events to the collector"""
    ADMIN = "admin"
    """all of these"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. `orgs` None = every organisation; `digest` is the SHA-256 of the key's text.

    `default_org`: which of several organisations a request is about that names none (WA6); '' = none is chosen.
    """

    key_id: str
    digest: bytes
    username: str
    orgs: frozenset[str] | None
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    is_service_account: bool = False
    default_org: str = ""

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def status(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`; only an active key is good for anything."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    @property
    def caller(self) -> Caller:
        """The rights its holder reads with."""
        return Caller(
            orgs=self.orgs,
            read_pii=self.allows(Scope.AUDIT_READ_PII),
            is_instance=self.orgs is None and Scope.ADMIN in self.scopes,
            default_org=self.default_org,
            is_known=True,
        )


def new_key(  # noqa: PLR0913 - each is something of a key
    username: str,
    orgs: Collection[str],
    scopes: Collection[Scope],
    *,
    now: datetime,
    life: timedelta | None = None,
    is_service_account: bool = False,
    default_org: str = "",
) -> tuple[Key, Secret]:
    """A key and its text, which exists nowhere else; `orgs` are names, or `*` alone for every organisation.

    Raises `BadParameter` for a user name, organisations or scopes that no key can have.
    """
    if not 1 <= len(username) <= USERNAME_LENGTH_MAX or ":" in username or not is_printable(username):
        raise BadParameter("username", username, f"1-{USERNAME_LENGTH_MAX} printable characters without `:`")
    names = frozenset(orgs)
    for org in names:
        if not ORG_ID.fullmatch(org) and names != {EVERY_ORG}:
            raise BadParameter(
                "org", org, f"an organisation's id, or {EVERY_ORG} alone for every organisation"
            )
    if not names or (is_service_account and (len(names) > 1 or EVERY_ORG in names)):
        wanted = "exactly one organisation for a service account" if is_service_account else "one or more"
        raise BadParameter("org", ", ".join(sorted(names)), wanted)
    is_own = default_org in names if EVERY_ORG not in names else ORG_ID.fullmatch(default_org)
    if default_org and not is_own:
        raise BadParameter("default_org", default_org, "one of the key's organisations")
    if not scopes:
        raise BadParameter("scope", "", "one or more of " + ", ".join(Scope))
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as exact as the table
    key_id = secrets.token_hex(6)
    text = f"thk_{key_id}_{secrets.token_hex(32)}"
    key = Key(
        key_id,
        digest_of(text),
        username,
        None if EVERY_ORG in names else names,
        frozenset(scopes),
        now,
        None if life is None else now + life,
        is_service_account=is_service_account,
        default_org=default_org,
    )
    return key, Secret(text)


def parse_life(text: str) -> timedelta:
    """How long a key is good for, from `12h`, `90d` or `52w`; raises `BadParameter`."""
    found = _LIFE.fullmatch(text)
    if found is None:
        raise BadParameter("expires", text, "a number of hours, days or weeks such as 12h, 90d or 52w")
    return int(found[1]) * _UNITS[found[2]]


def id_of(text: str) -> str | None:
    """The id in a key's text; None when the text is no key's."""
    found = PATTERN.fullmatch(text)
    return found[1] if found else None


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_match(key: Key | None, text: str) -> bool:
    """Whether `text` is that key's; takes as long whatever differs, and when there is no key."""
    is_equal = hmac.compare_digest(digest_of(text), _NOBODY if key is None else key.digest)
    return is_equal and key is not None


def is_of(key: Key, username: str) -> bool:
    """Whether a user name that came along is the key's."""
    return hmac.compare_digest(digest_of(username), digest_of(key.username))
