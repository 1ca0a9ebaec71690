from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.simulation.plan import BadPlan, Plan

UNTIL = date(2026, 3, 31)


@given(st.integers(1, 60), st.integers(0, 5000))
def test_everybody_is_in_one_organisation(orgs: int, more: int) -> None:
    """Sizes add up, fall from the first to the last, and leave none empty."""
    sizes = Plan(until=UNTIL, orgs=orgs, people=orgs + more).sizes()
    assert len(sizes) == orgs
    assert sum(sizes.values()) == orgs + more
    assert min(sizes.values()) >= 1
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)


@pytest.mark.parametrize(("orgs", "percent"), [(1, 100), (2, 60), (3, 40), (4, 30), (20, 30), (100, 30)])
def test_the_largest_of_many_has_thirty_percent(orgs: int, percent: int) -> None:
    """Of few it has more, as it must; no other is as large."""
    sizes = list(Plan(until=UNTIL, orgs=orgs, people=100_000).sizes().values())
    assert abs(sizes[0] - percent * 1000) < 110
    assert all(each < sizes[0] for each in sizes[1:])


def test_another_seed_makes_other_organisations() -> None:
    """People of two seeds never meet under one id."""
    names = [set(Plan(until=UNTIL, orgs=50, people=50, seed=seed).sizes()) for seed in (1, 2)]
    assert len(names[0]) == 50
    assert not names[0] & names[1]
    assert "alder" in names[0]
    assert "alder-2" in names[1]


def test_all_luck_depends_on_what_was_asked_for() -> None:
    """Two plans that differ in anything about an organisation share no event id."""
    plans = [
        Plan(until=UNTIL),
        Plan(until=UNTIL, people=210),
        Plan(until=UNTIL, days=91),
        Plan(until=date(2026, 3, 30)),
        Plan(until=UNTIL, events=1000),
        Plan(until=UNTIL, events=1000, people=201, orgs=4),
    ]
    assert len({plan.key("alder") for plan in plans}) == len(plans)


@pytest.mark.parametrize(
    "wrong", [{"orgs": 0}, {"orgs": 5, "people": 4}, {"people": 10**7}, {"days": 0}, {"events": 0}]
)
def test_what_cannot_be_is_refused_with_a_hint(wrong: dict[str, int]) -> None:
    """No plan is silently another one."""
    with pytest.raises(BadPlan) as caught:
        Plan(until=UNTIL, **wrong)
    assert caught.value.hint
