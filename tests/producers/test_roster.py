from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.roster import Person, hire

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)


def staff(seed: int = 1, people: int = 200) -> list[Person]:
    return hire(Random(seed), people, FIRST, LAST)


def test_the_staff_depends_on_the_seed_alone() -> None:
    """The same luck hires the same people."""
    assert staff() == staff()
    assert staff() != staff(seed=2)


@given(st.integers(0, 10**6), st.integers(1, 80))
def test_everybody_is_somebody_else_and_somebody_is_in_charge(seed: int, people: int) -> None:
    """Ids and addresses are unique, and there is always an admin from the beginning."""
    everybody = staff(seed, people)
    assert (
        len({person.user_id for person in everybody}) == len({person.email for person in everybody}) == people
    )
    assert any(person.role == "admin" and person.is_member(FIRST) for person in everybody)


def test_a_company_grows_and_loses_some() -> None:
    """There are more members at the end than at the beginning, some left, some never came."""
    assert sum(person.is_member(LAST) for person in staff()) > sum(
        person.is_member(FIRST) for person in staff()
    )
    assert any(person.left is not None for person in staff())
    assert any(person.is_no_show for person in staff())


def test_membership_begins_with_joining_and_ends_with_the_day_of_leaving() -> None:
    """Both days count; who never showed up was never one."""
    leaver = next(person for person in staff() if person.left and not person.is_no_show)
    assert leaver.left is not None
    day = timedelta(days=1)
    days = (leaver.joined - day, leaver.joined, leaver.left, leaver.left + day)
    assert [leaver.is_member(each) for each in days] == [False, True, True, False]
    no_show = next(person for person in staff() if person.is_no_show)
    assert not no_show.is_member(LAST)
