"""Service accounts, bots and the system itself: they work at night, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from trailhouse.producers.simulation.luck import Luck


@dataclass(frozen=True, slots=True)
class Duty:
    """What a kind of machine does, a day, for every hundred people.

    `has_key`: it signs in with an API key. `is_later`: not even the first one was there from the beginning.
    """

    name: str
    actor_type: str
    actions: tuple[str, ...]
    a_day: int
    a_day_off: int
    has_key: bool = True
    is_later: bool = False


DUTIES: Final = (
    Duty("svc-training-cluster", "service_account", ("run:create", "run:update", "artifact:create"), 40, 14),
    Duty(
        "svc-catalog-sync",
        "service_account",
        (*["entity:create"] * 5, *["entity:update"] * 9, *["entity:delete"] * 2, "data_source:update"),
        44,
        22,
    ),
    Duty("release-bot[bot]", "service_account", ("action:run", "entity:update", "artifact:read"), 16, 0),
    Duty("svc-backup", "service_account", ("artifact:read", "report:read"), 8, 8, is_later=True),
    Duty("automations", "system", ("automation:trigger",), 36, 10, has_key=False),
)
PEOPLE_EACH: Final = 150
"""so many people need another machine of each kind"""
LATECOMERS: Final = 0.3
"""part of the service accounts that is made later than the first day"""


@dataclass(slots=True, eq=False)
class Machine:
    """One machine; `since` is the UTC date on which it is made, None = it was there."""

    duty: Duty
    user_id: str
    scale: float
    since: date | None = None

    is_in: bool = False
    key: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    def a_day(self, day: date) -> float:
        """How many events it makes on that day, on average."""
        return (self.duty.a_day if day.weekday() < 5 else self.duty.a_day_off) * self.scale

    def dress(self) -> None:
        """Write anew what its events say, after its key changed."""
        self.fields = {"actor_type": self.duty.actor_type, "actor_user_id": self.user_id}

    @property
    def web(self) -> dict[str, Any]:
        """Machines have no browser; an incident brings its own."""
        return self.fields


def build(seed: str, people: int, first: date, days: int) -> Sequence[Machine]:
    """The machines of an organisation of so many people; at least one of each kind."""
    luck = Luck(f"{seed}/machines")
    count = 1 + people // PEOPLE_EACH
    machines = []
    for duty in DUTIES:
        for number in range(count):
            since, when = luck.random() < LATECOMERS, int(luck.random() * days)
            is_late = duty.is_later or (since and number and duty.has_key)
            machine = Machine(
                duty,
                f"{duty.name}-{number + 1}" if number else duty.name,
                people / 100 / count,
                first + timedelta(days=when) if is_late else None,
            )
            machine.dress()
            machines.append(machine)
    return machines
