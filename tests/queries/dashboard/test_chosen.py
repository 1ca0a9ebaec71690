"""Which organisations a page is about."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.queries.dashboard.answers import Nothing

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.chosen import Chosen, choose, companies_of
from trailhouse.queries.errors import BadParameter, NotAllowed, OrgNeeded, QueryError
from trailhouse.sinks.org_settings import OrgSettings

SAID = [
    OrgSettings("acme", company="Initech"),
    OrgSettings("beta", company="Initech"),
    OrgSettings("zeta", company="Zed"),
]


class Three(Nothing):
    """A store with three organisations, two of them a company's."""

    def orgs(self) -> list[str]:
        return ["acme", "beta", "zeta"]

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        return [each for each in SAID if each.org_id in orgs]

    def company(self, name: str) -> list[str]:
        return [each.org_id for each in SAID if each.company == name]


def of(*orgs: str) -> Caller:
    return Caller(frozenset(orgs), is_known=True)


def test_one_several_all_or_a_company() -> None:
    """What is asked of reports, what stands in the address, and the words for it."""
    one = choose({"org": "acme"}, of("acme", "beta"), Three())
    assert one == Chosen(("acme",), "acme")
    several = choose({"org": "beta,acme", "of": "beta"}, of("acme", "beta"), Three())
    assert (several.asked, several.org, several.words) == ({"org": "acme,beta"}, "beta", "2 organizations")
    every = choose({"org": "*"}, of("acme", "beta"), Three())
    assert (every.asked, every.place) == ({"org": "acme,beta"}, {"org": "*"})
    assert choose({"org": "*"}, Caller.operator(), Three()).orgs == ("acme", "beta", "zeta")
    company = choose({"company": "Initech"}, of("acme", "beta"), Three())
    assert (company.orgs, company.asked, company.place) == (
        ("acme", "beta"),
        {"company": "Initech"},
        {"company": "Initech"},
    )
    assert choose({}, of("acme"), Three()).orgs == ("acme",)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"org": "acme,zeta"}, NotAllowed),
        ({"company": "Zed"}, NotAllowed),
        ({"company": "nobody's"}, NotAllowed),
        ({"org": "acme", "of": "beta"}, BadParameter),
        ({"org": "acme", "company": "Initech"}, BadParameter),
        ({"org": "acme,*"}, BadParameter),
        ({}, OrgNeeded),
    ],
)
def test_what_is_not_theirs_is_refused_as_a_whole(params: dict[str, str], error: type[QueryError]) -> None:
    """Whether it is there or not."""
    with pytest.raises(error):
        choose(params, of("acme", "beta"), Three())


def test_strangers_are_not_told_all() -> None:
    """Where reports are open on this machine, too."""
    with pytest.raises(OrgNeeded):
        choose({"org": "*"}, Caller(orgs=None), Three())
    with pytest.raises(OrgNeeded):
        choose({"org": "*"}, Caller(orgs=None, is_known=True), Nothing())


ORGS = st.sampled_from(["acme", "beta", "zeta", "*", "", "no such", "a,b"])


@given(
    st.frozensets(st.sampled_from(["acme", "beta", "zeta"])),
    st.fixed_dictionaries(
        {}, optional={"org": st.lists(ORGS).map(",".join), "company": ORGS | st.just("Initech"), "of": ORGS}
    ),
)
def test_never_one_outside_the_rights(orgs: frozenset[str], params: dict[str, str]) -> None:
    """Whatever the address says."""
    try:
        chosen = choose(params, of(*orgs), Three())
    except QueryError:
        return
    assert set(chosen.orgs) <= orgs
    assert chosen.org in orgs


def test_companies_are_offered_to_who_may_read_all_of_them() -> None:
    """One organisation is no company to choose."""
    assert companies_of(SAID, ["acme", "beta", "zeta"]) == ["Initech"]
    assert companies_of(SAID, ["acme", "zeta"]) == []
