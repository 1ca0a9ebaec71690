"""Filters of the event log: every text bound, none that finds more than an answer shows."""

from __future__ import annotations

import pytest

from trailhouse.queries.audit_filter import FILTERS, filter_of
from trailhouse.queries.errors import BadParameter

EVIL = "x' OR 1=1 -- {org:String}"
REF = "u_00000000000000ff"


def test_no_text_of_a_caller_stands_in_the_statement() -> None:
    """Whatever it is: it is a value."""
    params = {"action": EVIL, "actor": EVIL, "target": EVIL, "q": EVIL}
    found = filter_of(params, read_pii=True)
    assert "OR 1=1" not in found.sql
    assert dict(found.bound) == params


def test_nothing_asked_for_lets_everything_through() -> None:
    """And says so, because then no place is looked at in vain."""
    assert filter_of({}, read_pii=False).is_open
    assert not filter_of({"q": "x"}, read_pii=False).is_open


@pytest.mark.parametrize("name", ["actor", "target"])
def test_people_are_found_by_name_only_by_those_who_may_see_them(name: str) -> None:
    """The others have what answers show them: asking is no way to find out."""
    assert filter_of({name: REF}, read_pii=False).bound == {name: 255}
    assert filter_of({name: REF}, read_pii=True).bound == {name: 255}
    with pytest.raises(BadParameter):
        filter_of({name: "mia@example.org"}, read_pii=False)
    assert "pii[" in filter_of({name: "mia@example.org"}, read_pii=True).sql


def test_a_search_reads_no_personal_data_for_those_who_may_not_see_it() -> None:
    """Not even to compare with."""
    assert "pii[" not in filter_of({"q": "mia"}, read_pii=False).sql
    assert "pii['actor_email']" in filter_of({"q": "mia"}, read_pii=True).sql


@pytest.mark.parametrize(
    ("name", "text", "millis"),
    [
        ("since", "2026-01-31", 1769817600000),
        ("until", "2026-01-31", 1769904000000),
        ("since", "2026-01-31T00:00:00.5Z", 1769817600500),
        ("until", "2026-01-31T01:00:00+01:00", 1769817600000),
    ],
)
def test_dates_and_instants(name: str, text: str, millis: int) -> None:
    """A date is the whole day, in UTC."""
    assert filter_of({name: text}, read_pii=False).bound == {name: millis}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("since", "yesterday"),
        ("since", "2026-01-31T00:00:00"),
        ("until", "9999-12-31"),
        ("since", "0001-01-01T00:00:00+09:00"),
        ("outcome", "maybe"),
        ("q", ""),
        ("q", "x" * 300),
        ("action", "a\x00b"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, text: str) -> None:
    """By its name."""
    with pytest.raises(BadParameter) as refused:
        filter_of({name: text}, read_pii=True)
    assert refused.value.name == name
    assert name in FILTERS
