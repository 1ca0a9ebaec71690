"""A generated company: believable events of its people and machines, the same for the same seed.

People work in their own time zones, take weekends off, join after an invitation and leave; machines work at night, too.
Events come in the order they arrive: some are late by minutes or days, a few are sent twice (same id, same content).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.field import Outcome
from trailhouse.producers.habits import PROJECTS, choices, details
from trailhouse.producers.identity import derive_id
from trailhouse.producers.importers.roster import Entry, roster_events
from trailhouse.producers.moment import format_time
from trailhouse.producers.roster import MACHINES, Machine, Person, hire

LATE_SHARE: Final = 0.015
RESENT_SHARE: Final = 0.005
FAILED_LOGIN_SHARE: Final = 0.04
EVENTS_A_DAY: Final = 2.9  # of a person of pace 1, beyond signing in


def generate(seed: int, *, people: int = 200, days: int = 90, end: date, org_id: str) -> Iterator[AuditEvent]:
    """Events of the `days` UTC dates that end with `end`, in order of arrival; 30 000 to 50 000 at the defaults.

    No event lies after the last second of `end`, and none is sent twice under different ids: the same arguments give
    the same events, so a second run into the same pipeline changes nothing.
    """
    first = end - timedelta(days=days - 1)
    company = _Company(seed, org_id, first, end)
    staff = hire(Random(f"{seed}/{org_id}/staff"), people, first, end)
    yield from company.roster(staff)
    pending: list[tuple[datetime, int, AuditEvent]] = []
    pushed = 0
    for number in range(days):
        day = first + timedelta(days=number)
        for arrival, event in company.arrivals(staff, day):
            heapq.heappush(pending, (arrival, pushed, event))
            pushed += 1
        # Tomorrow's people in the east are at work before today has ended here.
        settled = datetime.combine(day, time(), UTC)
        while pending and pending[0][0] < settled:
            yield heapq.heappop(pending)[2]
    while pending:
        yield heapq.heappop(pending)[2]


@dataclass(frozen=True, slots=True)
class _Company:
    seed: int
    org_id: str
    first: date
    last: date

    def roster(self, staff: list[Person]) -> Iterator[AuditEvent]:
        """Who was there before the first day, and the machines: no event says how they came."""
        midnight = datetime.combine(self.first, time(), UTC)
        for person in staff:
            if person.joined < self.first:
                random = Random(f"{self.seed}/{self.org_id}/{person.user_id}/past")
                entry = Entry(
                    user_id=person.user_id,
                    email=person.email,
                    name=person.name,
                    role=person.role,
                    status="active",
                    added=(person.joined - timedelta(days=random.randint(1, 900))).isoformat(),
                    seat="Viewer" if person.role == "viewer" else "Full",
                    teams=[(f"team-{person.team}", person.team)],
                    workspaces=sorted(random.sample(PROJECTS, random.randint(1, 3))),
                )
                yield from roster_events(self.org_id, midnight, entry)
        for machine in MACHINES:
            yield from roster_events(
                self.org_id, midnight, Entry(user_id=machine.user_id, kind="service_account")
            )

    def arrivals(self, staff: list[Person], day: date) -> Iterator[tuple[datetime, AuditEvent]]:
        """Events of everybody's local `day` with the moments they arrive."""
        luck = Random(f"{self.seed}/{self.org_id}/{day}/network")
        for event in self._events(staff, day):
            moment = datetime.fromisoformat(event.occurred_at)
            if not self.first <= moment.date() <= self.last:
                continue
            arrival = moment + timedelta(milliseconds=luck.randint(5, 900))
            if luck.random() < LATE_SHARE:
                arrival += timedelta(minutes=luck.choice((3, 20, 90, 600, 1500, 2900)))
            yield arrival, event
            if luck.random() < RESENT_SHARE:
                yield arrival + timedelta(seconds=luck.randint(1, 120)), event

    def _events(self, staff: list[Person], day: date) -> Iterator[AuditEvent]:
        admins = [person for person in staff if person.role == "admin" and person.is_member(day)] or staff[:1]
        for person in staff:
            random = Random(f"{self.seed}/{self.org_id}/{day}/{person.user_id}")
            if day in {person.joined, person.left}:
                yield from self._comings_and_goings(random, person, random.choice(admins), day)
            if person.is_member(day):
                yield from self._working_day(random, person, day)
        for machine in MACHINES:
            yield from self._machine_day(
                Random(f"{self.seed}/{self.org_id}/{day}/{machine.user_id}"), machine, day
            )

    def _comings_and_goings(
        self, random: Random, person: Person, admin: Person, day: date
    ) -> Iterator[AuditEvent]:
        target = {
            "user_asset": person.user_id,
            "user_email": person.email,
            "entity_asset": f"team-{person.team}",
            "entity_name": person.team,
        }
        morning = datetime.combine(day, time(7, random.randint(0, 59)), admin.zone)
        if person.joined == day:
            yield self._event("team:invite_user", admin, morning, target)
            if not person.is_no_show:
                yield self._event("user:create", admin, morning + timedelta(seconds=40), target)
                yield self._event(
                    "team:accept_invite",
                    person,
                    datetime.combine(day, time(8, 30), person.zone),
                    {"entity_asset": target["entity_asset"], "entity_name": person.team},
                )
                yield self._event("user:assign_seat", admin, morning + timedelta(minutes=2), target)
        if person.left == day:
            evening = datetime.combine(day, time(18, random.randint(0, 59)), admin.zone)
            yield self._event("team:uninvite", admin, evening, target)
            yield self._event("user:deactivate", admin, evening + timedelta(minutes=1), target)

    def _working_day(self, random: Random, person: Person, day: date) -> Iterator[AuditEvent]:
        if random.random() > (0.84 if day.weekday() < 5 else 0.06) * min(1.0, 0.7 + person.pace / 4):
            return
        start = datetime.combine(day, time(8), person.zone) + timedelta(
            minutes=max(0.0, random.gauss(65, 45))
        )
        visit = f"visit-{random.getrandbits(48):012x}"
        if random.random() < 0.45:
            yield from self._sign_in(random, person, start, visit)
        actions, weights = choices(person)
        count = 1 + int(random.gammavariate(2.0, EVENTS_A_DAY * person.pace / 2))
        for action in random.choices(actions, weights, k=min(count, 60)):
            moment = start + timedelta(seconds=60 + random.triangular(0, 9.5 * 3600, 2.5 * 3600))
            fields = details(random, action, is_admin=person.role == "admin")
            if (
                action.startswith(("user:", "workspace:grant", "workspace:revoke"))
                and "api_key" not in action
            ):
                number = random.randint(1, 60)
                fields |= {"user_asset": f"u-{number:04d}"}
            yield self._event(action, person, moment, fields | {"correlation_id": visit})

    def _sign_in(self, random: Random, person: Person, start: datetime, visit: str) -> Iterator[AuditEvent]:
        web = {"source": "web", "correlation_id": visit}
        yield self._event("user:initiate_login", person, start, web)
        moment = start
        while random.random() < FAILED_LOGIN_SHARE:
            moment += timedelta(seconds=random.randint(4, 30))
            yield self._event(
                "user:login", person, moment, web | {"response_code": 401, "outcome": Outcome.FAILURE}
            )
        moment += timedelta(seconds=random.randint(4, 30))
        yield self._event(
            "user:login", person, moment, web | {"response_code": 200, "outcome": Outcome.SUCCESS}
        )
        if random.random() < 0.2:
            yield self._event(
                "user:logout",
                person,
                moment + timedelta(hours=random.uniform(4, 9)),
                web | {"response_code": 200},
            )

    def _machine_day(self, random: Random, machine: Machine, day: date) -> Iterator[AuditEvent]:
        midnight = datetime.combine(day, time(), UTC)
        for _ in range(machine.a_day if day.weekday() < 5 else machine.a_day_off):
            action = random.choice(machine.actions)
            moment = midnight + timedelta(milliseconds=random.randrange(86_400_000))
            actor = {"actor_type": machine.actor_type, "actor_user_id": machine.user_id}
            yield self._make(action, machine.user_id, moment, details(random, action) | actor)

    def _event(self, action: str, person: Person, moment: datetime, fields: dict[str, Any]) -> AuditEvent:
        own = {
            "actor_user_id": person.user_id,
            "actor_email": person.email,
            "actor_name": person.name,
            "actor_ip": person.ip,
            "actor_role": person.role,
            "entity_asset": f"team-{person.team}",
            "entity_name": person.team,
        }
        if fields.get("source", "web") == "web":
            own |= {"source": "web", "user_agent": person.browser}
        return self._make(action, person.user_id, moment, own | fields)

    def _make(self, action: str, actor: str, moment: datetime, fields: dict[str, Any]) -> AuditEvent:
        at = moment.astimezone(UTC)
        event_id = derive_id(self.org_id, "company", str(self.seed), actor, action, at.isoformat())
        return AuditEvent(
            event_id=event_id, occurred_at=format_time(at), org_id=self.org_id, action=action, **fields
        )
