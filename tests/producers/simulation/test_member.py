from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.producers.simulation.member import Member, hire

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)
DAY = timedelta(days=1)


def staff(people: int = 300, seed: str = "s", identity: str = "1/acme") -> list[Member]:
    return hire(seed, identity, people, FIRST, LAST)


def test_who_somebody_is_depends_on_their_number_alone() -> None:
    """Another period or size changes when people come, not who they are."""
    one, other = staff(), hire("t", "1/acme", 200, date(2025, 1, 1), date(2025, 2, 1))
    assert [each.email for each in one[:200]] == [each.email for each in other]
    assert len({each.email for each in one}) == len({each.user_id for each in one}) == 300
    assert all(each.email.endswith("@acme.example") for each in one)
    assert not any(each.ip.startswith("203.0.113.") for each in one)


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 400))
@settings(max_examples=50)
def test_lives_are_in_order(seed: int, people: int, days: int) -> None:
    """Invited, joined, left, returned: in this order and within the days; somebody is always in charge."""
    last = FIRST + timedelta(days=days)
    everybody = hire(str(seed), "1/acme", people, FIRST, last)
    assert everybody[0].role == "admin"
    assert everybody[0].is_steady
    for each in everybody:
        dates = [day for day in (each.invited, each.joined, each.left, each.returned) if day]
        assert dates == sorted(dates)
        assert all(FIRST <= day <= last for day in dates)
        assert each.invited or not each.joined
        assert not (each.left and each.dormant)


def test_a_company_grows_and_loses_some() -> None:
    """Some never come, some leave, a few of them return, some fall silent."""
    everybody = staff()
    members = [sum(each.belongs_on(day) for each in everybody) for day in (FIRST, LAST)]
    assert members[0] * 1.2 < members[1] < 300
    assert sum(each.invited is not None and each.joined is None for each in everybody) > 5
    assert sum(each.left is not None for each in everybody) > 10
    assert sum(each.returned is not None for each in everybody) >= 2
    assert sum(each.dormant is not None for each in everybody) > 5


def test_who_left_does_not_work_and_who_fell_silent_still_belongs() -> None:
    """Work ends with the day of leaving and begins with that of returning."""
    leaver = next(each for each in staff() if each.returned)
    assert leaver.left is not None
    assert leaver.returned is not None
    days = (leaver.left, leaver.left + DAY, leaver.returned - DAY, leaver.returned)
    assert [leaver.works_on(day) for day in days] == [True, False, False, True]
    silent = next(each for each in staff() if each.dormant)
    assert silent.dormant is not None
    assert (silent.works_on(silent.dormant), silent.belongs_on(silent.dormant)) == (False, True)


def test_events_say_the_role_of_the_moment() -> None:
    """A person dressed anew wears what they are now."""
    member = staff()[5]
    member.role, member.team = "owner", "moon"
    member.dress()
    assert (member.web["actor_role"], member.web["entity_asset"]) == ("owner", "team-moon")
    assert "source" not in member.fields
