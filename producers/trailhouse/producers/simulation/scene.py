"""What there is in an organisation at the moment: its people, machines, things, workspaces and guilds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from trailhouse.producers.habits import PROJECTS
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine
from trailhouse.producers.simulation.member import Member
from trailhouse.producers.simulation.thing import Things

ENTITIES_A_PERSON: Final = 30
ENTITIES_LEAST: Final = 300

Actor = Member | Machine


@dataclass(slots=True)
class Scene:
    """The state that deeds read and change. `grants` are (user id, workspace) given beyond the roster's."""

    luck: Luck
    staff: list[Member]
    machines: list[Machine]
    things: Things
    present: list[Member] = field(default_factory=list)
    """who may act now, in the order they came"""
    workspaces: list[str] = field(default_factory=lambda: list(PROJECTS))
    guilds: list[int] = field(default_factory=list)
    grants: list[tuple[Member, str]] = field(default_factory=list)
    made: int = 0
    """workspaces and guilds made so far"""

    @classmethod
    def at_first(cls, luck: Luck, staff: list[Member], machines: list[Machine]) -> Scene:
        """Founders are in, machines that were there are on."""
        scene = cls(luck, staff, machines, Things(luck, ENTITIES_LEAST + ENTITIES_A_PERSON * len(staff)))
        for member in staff:
            if member.is_founder:
                scene.admit(member)
        for machine in machines:
            machine.is_in = machine.since is None
        return scene

    def admit(self, member: Member) -> None:
        """From now on they may act."""
        if not member.is_in:
            member.is_in = True
            self.present.append(member)

    def dismiss(self, member: Member) -> None:
        """From now on they may not."""
        if member.is_in:
            member.is_in = False
            self.present.remove(member)
