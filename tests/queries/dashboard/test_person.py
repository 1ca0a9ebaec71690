"""Somebody an OpenID provider has named."""

from __future__ import annotations

from typing import Any

import pytest

from trailhouse.queries.dashboard.person import MARKS_MAX, Person, person_of, values_of
from trailhouse.queries.dashboard.session import PERSON_LENGTH_MAX
from trailhouse.queries.errors import SignInFailed
from trailhouse.queries.key import Scope
from trailhouse.queries.oidc_settings import OidcSettings

SETTINGS = OidcSettings(
    issuer="https://id.example.org",
    client_id="t",
    rights="audit = acme audit:read; pii = acme audit:read_pii",
)
CLAIMS: dict[str, Any] = {
    "iss": "https://id.example.org",
    "sub": "1",
    "email": "ann@x.org",
    "groups": ["audit", "yoga"],
}


def test_rights_are_worked_out_from_the_rules_of_now() -> None:
    """What no rule names is not kept; what a rule no longer says is gone at once."""
    person = person_of(CLAIMS, SETTINGS)
    assert Person.from_text(person.to_text()) == person
    assert len(person.marks) == 1
    key = person.key(person.rights(SETTINGS), ["acme"], 1_700_000_000, 600)
    assert (key.username, key.orgs, key.scopes) == (
        "ann@x.org",
        frozenset({"acme"}),
        frozenset({Scope.AUDIT_READ}),
    )
    assert not key.caller.read_pii
    changed = OidcSettings(issuer="https://id.example.org", client_id="t", rights="other = acme admin")
    assert person.key(person.rights(changed), ["acme"], 1_700_000_000, 600).scopes == frozenset()


def test_a_default_organisation_is_meant_where_none_is_named_and_gives_no_right() -> None:
    """It decides which rights are shown where they differ; once there are none in it, it is as if never chosen."""
    settings = OidcSettings(
        issuer="https://id.example.org",
        client_id="t",
        rights="audit = acme audit:read,reports:read; audit = beta reports:read",
    )
    rights = person_of(CLAIMS, settings).rights(settings)

    def asked(orgs: list[str] | None, chosen: str) -> tuple[frozenset[str] | None, frozenset[Scope], str]:
        key = person_of(CLAIMS, settings).key(rights, orgs, 1_700_000_000, 600, default_org=chosen)
        return key.orgs, key.scopes, key.caller.default_org

    both, reports = frozenset({"acme", "beta"}), frozenset({Scope.REPORTS_READ})
    more = frozenset({Scope.REPORTS_READ, Scope.AUDIT_READ})
    assert asked([], "") == (frozenset({"acme"}), more, "acme")
    assert asked([], "beta") == (both, reports, "beta")
    assert asked([], "gamma") == asked([], "")
    assert asked(["acme"], "beta") == (frozenset({"acme"}), more, "")
    assert asked(None, "beta") == (both, reports, "beta")


def test_names_are_those_that_can_be_believed() -> None:
    """An address the provider has not verified is nobody's; two providers' subjects are two people."""
    assert person_of({**CLAIMS, "email_verified": False}, SETTINGS).username == "1"
    assert person_of({**CLAIMS, "email": 7}, SETTINGS).username == "1"
    assert person_of({**CLAIMS, "sub": "x" * 300, "email": None}, SETTINGS).username.startswith("oidc:")
    assert person_of({**CLAIMS, "iss": "https://b"}, SETTINGS).subject != person_of(CLAIMS, SETTINGS).subject


@pytest.mark.parametrize(
    ("said", "is_let_in"),
    [({}, False), (False, False), ([], False), ("false", False), (True, True), ("true", True)],
    ids=["nothing", "false", "list", "text-false", "true", "text-true"],
)
def test_an_address_gives_rights_only_where_it_is_verified(said: Any, is_let_in: bool) -> None:
    """Else whoever types the operator's address in at the provider is the operator."""
    settings = OidcSettings(
        issuer="https://id.example.org", client_id="t", rights_claim="email", rights="ann@x.org = * admin"
    )
    person = person_of(CLAIMS | ({} if said == {} else {"email_verified": said}), settings)
    assert bool(person.rights(settings).everywhere) is is_let_in


def test_claims_inside_claims() -> None:
    """A name with dots may be a claim's own."""
    claims = {"realm_access": {"roles": ["a", 1, "b"]}, "https://x.org/roles": "c"}
    assert values_of(claims, "realm_access.roles") == {"a", "b"}
    assert values_of(claims, "https://x.org/roles") == {"c"}
    assert values_of(claims, "realm_access") == values_of(claims, "no.such.claim") == frozenset()


@pytest.mark.parametrize("text", ["", "!!", "bnVsbA", "WzEsMiwzXQ", "WyJ4IiwieSIsIiJd"])
def test_what_is_no_person_is_none(text: str) -> None:
    """Even where somebody could sign it."""
    assert Person.from_text(text) is None


def test_the_cookie_stays_small() -> None:
    """Of many groups with rights too many are refused, and all that are allowed fit."""
    rules = ";".join(f"g{n} = acme reports:read" for n in range(MARKS_MAX + 1))
    settings = OidcSettings(issuer="https://id.example.org", client_id="t", rights=rules)
    groups = [f"g{n}" for n in range(MARKS_MAX + 1)]
    most = person_of({**CLAIMS, "email": "é" * 128, "groups": groups[1:]}, settings)
    assert len(most.to_text()) < PERSON_LENGTH_MAX
    with pytest.raises(SignInFailed, match="more than"):
        person_of({**CLAIMS, "groups": groups}, settings)
