"""Whose data: organisations by name or by company, and what is said of them."""

from __future__ import annotations

from datetime import date

import pytest
from tests.queries.test_question import Known, put

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NotAllowed
from trailhouse.sinks.org_settings import OrgSettings

SAID = (
    OrgSettings("acme", "Asia/Kathmandu", 7, "Acme Inc"),
    OrgSettings("beta", "Asia/Kathmandu", 7, "Acme Inc"),
    OrgSettings("gamma", "", 0, "Other"),
)


def test_an_organisations_settings_are_the_defaults() -> None:
    """Its time zone and first day of the week, and the footer says so; what is asked for wins."""
    store = Known(said=SAID)
    own = put("weekly_active_users", store=store, org="acme")
    assert (own.period.timezone, own.week_start, own.period.last) == ("Asia/Kathmandu", 7, date(2026, 2, 1))
    assert own.said == ("the time zone of acme", "weeks from Sunday, the setting of acme")
    assert own.bindings["week_start"] == 7
    asked = put("weekly_active_users", store=store, org="acme", timezone="UTC", week_start="monday")
    assert (asked.period.timezone, asked.week_start, asked.said) == ("UTC", 1, ())
    assert put("active_users", store=store, org="acme").said == ("the time zone of acme",)
    plain = put("weekly_active_users", store=store, org="gamma")
    assert (plain.period.timezone, plain.week_start, plain.said) == ("UTC", 1, ())
    with pytest.raises(BadParameter, match="week_start is 'funday'") as caught:
        put("weekly_active_users", org="acme", week_start="funday")
    assert "--week-start" in str(caught.value.spell("--"))


def test_several_organisations_share_a_zone_or_none() -> None:
    """Where they agree it is theirs; where they do not it is UTC, which is said."""
    store = Known(said=SAID)
    agreed = put("weekly_active_users", store=store, org="beta,acme,beta")
    assert (agreed.orgs, agreed.period.timezone, agreed.week_start) == (("acme", "beta"), "Asia/Kathmandu", 7)
    assert agreed.said[0] == "the time zone of these organisations"
    mixed = put("weekly_active_users", store=store, org="acme,gamma")
    assert (mixed.period.timezone, mixed.week_start) == ("UTC", 1)
    assert ["name one" in said for said in mixed.said] == [True, True]


def test_a_company_is_all_of_its_organisations_or_nothing() -> None:
    """Who may not read each of them is not told that there are any; operators learn that nothing is set to it."""
    store = Known(said=SAID)
    both = Caller(orgs=frozenset({"acme", "beta", "delta"}))
    assert put(caller=both, store=store, company="Acme Inc").orgs == ("acme", "beta")
    assert put(caller=both, store=store, company="Acme Inc").pinned["company"] == "Acme Inc"
    for caller in (Caller(orgs=frozenset({"acme"})), Caller()):
        for name in ("Acme Inc", "Nosuch", ""):
            with pytest.raises(NotAllowed, match="may not read company"):
                put(caller=caller, store=store, company=name)
    with pytest.raises(BadParameter, match="company is 'Nosuch'"):
        put(store=store, company="Nosuch")
    with pytest.raises(BadParameter, match="company is 'Acme Inc'"):
        put(store=store, company="Acme Inc", org="acme")
    with pytest.raises(NotAllowed, match="'gamma'"):
        put(caller=both, store=store, org="acme,gamma")
