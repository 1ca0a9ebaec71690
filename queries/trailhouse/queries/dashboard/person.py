"""Somebody an OpenID provider has named: what is kept of them in the cookie, and the key their rights are like. Pure.

Kept are a hash that stands for issuer and subject, the name for the log, and marks of those values of the claim that a
rule names; the rights themselves are worked out anew at each request, from the rules of then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from trailhouse.producers.event import is_printable
from trailhouse.queries.errors import SignInFailed
from trailhouse.queries.key import USERNAME_LENGTH_MAX, Key
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.queries.rights import Rights, marks_in, rights_of

#: So that the cookie stays one that every browser takes.
MARKS_MAX: Final = 64
_SUBJECT: Final = re.compile(r"oidc:[0-9a-f]{24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Person:
    """`subject` stands for them in the log beside their name, as a key's id does."""

    subject: str
    username: str
    marks: tuple[str, ...]

    def to_text(self) -> str:
        """For the cookie, in letters of base64url."""
        told = orjson.dumps([self.subject, self.username, "".join(self.marks)])
        return base64.urlsafe_b64encode(told).rstrip(b"=").decode()

    @classmethod
    def from_text(cls, text: str) -> Person | None:
        """What `to_text` wrote; None for anything else."""
        try:
            told = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            subject, username, marks = told
            if not _SUBJECT.fullmatch(subject) or not isinstance(username, str):
                return None
            return cls(subject, username, tuple(marks[at : at + 24] for at in range(0, len(marks), 24)))
        except (binascii.Error, ValueError, TypeError):
            return None

    def rights(self, settings: OidcSettings) -> Rights:
        """By the rules as they are now."""
        return rights_of(settings.rules, self.marks)

    def key(
        self,
        rights: Rights,
        asked: Collection[str] | None,
        since: int,
        life_s: int,
        *,
        default_org: str = "",
    ) -> Key:
        """The key that a holder of these rights would ask about these organisations with; no text opens it.

        `default_org`: what they chose (WA6); it is meant where they ask about none, if they have rights there.
        """
        is_theirs = bool(default_org and rights.of(default_org))
        share = rights.share((default_org,) if is_theirs and asked is not None and not asked else asked)
        is_within = is_theirs and (share.orgs is None or default_org in share.orgs)
        began = datetime.fromtimestamp(since, UTC)
        return Key(
            self.subject,
            b"",
            self.username,
            share.orgs,
            share.scopes,
            began,
            began + timedelta(seconds=life_s),
            default_org=default_org if is_within else share.default_org,
        )


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Whom verified claims speak of; raises `SignInFailed` for more groups with rights than a cookie holds."""
    subject = f"{claims['iss']}\0{claims['sub']}"
    mark = "oidc:" + hashlib.sha256(subject.encode()).hexdigest()[:24]
    # Where addresses have rights, whoever may type in one at the provider would have those of anybody: it must be verified.
    is_vouched = settings.rights_claim != "email" or _is_verified(claims, otherwise=False)
    marks = marks_in(settings.rules, values_of(claims, settings.rights_claim) if is_vouched else ())
    if len(marks) > MARKS_MAX:
        raise SignInFailed("groups", f"you are in more than {MARKS_MAX} groups that have rights here")
    return Person(mark, _username(claims, settings.username_claim) or mark, marks)


def values_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The texts in a claim, one or a list of them; a name with dots is looked for whole first, then inside."""
    found = claims.get(name) if name in claims else _inside(claims, name.split("."))
    if isinstance(found, str):
        return frozenset({found})
    return (
        frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()
    )


def _inside(claims: Any, path: Iterable[str]) -> Any:
    for name in path:
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return claims


def _is_verified(claims: Mapping[str, Any], *, otherwise: bool) -> bool:
    """Whether the provider says that the address is the person's; `otherwise` where it says nothing of it."""
    said = claims.get("email_verified", otherwise)
    return said is True or said == "true"


def _username(claims: Mapping[str, Any], claim: str) -> str:
    """The name in the claim if it can be a user name; else the subject, or '' where that cannot be one either."""
    is_trusted = claim != "email" or _is_verified(claims, otherwise=True)
    named = values_of(claims, claim) if is_trusted else frozenset()
    for text in (*sorted(named)[:1], str(claims["sub"])):
        if 1 <= len(text) <= USERNAME_LENGTH_MAX and is_printable(text):
            return text
    return ""
