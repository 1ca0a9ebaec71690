from __future__ import annotations

from datetime import date, timedelta

from trailhouse.producers.simulation.machine import DUTIES, build

FIRST = date(2026, 1, 1)
MONDAY, SUNDAY = date(2026, 1, 5), date(2026, 1, 4)


def test_there_is_one_of_each_kind() -> None:
    """Also in the smallest organisation; all but one kind from the beginning."""
    machines = build("s", 1, FIRST, 30)
    assert [each.duty for each in machines] == list(DUTIES)
    assert [each.user_id for each in machines if each.since] == ["svc-backup"]


def test_a_large_organisation_has_several_and_some_are_made_later() -> None:
    """Names differ, work is shared: together they do what one would."""
    machines = build("s", 3000, FIRST, 30)
    assert len({each.user_id for each in machines}) == len(machines) == 21 * len(DUTIES)
    later = [each.since for each in machines if each.since]
    assert 30 < len(later) < 70
    assert all(FIRST <= day < FIRST + timedelta(days=30) for day in later)
    for day in (MONDAY, SUNDAY):
        alone = sum(each.a_day(day) for each in build("s", 100, FIRST, 30))
        assert abs(sum(each.a_day(day) for each in machines) - 30 * alone) < 0.001


def test_the_system_is_no_service_account_and_has_no_key() -> None:
    """Automations run by themselves."""
    (system,) = [each for each in build("s", 1, FIRST, 30) if each.duty.actor_type == "system"]
    assert not system.duty.has_key
    assert system.fields["actor_type"] == "system"
    assert "user_agent" not in system.web
