"""Rights of people who sign in with an OpenID provider: from values of a claim to organisations and scopes. Pure.

A rule reads `VALUE = ORGS SCOPES`, organisations and scopes with commas, rules with semicolons or on lines of their own:
`audit-team = acme,initech audit:read,reports:read; operators = * admin`. What no rule names gives nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from trailhouse.producers.event import ORG_ID
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.key import EVERY_ORG, Scope

SYNTAX: Final = (
    "rules `VALUE = ORG[,ORG…] SCOPE[,SCOPE…]` with `;` between them, such as `audit = acme reports:read,audit:read; "
    "operators = * admin`"
)
_NONE: Final[frozenset[Scope]] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """What everybody with `value` in the claim gets; `orgs` None = every organisation."""

    value: str
    orgs: frozenset[str] | None
    scopes: frozenset[Scope]

    @property
    def mark(self) -> str:
        """Stands for the value where the value need not be known."""
        return mark_of(self.value)


@dataclass(frozen=True, slots=True)
class Share:
    """Rights as a key has them: the same scopes in each of `orgs` (None = every organisation)."""

    orgs: frozenset[str] | None = frozenset()
    scopes: frozenset[Scope] = _NONE
    default_org: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """Scopes by organisation: `everywhere` in each of them, `by_org` in one alone. `admin` stands with all it includes."""

    everywhere: frozenset[Scope] = _NONE
    by_org: Mapping[str, frozenset[Scope]] = field(default_factory=dict)

    @property
    def orgs(self) -> frozenset[str] | None:
        """All organisations in which there is any right."""
        return None if self.everywhere else frozenset(self.by_org)

    def of(self, org: str) -> frozenset[Scope]:
        """The scopes in one organisation."""
        return self.everywhere | self.by_org.get(org, _NONE)

    def any_of(self, scopes: Iterable[Scope]) -> bool:
        """Whether one of these scopes is theirs anywhere."""
        return any(not given.isdisjoint(scopes) for given in (self.everywhere, *self.by_org.values()))

    def share(self, asked: Collection[str] | None = ()) -> Share:
        """The rights with which a question about `asked` is answered (None = about all organisations there are rights in).

        What several rules give is never mixed: the scopes are those held in every organisation asked about, and the
        organisations those in which all of these scopes are held. Asked about none, everything is as for the
        organisation with the most rights, unless they are the same everywhere.
        """
        known = [org for org in asked or () if self.of(org)]
        if known:
            return self._with(reduce(frozenset.__and__, (self.of(org) for org in known)))
        given = [self.everywhere] if self.everywhere else list(self.by_org.values())
        if not given:
            return Share()
        if asked is None or len(set(given)) == 1:
            return self._with(reduce(frozenset.__and__, given))
        best = min(self.by_org, key=lambda org: (-len(self.by_org[org]), org))
        return self._with(self.of(best), best)

    def _with(self, scopes: frozenset[Scope], default_org: str = "") -> Share:
        if not scopes:
            return Share()
        if self.everywhere >= scopes:
            return Share(None, scopes, default_org)
        return Share(frozenset(org for org in self.by_org if self.of(org) >= scopes), scopes, default_org)


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules in their order; raises `BadParameter` saying which one cannot be read."""
    return tuple(_rule(each) for part in text.splitlines() for each in part.split(";") if each.strip())


def is_rules(text: str) -> bool:
    """Whether `parse_rules` takes the text."""
    try:
        parse_rules(text)
    except BadParameter:
        return False
    return True


def marks_in(rules: Iterable[Rule], values: Collection[str]) -> tuple[str, ...]:
    """The marks of those values that a rule names; of others nothing is kept."""
    return tuple(sorted({rule.mark for rule in rules if rule.value in values}))


def rights_of(rules: Iterable[Rule], marks: Collection[str]) -> Rights:
    """What the rules with these marks give together, organisation by organisation."""
    everywhere: frozenset[Scope] = _NONE
    by_org: dict[str, frozenset[Scope]] = {}
    for rule in rules:
        if rule.mark not in marks:
            continue
        scopes = frozenset(Scope) if Scope.ADMIN in rule.scopes else rule.scopes
        if rule.orgs is None:
            everywhere |= scopes
        for org in rule.orgs or ():
            by_org[org] = by_org.get(org, _NONE) | scopes
    return Rights(everywhere, {org: scopes | everywhere for org, scopes in by_org.items()})


def mark_of(value: str) -> str:
    """Twelve bytes that stand for a value of the claim."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _rule(text: str) -> Rule:
    value, _, given = text.rpartition("=")
    words = given.split()
    if not value.strip() or len(words) != 2:
        raise BadParameter("rule", text.strip(), SYNTAX)
    orgs, scopes = ({each for each in word.split(",") if each} for word in words)
    if unknown := sorted(scopes - set(Scope)):
        raise BadParameter("scope", unknown[0], "one of " + ", ".join(Scope))
    if wrong := sorted(org for org in orgs if not ORG_ID.fullmatch(org) and orgs != {EVERY_ORG}):
        raise BadParameter(
            "org", wrong[0], f"an organisation's id, or {EVERY_ORG} alone for every organisation"
        )
    if not orgs or not scopes:
        raise BadParameter("rule", text.strip(), SYNTAX)
    return Rule(
        value.strip(),
        None if EVERY_ORG in orgs else frozenset(orgs),
        frozenset(Scope(each) for each in scopes),
    )
