"""Incidents: what a security report is there to find, planned, so that a test knows where to look.

Each is told by events that differ from everybody's daily work. An intruder comes from `INTRUDERS`, a network from which
nobody of the organisation ever works.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from trailhouse.producers.habits import PROJECTS
from trailhouse.producers.roster import BROWSERS
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import Machine
from trailhouse.producers.simulation.member import Member
from trailhouse.producers.simulation.office import to_ms
from trailhouse.producers.simulation.passage import HOUR, MINUTE, Desk, role_change
from trailhouse.producers.simulation.rotation import OVERLAP_MS, new_key, rotation
from trailhouse.producers.simulation.scene import Actor
from trailhouse.producers.simulation.stamp import write_id
from trailhouse.producers.simulation.step import Planned, Step

INTRUDERS: Final = "203.0.113."
SECOND: Final = 1000
EVERY_DAYS: Final = 90
"""one incident of each kind in so many days, one at least"""
NIGHTS: Final = 3


class Kind(StrEnum):
    """What happened; the value is what reports, tests and the command call it."""

    GUESSED_PASSWORD = "guessed_password"  # noqa: S105 - the name of an incident
    MASS_DELETION = "mass_deletion"
    ESCALATED_PRIVILEGE = "escalated_privilege"
    ROTATED_KEY_USED = "rotated_key_used"
    NIGHT_WORK = "night_work"
    SERVICE_ACCOUNT_IN_BROWSER = "service_account_in_browser"


TEXTS: Final = {
    Kind.GUESSED_PASSWORD: "many failed logins from addresses never seen before, then a successful one",
    Kind.MASS_DELETION: "one person deletes more within minutes than others in a month",
    Kind.ESCALATED_PRIVILEGE: "somebody makes themself an admin and looks around, until an admin takes it back",
    Kind.ROTATED_KEY_USED: "an API key is used after it was replaced and deleted, from a new address",
    Kind.NIGHT_WORK: "somebody reads artifacts between one and four in the morning, night after night",
    Kind.SERVICE_ACCOUNT_IN_BROWSER: "a service account signs in and looks around in a browser",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it truly was: who seems to have done it, from where, with what, and by which events.

    `since` and `until` are the moments of the first and the last of `event_ids`, which are in order of time.
    """

    kind: Kind
    org_id: str
    user_id: str
    since: datetime
    until: datetime
    event_ids: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    api_key: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "kind": self.kind.value,
            "org_id": self.org_id,
            "user_id": self.user_id,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "events": len(self.event_ids),
            "addresses": list(self.addresses),
            "api_key": self.api_key,
            "text": TEXTS[self.kind],
        }


@dataclass(slots=True)
class _Plot:
    """An incident in the making: its events, what else it needs (`staging`), and luck of its own."""

    luck: Luck
    actor: Actor
    planned: list[Planned] = field(default_factory=list)
    staging: list[Planned] = field(default_factory=list)
    addresses: tuple[str, ...] = ()
    api_key: str = ""

    def add(self, at: int, action: str, fields: dict[str, Any]) -> None:
        step = Step(action, fields, event_id=write_id(at, self.luck))
        self.planned.append(Planned(at, self.actor, step))

    def intrude(self, count: int) -> tuple[str, ...]:
        """Different addresses of the intruders' network."""
        numbers = self.luck.some(range(1, 255), count)
        self.addresses = tuple(f"{INTRUDERS}{number}" for number in numbers)
        return self.addresses


@dataclass(frozen=True, slots=True)
class Stage:
    """Where incidents take place: the desk of an organisation, and those who are there all the time.

    `keys` = the last API key that an incident gave somebody, by user id.
    """

    seed: str
    org_id: str
    desk: Desk
    steady: Sequence[Member]
    machines: Sequence[Machine]
    keys: dict[str, str] = field(default_factory=dict)


