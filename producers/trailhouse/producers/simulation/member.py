"""The people of a simulated organisation: who they are, when they come and go, and what they are at the moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from trailhouse.producers.roster import BROWSERS, FIRST_NAMES, LAST_NAMES, TEAMS, Trade
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.office import OFFICES, Office

GIVEN: Final = tuple(FIRST_NAMES.split())
FAMILY: Final = tuple(LAST_NAMES.split())
HOME_NETWORKS: Final = ("192.0.2.", "198.51.100.")
"""RFC 5737: addresses of nobody; the third such network is the intruders' (`incident.py`)"""

FOUNDERS: Final = 0.6
"""part of the staff that is there on the first day"""
NO_SHOWS: Final = 0.12
"""part of the invited who never come"""
LEAVERS_A_DAY: Final = 0.001
LEAVERS_MAX: Final = 0.35
RETURNERS: Final = 0.2
"""part of those who left that is let in again"""
DORMANT: Final = 0.05
"""part of the staff that stops coming, and keeps its seat"""
PROMOTED: Final = 0.04
MOVED: Final = 0.03
# How much a person does beside others, and how often they come: fixed points of a long-tailed curve.
PACES: Final = (0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3, 1.6, 2.1, 3.2)


@dataclass(slots=True, eq=False)
class Member:
    """A person; what is fixed first, then what changes as the simulation goes on.

    Dates are UTC. `invited` and `joined` are None for founders, `joined` also for who never comes. `dormant` is the
    first day on which they do nothing more.
    """

    number: int
    user_id: str
    name: str
    email: str
    team: str
    trade: Trade
    office: Office
    ip: str
    browser: str
    pace: float
    shift_ms: int
    invited: date | None = None
    joined: date | None = None
    left: date | None = None
    returned: date | None = None
    dormant: date | None = None
    is_reserved: bool = False
    """is cast for an incident: changes nothing of themselves"""

    role: str = "member"
    is_in: bool = False
    key: str = ""
    """id of their API key; none = they have none"""
    fields: dict[str, Any] = field(default_factory=dict)
    """what every event of theirs says"""
    web: dict[str, Any] = field(default_factory=dict)
    """the same from a browser"""

    @property
    def is_founder(self) -> bool:
        return self.invited is None

    @property
    def is_steady(self) -> bool:
        """There from the first day to the last."""
        return self.is_founder and self.left is None and self.dormant is None

    def works_on(self, day: date) -> bool:
        """Whether they may come on that day; on those of coming and going the hour decides, which is not known here."""
        return self.belongs_on(day) and (self.dormant is None or day < self.dormant)

    def belongs_on(self, day: date) -> bool:
        """Whether they have come and not gone, both days included."""
        if self.invited is not None and (self.joined is None or day < self.joined):
            return False
        if self.left is None or day <= self.left:
            return True
        return self.returned is not None and day >= self.returned

    def dress(self) -> None:
        """Write anew what their events say, after role or team changed."""
        self.fields = {
            "actor_user_id": self.user_id,
            "actor_email": self.email,
            "actor_name": self.name,
            "actor_ip": self.ip,
            "actor_role": self.role,
            "entity_asset": f"team-{self.team}",
            "entity_name": self.team,
        }
        self.web = {**self.fields, "source": "web", "user_agent": self.browser}

    def target(self) -> dict[str, Any]:
        """What an event says that is about them."""
        return {"user_asset": self.user_id, "user_email": self.email}


def hire(seed: str, identity: str, people: int, first: date, last: date) -> list[Member]:
    """The staff between two dates. Who somebody is depends on `identity` and their number, all else on `seed`.

    The first two hundredths (one at least) are admins; they, and whoever else is steady, are there all the time.
    """
    luck = Luck(f"{seed}/staff")
    teams = TEAMS[: max(2, min(len(TEAMS), people // 6 + 2))]
    where = _offices(Luck(f"{identity}/offices"), people)
    staff = []
    for number in range(people):
        member = _person(
            Luck(f"{identity}/person/{number}"), number, identity.rpartition("/")[2], teams, where
        )
        _plan_years(luck, member, people, first, last)
        member.dress()
        staff.append(member)
    return staff


def _person(
    luck: Luck, number: int, org_id: str, teams: tuple[tuple[str, Trade], ...], where: list[Office]
) -> Member:
    given, family = luck.pick(GIVEN), luck.pick(FAMILY)
    team, trade = luck.pick(teams)
    return Member(
        number=number,
        user_id=f"u-{number + 1:04d}",
        name=f"{given} {family}",
        email=f"{given}.{family}{number + 1}@{org_id}.example".lower(),
        team=team,
        trade=trade,
        office=luck.pick(where),
        # RFC 3849: addresses of nobody, here too.
        ip=f"{luck.pick(HOME_NETWORKS)}{luck.within(1, 254)}"
        if luck.random() < 0.9
        else f"2001:db8::{luck.within(1, 65535):x}",
        browser=luck.pick(BROWSERS),
        pace=luck.pick(PACES),
        shift_ms=luck.within(-90, 90) * 60_000,
    )


def _plan_years(luck: Luck, member: Member, people: int, first: date, last: date) -> None:
    """When they come and go. As much luck is drawn whatever comes of it, so that one fate does not change the next."""
    days = (last - first).days
    draws = [luck.random() for _ in range(8)]
    since = first
    if member.number < max(people // 50, 1):
        member.role = "admin"
        return
    member.role = "viewer" if draws[0] < 0.15 else "member"
    if member.number >= 3 and draws[1] >= FOUNDERS:
        member.invited = _workday(first + timedelta(days=int(draws[2] * days)), first, last)
        since = member.invited + timedelta(days=int(draws[4] * 6))
        member.joined = since if draws[3] >= NO_SHOWS and since <= last else None
        if member.joined is None:
            return
    left_days = (last - since).days
    if member.number < 3 or left_days < 1:
        return
    if draws[5] < min(LEAVERS_MAX, days * LEAVERS_A_DAY):
        member.left = _workday(since + timedelta(days=1 + int(draws[6] * left_days)), since, last)
        back = member.left + timedelta(days=10 + int(draws[6] * 30))
        if draws[7] < RETURNERS and back <= last:
            member.returned = _workday(back, back, last)
    elif draws[5] > 1 - DORMANT:
        member.dormant = since + timedelta(days=1 + int(draws[6] * left_days))


def _workday(day: date, earliest: date, latest: date) -> date:
    """That day, or the Monday after where there is one: offices hire and part on working days."""
    moved = day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)
    return moved if earliest <= moved <= latest else day


def _offices(luck: Luck, people: int) -> list[Office]:
    """Two to all offices, by size, each as often as its share of the staff."""
    several = luck.some(OFFICES, max(2, min(len(OFFICES), people // 20 + 2)))
    return [office for office in several for _ in range(office.share)]
