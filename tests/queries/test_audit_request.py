"""Who gets which audit log: parameters, organisations, profiles, people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_request import Asked, org_of, read_request
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NoAuditLog, NoDefaultOrg, NotAllowed, QueryError

ADMIN = Caller(orgs=frozenset({"acme"}), read_pii=True)
READER = Caller(orgs=frozenset({"acme"}))
SEVERAL = Caller(orgs=frozenset({"acme", "beta"}), read_pii=True)
EVERYONE = Caller.operator()


def ask(
    query: str = "",
    caller: Caller = ADMIN,
    default_org: str = "",
    profile: str = "self_managed",
    *,
    stored: Sequence[str] = ("acme", "beta"),
    plans: Sequence[str] = ("acme",),
) -> Asked:
    given = [tuple(part.split("=", 1)) for part in query.split("&") if part]
    return read_request(
        given,  # type: ignore[arg-type]
        caller,
        default_org,
        PROFILES[profile],
        today=date(2026, 1, 31),
        has_plan=lambda org: org in plans,
        stored_orgs=lambda: stored,
    )


@pytest.mark.parametrize("query", ["numDays=2", "numdays=2", "NUMDAYS=2"])
def test_both_spellings_of_w_and_b_are_one_parameter(query: str) -> None:
    """Its page writes `numDays` and `numdays`."""
    assert len(ask(query).selection.window.days) == 3


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("numDays=1&numdays=2", "numDays"),
        ("anonymize=yes", "anonymize"),
        ("anonymize=", "anonymize"),
        ("anonymise=true", "anonymise"),
        ("format=xml", "format"),
        ("colour=red", "colour"),
        ("startDate=yesterday", "startDate"),
    ],
)
def test_what_cannot_be_used_is_refused(query: str, name: str) -> None:
    """Above all whatever may have meant `anonymize`: passing over it would show people."""
    with pytest.raises(BadParameter) as refused:
        ask(query)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("profile", "query", "caller", "shows_people"),
    [
        ("self_managed", "", ADMIN, True),
        ("self_managed", "anonymize=true", ADMIN, False),
        ("self_managed", "anonymize=True", ADMIN, False),
        ("self_managed", "anonymize=false", ADMIN, True),
        ("self_managed", "", READER, False),
        ("dedicated", "", READER, False),
        ("dedicated", "anonymize=false", READER, False),
        ("dedicated", "anonymize=true", ADMIN, False),
        ("saas", "", ADMIN, True),
        ("saas", "anonymize=true", ADMIN, True),
    ],
)
def test_who_sees_people(profile: str, query: str, caller: Caller, shows_people: bool) -> None:
    """Those who may, unless they ask not to; on SaaS that cannot be asked for (WA12)."""
    assert ask(query, caller, profile=profile).selection.read_pii is shows_people


def test_saas_has_no_anonymised_log_for_those_who_may_not_see_people() -> None:
    """So they have none, with or without `anonymize`."""
    for query in ("", "anonymize=true"):
        with pytest.raises(NoAuditLog) as refused:
            ask(query, READER, profile="saas")
        assert refused.value.status == 403


def test_saas_needs_the_enterprise_plan() -> None:
    """The others do not (WA2)."""
    with pytest.raises(NoAuditLog) as refused:
        ask(profile="saas", plans=())
    assert (refused.value.status, str(refused.value)) == (
        403,
        "audit logs are available for Enterprise plans only",
    )
    assert ask(profile="dedicated", plans=()).selection.org == "acme"


@pytest.mark.parametrize(
    ("named", "caller", "default", "stored", "org"),
    [
        (None, ADMIN, "", [], "acme"),
        ("acme", ADMIN, "", [], "acme"),
        (None, SEVERAL, "beta", [], "beta"),
        ("acme", SEVERAL, "beta", [], "acme"),
        (None, EVERYONE, "", ["zeta"], "zeta"),
        ("any", EVERYONE, "", [], "any"),
    ],
)
def test_the_organisation(
    named: str | None, caller: Caller, default: str, stored: list[str], org: str
) -> None:
    """The one that is named, else the key's default, else the only one."""
    assert org_of(named, caller, default, lambda: stored) == org


@pytest.mark.parametrize(("caller", "stored"), [(SEVERAL, []), (EVERYONE, ["acme", "beta"]), (EVERYONE, [])])
def test_several_organisations_without_a_default_one_are_w_and_bs_error(
    caller: Caller, stored: list[str]
) -> None:
    """In its very words (WA6)."""
    with pytest.raises(NoDefaultOrg) as refused:
        org_of(None, caller, "", lambda: stored)
    assert str(refused.value) == (
        "user is associated with multiple organizations but no valid org ID found in user info"
    )
    assert refused.value.status == 400


@pytest.mark.parametrize(("named", "default"), [("beta", ""), (None, "beta"), ("beta", "acme"), ("", "beta")])
def test_a_foreign_organisation_is_refused(named: str | None, default: str) -> None:
    """Named in the request, or by a key that lost it."""
    with pytest.raises(NotAllowed):
        org_of(named, ADMIN, default, list)


@pytest.mark.parametrize("org", ["€", "\ud800", "a\r\nX-Evil:1", "\x00", "a b", "o" * 129])
@pytest.mark.parametrize("caller", [ADMIN, EVERYONE])
def test_what_is_no_organisations_id_is_refused_first(org: str, caller: Caller) -> None:
    """Before it is looked up, stands in a header or is recorded; also for who may read all."""
    with pytest.raises(BadParameter) as refused:
        org_of(org, caller, "", list)
    assert refused.value.name == "org"


def test_refusals_are_recorded_by_a_word() -> None:
    """The self-audit tells which rule it was."""
    errors: list[type[QueryError]] = [NoAuditLog, NotAllowed]
    assert all(error.refusal for error in errors)
    assert not NoDefaultOrg.refusal


def test_everything_asked_for_is_in_the_selection() -> None:
    """Organisation, days, profile, format."""
    asked: Any = ask("startDate=2026-01-02&numDays=20&format=csv", profile="saas")
    assert asked.format == "csv"
    assert (asked.selection.window.first, asked.selection.window.last) == (
        date(2025, 12, 26),
        date(2026, 1, 2),
    )
    assert asked.selection.collected == PROFILES["saas"].collected
