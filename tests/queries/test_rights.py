"""Rights of people whom an OpenID provider names: no rule gives more than it says, and several never mix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.key import Scope
from trailhouse.queries.rights import Rule, Share, is_rules, marks_in, parse_rules, rights_of

R, A, P, ADMIN = Scope.REPORTS_READ, Scope.AUDIT_READ, Scope.AUDIT_READ_PII, Scope.ADMIN
ORGS = ("acme", "beta", "zeta")
RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["one", "two", "three", "four"]),
        st.one_of(st.none(), st.frozensets(st.sampled_from(ORGS), min_size=1)),
        st.frozensets(st.sampled_from(list(Scope)), min_size=1),
    ),
    max_size=5,
)


def full(scopes: frozenset[Scope]) -> frozenset[Scope]:
    return frozenset(Scope) if ADMIN in scopes else scopes


def test_rules_are_read_as_they_are_written() -> None:
    """With semicolons or lines, and values that hold signs of their own."""
    rules = parse_rules("CN=Audit,OU=IT = acme,beta audit:read,reports:read;\noperators = * admin\n;")
    assert rules == (
        Rule("CN=Audit,OU=IT", frozenset({"acme", "beta"}), frozenset({A, R})),
        Rule("operators", None, frozenset({ADMIN})),
    )
    assert parse_rules("") == ()


@pytest.mark.parametrize(
    "text", ["audit acme reports:read", "= acme admin", "a = acme", "a = acme root", "a = *,acme admin", "a = , admin",
             "a = a/b admin", "a = acme admin more"],
)  # fmt: skip
def test_what_is_no_rule_is_refused(text: str) -> None:
    """Before anybody signs in with it."""
    with pytest.raises(BadParameter):
        parse_rules(text)
    assert not is_rules(text)


def test_two_rules_do_not_mix() -> None:
    """Names in acme and reports of beta are not names in beta."""
    rules = parse_rules("a = acme audit:read,audit:read_pii,reports:read; b = beta reports:read")
    rights = rights_of(rules, marks_in(rules, ["a", "b", "c"]))
    assert rights.share(["acme"]) == Share(frozenset({"acme"}), frozenset({A, P, R}))
    assert rights.share(["beta"]) == Share(frozenset({"acme", "beta"}), frozenset({R}))
    assert rights.share(["acme", "beta"]) == rights.share(None) == rights.share(["beta"])
    assert rights.share() == Share(frozenset({"acme"}), frozenset({A, P, R}), "acme")
    assert rights.share(["elsewhere"]) == rights.share()


@given(
    RULES, st.sets(st.sampled_from(["one", "two", "three", "five"])), st.lists(st.sampled_from([*ORGS, "x"]))
)
def test_nobody_gets_more_in_any_organisation_than_the_rules_say(
    rules: list[Rule], values: set[str], asked: list[str]
) -> None:
    """Whatever is asked about; and in what is asked about, all that is held in each of it."""
    rights = rights_of(rules, marks_in(rules, values))
    held = {
        org: frozenset[Scope]().union(
            *(
                full(rule.scopes)
                for rule in rules
                if rule.value in values and (rule.orgs is None or org in rule.orgs)
            )
        )
        for org in (*ORGS, "x", "yet another")
    }
    for about in (asked, None):
        share = rights.share(about)
        for org, scopes in held.items():
            if share.orgs is None or org in share.orgs:
                assert share.scopes <= scopes
    known = [org for org in asked if held[org]]
    if known:
        assert rights.share(asked).scopes == frozenset.intersection(*(held[org] for org in known))
        common = rights.share(asked)
        assert not common.scopes or common.orgs is None or set(known) <= common.orgs