def stage_incidents(stage: Stage) -> Iterator[tuple[Incident, list[Planned]]]:
    """Each incident with its planned steps, those that set the stage among them.

    Where nobody can be cast for a kind (nobody but an admin is there), it does not take place.
    """
    days = (stage.desk.last - stage.desk.first).days + 1
    cast = list(stage.steady)
    for round_number in range(max(1, days // EVERY_DAYS)):
        for kind in Kind:
            luck = Luck(f"{stage.seed}/incident/{kind.value}/{round_number}")
            actor = _actor(luck, kind, cast, stage.machines)
            if actor is None:
                continue
            plot = _Plot(luck, actor)
            first = stage.desk.first + timedelta(days=min(round_number * EVERY_DAYS, days - 1))
            last = min(first + timedelta(days=EVERY_DAYS - 1), stage.desk.last)
            _PLOTS[kind](plot, stage, first, last)
            yield from _told(plot, kind, stage)


def _actor(luck: Luck, kind: Kind, cast: list[Member], machines: Sequence[Machine]) -> Actor | None:
    """Somebody who was in no incident yet, while there is such a person; then anybody suitable."""
    if kind is Kind.SERVICE_ACCOUNT_IN_BROWSER:
        suitable = [each for each in machines if each.since is None and each.duty.has_key]
        return luck.pick(suitable) if suitable else None
    suitable_people = [each for each in cast if kind is not Kind.ESCALATED_PRIVILEGE or each.role == "member"]
    if not suitable_people:
        return None
    free = [each for each in suitable_people if not each.is_reserved] or suitable_people
    chosen = luck.pick(free)
    chosen.is_reserved = True
    return chosen


def _told(plot: _Plot, kind: Kind, stage: Stage) -> Iterator[tuple[Incident, list[Planned]]]:
    """The incident as far as it lies within the days simulated."""
    begin, end = to_ms(stage.desk.first), to_ms(stage.desk.last + timedelta(days=1))
    seen = sorted((each for each in plot.planned if begin <= each.at < end), key=lambda each: each.at)
    if not seen:
        return
    yield (
        Incident(
            kind=kind,
            org_id=stage.org_id,
            user_id=plot.actor.user_id,
            since=_moment(seen[0].at),
            until=_moment(seen[-1].at),
            event_ids=tuple(each.step.event_id for each in seen),
            addresses=plot.addresses,
            api_key=plot.api_key,
        ),
        [*plot.staging, *seen],
    )


def _moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)


def _some_moment(plot: _Plot, first: date, last: date, hours: tuple[int, int]) -> int:
    """Between those hours of the actor's clock on some day; where they are too late for the last day, before it ends."""
    office = plot.actor.office if isinstance(plot.actor, Member) else None
    day = first + timedelta(days=int(plot.luck.random() * ((last - first).days + 1)))
    midnight = office.midnight_ms(day) if office else to_ms(day)
    at = midnight + hours[0] * HOUR + int(plot.luck.random() * (hours[1] - hours[0]) * HOUR)
    return max(to_ms(first) + HOUR, min(at, to_ms(last + timedelta(days=1)) - 3 * HOUR))


def _guess_password(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    luck, at = plot.luck, _some_moment(plot, first, last, (0, 24))
    addresses = plot.intrude(luck.within(4, 9))
    browser = {"source": "web", "user_agent": luck.pick(BROWSERS)}
    for _ in range(luck.within(15, 45)):
        at += luck.within(2 * SECOND, 25 * SECOND)
        refused = {"response_code": 401, "outcome": "failure", "actor_ip": luck.pick(addresses)}
        plot.add(at, "user:login", {**browser, **refused})
    inside = {**browser, "response_code": 200, "actor_ip": addresses[-1]}
    at += luck.within(5 * SECOND, 40 * SECOND)
    plot.add(at, "user:login", {**inside, "outcome": "success"})
    for page in ("/home", "/projects", "/search", "/settings/users"):
        at += luck.within(5 * SECOND, 60 * SECOND)
        plot.add(at, "page:view", {**inside, "attributes": {"page": page}})


def _delete_much(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    luck, at = plot.luck, _some_moment(plot, first, last, (9, 18))
    for number in range(luck.within(60, 160)):
        at += luck.within(SECOND, 5 * SECOND)
        name = luck.pick(PROJECTS)
        fields = {
            "source": "web",
            "project_asset": f"project-{name}",
            "project_name": name,
            "response_code": 200,
        }
        if luck.random() < 0.3:
            fields["artifact_asset"] = f"artifact-{name}-model-{number}"
            plot.add(at, "artifact:delete", fields)
        else:
            plot.add(at, "run:delete", fields)


def _escalate(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    member, luck = plot.actor, plot.luck
    assert isinstance(member, Member)
    at = _some_moment(plot, first, last, (11, 16))
    step = role_change(member, "member", "admin", event_id=write_id(at, luck))
    plot.planned.append(Planned(at, member, step))
    for page in ("/settings/users", "/settings/teams", "/audit", "/settings/billing"):
        at += luck.within(20 * SECOND, 90 * SECOND)
        plot.add(at, "page:view", {"source": "web", "response_code": 200, "attributes": {"page": page}})
    for each in luck.some(stage.steady, 8):
        at += luck.within(5 * SECOND, 30 * SECOND)
        plot.add(at, "user:read", {**each.target(), "source": "web", "response_code": 200})
    undone, admin = stage.desk.morning(_moment(at).date() + timedelta(days=1))
    plot.staging.append(Planned(undone, admin, role_change(member, "admin", "member")))


def _use_old_key(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    member, luck = plot.actor, plot.luck
    assert isinstance(member, Member)
    rotated = _some_moment(plot, first, last, (9, 12))
    old, new = stage.keys.get(member.user_id) or new_key(luck), new_key(luck)
    if member.user_id not in stage.keys:
        member.key = old
    stage.keys[member.user_id] = new
    plot.api_key = old
    plot.staging += rotation(member, member, rotated, (old, new))
    left = to_ms(stage.desk.last + timedelta(days=1)) - (rotated + OVERLAP_MS)
    at = rotated + OVERLAP_MS + min(luck.within(1, 60) * HOUR, left // 3)
    (address,) = plot.intrude(1)
    for _ in range(luck.within(4, 9)):
        at += luck.within(20 * SECOND, 8 * MINUTE)
        name = luck.pick(PROJECTS)
        is_let_in = luck.random() < 0.6
        plot.add(
            at,
            luck.pick(("artifact:read", "run:create", "project:read")),
            {
                "source": "sdk",
                "cli_version": "0.19.11",
                "actor_ip": address,
                "project_asset": f"project-{name}",
                "project_name": name,
                "response_code": 200 if is_let_in else 401,
                "attributes": {"api_key_id": old},
            },
        )


def _work_at_night(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    member, luck = plot.actor, plot.luck
    assert isinstance(member, Member)
    span = (last - first).days
    begin = first + timedelta(days=int(luck.random() * max(1, span - NIGHTS)))
    for night in range(NIGHTS + 1):
        at = member.office.midnight_ms(begin + timedelta(days=night)) + HOUR + luck.within(0, 20) * MINUTE
        for _ in range(luck.within(8, 20)):
            at += luck.within(20 * SECOND, 8 * MINUTE)
            name = luck.pick(PROJECTS)
            about = {"project_asset": f"project-{name}", "project_name": name}
            read = {"artifact_asset": f"artifact-{name}-model-{luck.within(0, 40)}", "response_code": 200}
            plot.add(at, "artifact:read", {"source": "web", **about, **read})


def _browse(plot: _Plot, stage: Stage, first: date, last: date) -> None:
    luck, at = plot.luck, _some_moment(plot, first, last, (8, 20))
    (address,) = plot.intrude(1)
    fields = {"source": "web", "user_agent": luck.pick(BROWSERS), "actor_ip": address, "response_code": 200}
    plot.add(at, "user:login", {**fields, "outcome": "success"})
    for _ in range(luck.within(5, 12)):
        at += luck.within(5 * SECOND, 90 * SECOND)
        page = luck.pick(("/home", "/catalog", "/projects", "/search", "/settings/users"))
        plot.add(at, "page:view", {**fields, "attributes": {"page": page}})


_PLOTS: Final = {
    Kind.GUESSED_PASSWORD: _guess_password,
    Kind.MASS_DELETION: _delete_much,
    Kind.ESCALATED_PRIVILEGE: _escalate,
    Kind.ROTATED_KEY_USED: _use_old_key,
    Kind.NIGHT_WORK: _work_at_night,
    Kind.SERVICE_ACCOUNT_IN_BROWSER: _browse,
}
