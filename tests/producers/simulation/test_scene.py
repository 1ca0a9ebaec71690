from __future__ import annotations

from datetime import date

from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import build
from trailhouse.producers.simulation.member import hire
from trailhouse.producers.simulation.scene import Scene

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)


def test_founders_are_in_from_the_beginning() -> None:
    """Whoever is still to be invited is not; nor are machines that are still to be made."""
    staff = hire("s", "1/acme", 100, FIRST, LAST)
    machines = list(build("s", 1000, FIRST, 100))
    scene = Scene.at_first(Luck("x"), staff, machines)
    assert scene.present == [each for each in staff if each.is_founder]
    assert all(each.is_in == each.is_founder for each in staff)
    assert all(each.is_in == (each.since is None) for each in machines)


def test_nobody_is_in_twice_and_who_goes_is_out() -> None:
    """Admitting again changes nothing, so does dismissing."""
    staff = hire("s", "1/acme", 3, FIRST, LAST)
    scene = Scene.at_first(Luck("x"), staff, [])
    scene.admit(staff[0])
    assert scene.present == staff
    scene.dismiss(staff[1])
    scene.dismiss(staff[1])
    assert scene.present == [staff[0], staff[2]]
    assert not staff[1].is_in
