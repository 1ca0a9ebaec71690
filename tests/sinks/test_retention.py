"""Retention settings: one's own word before that for all, and no personal data without its event."""

from __future__ import annotations

from itertools import product

import pytest

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import RetentionRefused
from trailhouse.sinks.retention import (
    ACTIVITY,
    EVENTS,
    EVERY_ORG,
    PII,
    Policy,
    check_policy,
    days_kept,
    policies,
    set_policy,
)


def test_who_says_how_long() -> None:
    """Its own setting, else that of all, else for ever; 0 is for ever, also against that of all."""
    settings = [
        Policy(EVERY_ORG, EVENTS, 400),
        Policy("acme", EVENTS, 30),
        Policy("beta", EVENTS, 0),
        Policy("beta", ACTIVITY, 7),
    ]
    assert [days_kept(settings, org, EVENTS) for org in ("acme", "beta", "gamma")] == [30, None, 400]
    assert [days_kept(settings, org, ACTIVITY) for org in ("acme", "beta")] == [None, 7]


def test_personal_data_never_outlives_its_event() -> None:
    """The shorter of both, whatever is said of each."""
    for events, pii in product((0, 10, 20), repeat=2):
        found = days_kept([Policy("acme", EVENTS, events), Policy("acme", PII, pii)], "acme", PII)
        assert found == min((days for days in (events, pii) if days), default=None)


def test_the_latest_setting_is_kept(database: Client) -> None:
    """Set twice, read once; who set it, and when."""
    set_policy(database, Policy("acme", PII, 90, "anna"))
    set_policy(database, Policy("acme", PII, 30, "boss"))
    (found,) = policies(database)
    assert (found.org_id, found.data_class, found.days, found.set_by) == ("acme", PII, 30, "boss")
    assert found.set_at is not None


@pytest.mark.parametrize(
    "policy", [Policy("acme", "logs", 1), Policy("acme", PII, -1), Policy("acme", PII, 99_999)]
)
def test_what_cannot_be_is_refused(policy: Policy) -> None:
    """An unknown class, and days nobody could mean."""
    with pytest.raises(RetentionRefused):
        check_policy(policy)
