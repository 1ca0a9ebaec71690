"""The simulation: all organisations of a plan as one stream, in the order their events arrive."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.simulation.incident import Incident
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.organisation import Event, Organisation
from trailhouse.producers.simulation.plan import Plan
from trailhouse.producers.simulation.workday import activity_for

LATE_SHARE: Final = 0.015
LATE_MINUTES: Final = (3, 20, 90, 600, 1500, 2900)
RESENT_SHARE: Final = 0.005
ROSTER_EACH: Final = 3
"""events of the roster by person of the staff, roughly"""


class Line(NamedTuple):
    """One record of the raw topic."""

    org_id: str
    event_id: str
    value: bytes


class Simulation:
    """Months of events of several organisations, drawn from a seed.

    Equal plans give equal bytes, on any machine. Events come in the order they arrive: some late by minutes or days, a
    few twice (same id, same bytes). Memory is bounded by the people and two days of their events, whatever the number
    of days. What is asked of it may be asked again: every answer begins anew.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._activity: float | None = None

    def organisations(self) -> Iterator[Organisation]:
        """Each organisation as it is before the first event, the largest first."""
        for org_id in self.plan.sizes():
            yield Organisation(org_id, self.plan)

    def incidents(self) -> list[Incident]:
        """What a security report should find, of all organisations, in order of time."""
        found = [incident for each in self.organisations() for incident in each.incidents]
        return sorted(found, key=lambda each: (each.since, each.org_id, each.kind))

    @property
    def activity(self) -> float:
        """How busy everybody is, 1.0 = as people would be; more or less where a number of events was asked for."""
        if self._activity is None:
            self._activity = 1.0 if self.plan.events is None else self._activity_for(self.plan.events)
        return self._activity

    def expected(self) -> int:
        """About how many records there will be."""
        planned, signing, deeds, made = self._sums()
        least = min(1.0, self.activity)
        daily = signing * least + deeds * max(1.0, self.activity) * least + made * self.activity
        return round((planned + daily) * (1 + RESENT_SHARE))

    def _activity_for(self, events: int) -> float:
        planned, signing, deeds, made = self._sums()
        return activity_for(events / (1 + RESENT_SHARE) - planned, signing, deeds, made)

    def _sums(self) -> tuple[float, float, float, float]:
        """Events of all organisations, by what they come of: plans, and at activity 1 the three of `expected`."""
        planned = signing = deeds = made = 0.0
        for each in self.organisations():
            parts = each.expected()
            signing, deeds, made = signing + parts[0], deeds + parts[1], made + parts[2]
            planned += len(each.planned) + ROSTER_EACH * len(each.staff)
        return planned, signing, deeds, made

    def happened(self) -> Iterator[Event]:
        """The events as sparse JSON objects, in the order they happen, each once."""
        streams = [_numbered(each, number, self.activity) for number, each in enumerate(self.organisations())]
        for _, _, event in heapq.merge(*streams):
            yield event

    def arrived(self) -> Iterator[Event]:
        """The events as sparse JSON objects, in the order they arrive."""
        streams = [_arrivals(each, number, self.activity) for number, each in enumerate(self.organisations())]
        for _, _, event in heapq.merge(*streams):
            yield event

    def lines(self) -> Iterator[Line]:
        """What arrives as records of the raw topic: `AuditProducer.emit_bytes` takes id and value."""
        dumps = orjson.dumps
        for event in self.arrived():
            # orjson hands out its whole working buffer, of which a buffer of events would hold thousands.
            yield Line(event["org_id"], event["event_id"], bytes(memoryview(dumps(event))))

    def events(self) -> Iterator[AuditEvent]:
        """What arrives, checked: several times slower than `lines`."""
        for event in self.arrived():
            yield AuditEvent(**event)


def _numbered(each: Organisation, number: int, activity: float) -> Iterator[tuple[int, int, Any]]:
    """(moment in milliseconds, organisation, event)."""
    for at, event in each.events(activity):
        yield at, number, event


def _arrivals(each: Organisation, number: int, activity: float) -> Iterator[tuple[int, int, Any]]:
    """(arrival in milliseconds, organisation, event): as they happened, but for those late and those sent twice."""
    luck = Luck(f"{each.plan.key(each.org_id)}/network")
    rand = luck.random
    late: list[tuple[int, int, Event]] = []
    pushed = 0
    for at, event in each.events(activity):
        while late and late[0][0] <= at:
            arrival, _, earlier = heapq.heappop(late)
            yield arrival, number, earlier
        fate = rand()
        if fate >= LATE_SHARE + RESENT_SHARE:
            yield at, number, event
            continue
        pushed += 1
        if fate < LATE_SHARE:
            heapq.heappush(late, (at + luck.pick(LATE_MINUTES) * 60_000, pushed, event))
        else:
            yield at, number, event
            heapq.heappush(late, (at + luck.within(1000, 120_000), pushed, event))
    while late:
        arrival, _, earlier = heapq.heappop(late)
        yield arrival, number, earlier
