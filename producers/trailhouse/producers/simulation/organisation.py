"""One organisation as a stream: its planned steps and daily work, day by day, in the order they happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from trailhouse.producers.habits import PROJECTS
from trailhouse.producers.importers.roster import Entry, roster_events
from trailhouse.producers.moment import parse_time
from trailhouse.producers.simulation.deed import details
from trailhouse.producers.simulation.incident import Incident, Stage, stage_incidents
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine, build
from trailhouse.producers.simulation.member import Member, hire
from trailhouse.producers.simulation.office import to_ms
from trailhouse.producers.simulation.passage import HOUR, Desk, passages
from trailhouse.producers.simulation.plan import Plan
from trailhouse.producers.simulation.rotation import rotations
from trailhouse.producers.simulation.scene import Scene
from trailhouse.producers.simulation.stamp import write_id, write_time
from trailhouse.producers.simulation.step import Planned, Step
from trailhouse.producers.simulation.workday import REFUSED, Slot, Workdays, expected

EASTERNMOST: Final = 14 * HOUR
"""nobody's local day begins earlier before the UTC day of that date"""
TROUBLE: Final = (403, 403, 403, 404, 404, 500)
TROUBLE_SHARE: Final = 0.028

Event = dict[str, Any]


@dataclass(slots=True)
class Organisation:
    """Who belongs to an organisation and what is planned for it; made anew for every run, as a run changes people."""

    org_id: str
    plan: Plan
    staff: list[Member] = field(init=False)
    machines: list[Machine] = field(init=False)
    incidents: list[Incident] = field(init=False)
    planned: list[Planned] = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        key = plan.key(self.org_id)
        people = plan.sizes()[self.org_id]
        self.staff = hire(key, f"{plan.seed}/{self.org_id}", people, plan.first, plan.until)
        self.machines = list(build(key, people, plan.first, plan.days))
        admins = [member for member in self.staff if member.role == "admin"]
        desk = Desk(Luck(f"{key}/desk"), admins, plan.first, plan.until)
        steady = [member for member in self.staff if member.is_steady]
        stage = Stage(key, self.org_id, desk, steady, self.machines)
        # Incidents first: whom they cast is left alone by what else is planned.
        staged = list(stage_incidents(stage))
        self.incidents = [incident for incident, _ in staged]
        begin, end = to_ms(plan.first), to_ms(plan.until + timedelta(days=1))
        everything = [each for _, steps in staged for each in steps]
        everything += passages(desk, self.staff, self.machines)
        everything += rotations(desk, self.staff, self.machines)
        self.planned = sorted(
            (each for each in everything if begin <= each.at < end), key=lambda each: each.at
        )

    def members(self) -> int:
        """How many people belong to it at the end of the last day."""
        return sum(each.belongs_on(self.plan.until) for each in self.staff)

    def expected(self) -> tuple[float, float, float]:
        """Events of daily work at activity 1: signing in, people's deeds, machines' deeds."""
        return expected(self.staff, self.machines, self.plan.first, self.plan.until)

    def events(self, activity: float) -> Iterator[tuple[int, Event]]:
        """(moment in milliseconds, event) in order of time; to be taken once."""
        plan = self.plan
        luck = Luck(f"{plan.key(self.org_id)}/days")
        for event in self._roster(luck):
            yield to_ms(plan.first), event
        scene = Scene.at_first(luck, self.staff, self.machines)
        workdays = Workdays(luck, self.staff, self.machines, activity)
        begin, end = to_ms(plan.first), to_ms(plan.until + timedelta(days=1))
        waiting: list[Slot] = []
        done = 0
        # People in the east begin a day before UTC does, those in the west end the day before after it has begun.
        for number in range(-1, plan.days + 1):
            day = plan.first + timedelta(days=number)
            waiting += (slot for slot in workdays.slots(day) if begin <= slot[0] < end)
            settled = to_ms(day + timedelta(days=1)) - EASTERNMOST
            while done < len(self.planned) and self.planned[done].at < settled:
                at, actor, step = self.planned[done]
                waiting.append((at, workdays.number(), actor, step, ""))
                done += 1
            due = sorted(slot for slot in waiting if slot[0] < settled)
            waiting = [slot for slot in waiting if slot[0] >= settled]
            yield from self._happen(scene, due)
        assert not waiting
        assert done == len(self.planned)

    def _roster(self, luck: Luck) -> Iterator[Event]:
        """Who was there before the first day, and the machines: no event says how they came."""
        as_of = parse_time(f"{self.plan.first}T00:00:00Z")
        for member in self.staff:
            if member.is_founder:
                entry = Entry(
                    user_id=member.user_id,
                    email=member.email,
                    name=member.name,
                    role=member.role,
                    status="active",
                    added=(self.plan.first - timedelta(days=luck.within(1, 900))).isoformat(),
                    seat="Viewer" if member.role == "viewer" else "Full",
                    teams=[(f"team-{member.team}", member.team)],
                    workspaces=luck.some(PROJECTS, luck.within(1, 3)),
                )
                yield from (each.to_dict() for each in roster_events(self.org_id, as_of, entry))
        for machine in self.machines:
            if machine.since is None:
                entry = Entry(user_id=machine.user_id, kind="service_account")
                yield from (each.to_dict() for each in roster_events(self.org_id, as_of, entry))

    def _happen(self, scene: Scene, due: list[Slot]) -> Iterator[tuple[int, Event]]:
        """What comes of the slots, one after another: who is not in does nothing, what cannot be done is not."""
        luck, org_id = scene.luck, self.org_id
        rand = luck.random
        for at, _, actor, deed, visit in due:
            if type(deed) is Step:
                yield at, self._step(scene, at, actor, deed)
                continue
            assert isinstance(deed, str)
            if not actor.is_in:
                continue
            if deed is REFUSED:
                action, code, said = "user:login", 401, {"source": "web", "outcome": "failure"}
            else:
                action = deed
                code = 200 if rand() >= TROUBLE_SHARE or deed.startswith("user:log") else luck.pick(TROUBLE)
                found = details(deed, scene, actor, is_done=code == 200)
                if found is None:
                    continue
                said = found
                if code == 200 and deed.endswith(":create"):
                    code = 201
            event = {
                "event_id": write_id(at, luck),
                "occurred_at": write_time(at),
                "org_id": org_id,
                "action": action,
                **(actor.web if said["source"] == "web" else actor.fields),
                **said,
                "response_code": code,
            }
            if visit:
                event["correlation_id"] = visit
            yield at, event

    def _step(self, scene: Scene, at: int, actor: Any, step: Step) -> Event:
        if step.effect is not None:
            step.effect(scene)
        fields = step.fields
        if step.action == "data_source:create":
            fields = scene.things.create_data_source(is_done=True)
        return {
            "event_id": step.event_id or write_id(at, scene.luck),
            "occurred_at": write_time(at),
            "org_id": self.org_id,
            "action": step.action,
            **(actor.web if fields.get("source") == "web" else actor.fields),
            "response_code": 201 if step.action.endswith(":create") else 200,
            **fields,
        }
