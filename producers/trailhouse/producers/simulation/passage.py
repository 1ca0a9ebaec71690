"""Comings and goings: invitations, seats, roles, teams, deactivations, service accounts, as planned steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from trailhouse.producers.roster import TEAMS
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine
from trailhouse.producers.simulation.member import MOVED, PROMOTED, Member
from trailhouse.producers.simulation.scene import Scene
from trailhouse.producers.simulation.step import Planned, Step

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
FIRST_SOURCES: Final = 4
"""data sources connected on the first day"""
PATIENCE_DAYS: Final = 14
"""an invitation that nobody accepts is withdrawn after so long, one in three"""
FORGOTTEN: Final = 0.3
"""part of those who left for good whose account is deleted, after `FORGOTTEN_DAYS`"""
FORGOTTEN_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Desk:
    """Who decides about whom: the admins of an organisation, and for which days."""

    luck: Luck
    admins: Sequence[Member]
    first: date
    last: date

    def morning(self, day: date) -> tuple[int, Member]:
        """A moment between 9 and 11 of an admin's clock on that day, and the admin."""
        admin = self.luck.pick(self.admins)
        return admin.office.midnight_ms(day) + 9 * HOUR + self.luck.within(0, 119) * MINUTE, admin

    def evening(self, day: date) -> tuple[int, Member]:
        """The same between 17 and 18."""
        admin = self.luck.pick(self.admins)
        return admin.office.midnight_ms(day) + 17 * HOUR + self.luck.within(0, 59) * MINUTE, admin

    def some_day(self) -> date:
        """A day of Monday to Friday, if there is one."""
        day = self.first + timedelta(days=int(self.luck.random() * ((self.last - self.first).days + 1)))
        monday = day + timedelta(days=7 - day.weekday())
        return monday if day.weekday() >= 5 and monday <= self.last else day


def passages(desk: Desk, staff: Sequence[Member], machines: Sequence[Machine]) -> Iterator[Planned]:
    """Every coming and going of an organisation, in no particular order."""
    at, admin = desk.morning(desk.first)
    for number in range(FIRST_SOURCES):
        yield Planned(at + number * 7 * MINUTE, admin, Step("data_source:create", {"source": "web"}))
    for member in staff:
        if member.invited is not None:
            yield from _invited(desk, member)
        if member.left is not None:
            yield from _leaving(desk, member)
        if member.is_steady and member.role != "admin":
            yield from _rising(desk, member)
    for machine in machines:
        if machine.since is not None:
            yield from _switched_on(desk, machine, machine.since)


def _team(team: str) -> dict[str, Any]:
    return {"entity_asset": f"team-{team}", "entity_name": team}


def _seat(member: Member) -> dict[str, Any]:
    seat = {"seat": "Viewer" if member.role == "viewer" else "Full"}
    return {**member.target(), "source": "web", "attributes": seat}


def _invited(desk: Desk, member: Member) -> Iterator[Planned]:
    assert member.invited is not None
    at, admin = desk.morning(member.invited)
    about = {**member.target(), **_team(member.team), "source": "web"}
    said = {"attributes": {"role": member.role, "user_name": member.name}}
    yield Planned(at, admin, Step("team:invite_user", {**about, **said}))
    yield Planned(at + 2 * MINUTE, admin, Step("user:assign_seat", _seat(member)))
    if member.joined is not None:
        morning = member.office.midnight_ms(member.joined) + 8 * HOUR + desk.luck.within(0, 59) * MINUTE
        came = max(at + 30 * MINUTE, morning)
        own = {**member.target(), **_team(member.team), "source": "web"}
        yield Planned(came, member, Step("user:create", own, lambda scene: scene.admit(member)))
        yield Planned(
            came + MINUTE // 3,
            member,
            Step("team:accept_invite", {**_team(member.team), "source": "web"}, is_own=True),
        )
    elif desk.luck.random() < 1 / 3:
        at, admin = desk.morning(member.invited + timedelta(days=PATIENCE_DAYS))
        yield Planned(at, admin, Step("team:uninvite", about))
        yield Planned(at + MINUTE, admin, Step("user:release_seat", {**member.target(), "source": "web"}))


def _leaving(desk: Desk, member: Member) -> Iterator[Planned]:
    assert member.left is not None
    at, admin = desk.evening(member.left)
    about = {**member.target(), **_team(member.team), "source": "web"}
    plain = {**member.target(), "source": "web"}
    yield Planned(at, admin, Step("team:uninvite", about))
    yield Planned(at + MINUTE, admin, Step("user:release_seat", plain))
    yield Planned(at + 2 * MINUTE, admin, Step("user:deactivate", plain, lambda scene: scene.dismiss(member)))
    if member.returned is None and desk.luck.random() < FORGOTTEN:
        at, admin = desk.morning(member.left + timedelta(days=FORGOTTEN_DAYS))
        yield Planned(at, admin, Step("user:permanently_delete", plain))
    if member.returned is not None:
        at, admin = desk.morning(member.returned)
        yield Planned(at, admin, Step("user:reactivate", plain))
        yield Planned(at + MINUTE, admin, Step("user:assign_seat", _seat(member)))
        yield Planned(at + 2 * MINUTE, admin, Step("team:invite_user", about))
        came = max(at + 30 * MINUTE, member.office.midnight_ms(member.returned) + 9 * HOUR)
        own = {**_team(member.team), "source": "web"}
        yield Planned(came, member, Step("team:accept_invite", own, lambda scene: scene.admit(member)))


def _rising(desk: Desk, member: Member) -> Iterator[Planned]:
    """A few get another role, a few another team."""
    luck = desk.luck
    fate, day, which = luck.random(), desk.some_day(), luck.random()
    if member.is_reserved:
        return
    if fate < PROMOTED:
        at, admin = desk.morning(day)
        role = "member" if member.role == "viewer" else "admin"
        yield Planned(at, admin, role_change(member, member.role, role))
    elif fate < PROMOTED + MOVED:
        at, admin = desk.morning(day)
        team, trade = TEAMS[int(which * len(TEAMS))]
        if team == member.team:
            return

        def move(scene: Scene) -> None:
            member.team, member.trade = team, trade
            member.dress()

        about = {**member.target(), "source": "web"}
        yield Planned(at, admin, Step("team:uninvite", {**about, **_team(member.team)}))
        yield Planned(at + MINUTE, admin, Step("team:invite_user", {**about, **_team(team)}))
        came = max(at + 10 * MINUTE, member.office.midnight_ms(day) + 10 * HOUR)
        yield Planned(came, member, Step("team:accept_invite", {**_team(team), "source": "web"}, move))


def role_change(member: Member, before: str, after: str, event_id: str = "") -> Step:
    """The step that changes a role; who takes it is its actor."""

    def change(scene: Scene) -> None:
        member.role = after
        member.dress()

    fields = {
        **member.target(),
        "source": "web",
        "changes": {"role": {"before": before, "after": after}},
        "attributes": {"role": after},
    }
    return Step("user:change_role", fields, change, event_id=event_id)


def _switched_on(desk: Desk, machine: Machine, since: date) -> Iterator[Planned]:
    at, admin = desk.morning(since)

    def switch(scene: Scene) -> None:
        machine.is_in = True

    about = {"user_asset": machine.user_id, "source": "web"}
    yield Planned(at, admin, Step("team:create_service_account", about, switch))
