"""Daily work as slots: who does what when, before it is known what with."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from trailhouse.producers.simulation.deed import work_of
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine
from trailhouse.producers.simulation.member import Member
from trailhouse.producers.simulation.office import DAY_MS, OFFICES, to_ms
from trailhouse.producers.simulation.passage import HOUR, MINUTE
from trailhouse.producers.simulation.scene import Actor
from trailhouse.producers.simulation.step import Step

Slot = tuple[int, int, Actor, str | Step, str]
"""(milliseconds since 1970, a number of its own, actor, action or step, visit)"""

PRESENCE: Final = 0.84
"""part of the staff that comes on a usual working day"""
DEEDS_A_DAY: Final = 6.0
"""of a person of pace 1 who came, beyond signing in"""
SIGNS_IN: Final = 0.45
SIGNS_OUT: Final = 0.2
FAILS: Final = 0.04
"""a login in so many is mistyped"""
REFUSED: Final = "user:login refused"
DEEDS_MAX: Final = 2000
"""of a person on a day, however many events are asked for"""

# Hours after the start of the day in which things are done, as often as they are listed: lunch after four.
_HOURS: Final = tuple(
    hour for hour, weight in enumerate((7, 9, 9, 5, 4, 8, 9, 8, 4, 1)) for _ in range(weight)
)
# How a day differs from the usual one of the same person; the mean is 1.
_MOODS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3, 1.5, 1.8, 2.2, 2.6)


class Workdays:
    """Slots of daily work; `activity` scales how much is done, below 1 how often people come."""

    def __init__(
        self, luck: Luck, staff: Sequence[Member], machines: Sequence[Machine], activity: float
    ) -> None:
        self._luck, self._staff, self._machines, self._activity = luck, staff, machines, activity
        self._number = 0
        self._work: dict[tuple[str, str], tuple[tuple[str, ...], tuple[float, ...]]] = {}

    def number(self) -> int:
        """A number of its own for each slot: those of one moment have an order."""
        self._number += 1
        return self._number

    def slots(self, day: date) -> list[Slot]:
        """What is done on the local `day` of everybody, in no particular order."""
        luck = self._luck
        slots: list[Slot] = []
        rand = luck.random
        places = {
            office.zone: (PRESENCE * office.busyness(day) * min(1.0, self._activity), office.midnight_ms(day))
            for office in OFFICES
        }
        deeds = DEEDS_A_DAY * max(1.0, self._activity)
        number = self._number
        for member in self._staff:
            presence, midnight = places[member.office.zone]
            if rand() >= presence or not member.works_on(day):
                continue
            start = midnight + 8 * HOUR + member.shift_ms + int(rand() * 90 * MINUTE)
            visit = f"visit-{luck.getrandbits(48):012x}"
            if rand() < SIGNS_IN:
                for at, action in self._sign_in(start):
                    number += 1
                    slots.append((at, number, member, action, visit))
            kind = (member.role, member.trade)
            if kind not in self._work:
                self._work[kind] = work_of(*kind)
            actions, sums = self._work[kind]
            count = int(_MOODS[int(rand() * 16)] * member.pace * deeds + rand())
            start += 2 * MINUTE
            for _ in range(min(DEEDS_MAX, count)):
                at = start + _HOURS[int(rand() * 64)] * HOUR + int(rand() * HOUR)
                number += 1
                slots.append((at, number, member, actions[bisect(sums, rand())], visit))
        self._number = number
        slots += self._of_machines(day)
        return slots

    def _sign_in(self, start: int) -> Iterator[tuple[int, str]]:
        rand = self._luck.random
        yield start, "user:initiate_login"
        at = start
        while rand() < FAILS:
            at += 4000 + int(rand() * 20_000)
            yield at, REFUSED
        at += 4000 + int(rand() * 20_000)
        yield at, "user:login"
        if rand() < SIGNS_OUT:
            yield start + 4 * HOUR + int(rand() * 6 * HOUR), "user:logout"

    def _of_machines(self, day: date) -> Iterator[Slot]:
        rand, midnight = self._luck.random, to_ms(day)
        for machine in self._machines:
            for _ in range(int(machine.a_day(day) * self._activity + rand())):
                action = self._luck.pick(machine.duty.actions)
                yield midnight + int(rand() * DAY_MS), self.number(), machine, action, ""


def expected(
    staff: Sequence[Member], machines: Sequence[Machine], first: date, last: date
) -> tuple[float, float, float]:
    """How many events daily work makes at activity 1, on average: (signing in, people's deeds, machines' deeds)."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    came: dict[str, list[float]] = {}
    for office in OFFICES:
        sums = [0.0]
        for day in days:
            sums.append(sums[-1] + PRESENCE * office.busyness(day))
        came[office.zone] = sums

    def days_of(member: Member, since: date, until: date) -> float:
        begin, end = max((since - first).days, 0), min((until - first).days, len(days))
        return (
            came[member.office.zone][max(begin, end)] - came[member.office.zone][begin]
            if begin < end
            else 0.0
        )

    signing = deeds = 0.0
    after = last + timedelta(days=1)
    for member in staff:
        if not member.is_founder and member.joined is None:
            continue
        there = days_of(member, member.joined or first, member.left or member.dormant or after)
        if member.returned is not None:
            there += days_of(member, member.returned, after)
        signing += there * SIGNS_IN * (2 + FAILS + SIGNS_OUT)
        deeds += there * member.pace * DEEDS_A_DAY
    made = sum(machine.a_day(day) for machine in machines for day in days if day >= (machine.since or first))
    return signing, deeds, made


def activity_for(events: float, signing: float, deeds: float, made: float) -> float:
    """The activity at which daily work makes about so many events; 0 when none."""
    usual = signing + deeds + made
    if not deeds + made:
        return 0.0
    return max(0.0, events / usual) if events <= usual else (events - signing) / (deeds + made)
