"""Reports from the directory: everybody, their seats, workspaces and logins, as the directory itself has them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from tests.queries.conftest import Town
from tests.queries.directory_events import NOW, Org, invite, said, view

from trailhouse.producers.importers.roster import Entry, roster_events
from trailhouse.queries.caller import Caller
from trailhouse.queries.directory import Person
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run
from trailhouse.queries.standing import Status

REPORTS = load()
PEOPLE = [f"p-{number}" for number in range(9)]
LONG = {"since": "2025-01-01", "until": "2026-03-15"}
QUARTER = {"since": "2026-01-20", "until": "2026-03-15", "timezone": "America/New_York"}


def imagine(org: Org, random: Random) -> list[Any]:
    """A year of invitations, rosters, seats, workspaces, revoked access and work; some of it by other names."""
    events: list[Any] = []
    for _ in range(90):
        at = (datetime(2025, 6, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(400_000))).isoformat()[
            :16
        ]
        who, whom, place = random.choice(PEOPLE), random.choice(PEOPLE), f"w-{random.randrange(4)}"
        acted = {"actor_user_id": "boss", "user_asset": whom}
        events.append(
            random.choice(
                [
                    view(at, who, actor_email=f"{who}@example.org"),
                    said("user:login", at, actor_user_id=who),
                    said("user:login", at, actor_user_id=who, outcome="denied"),
                    view(at, "robot", actor_type="service_account"),
                    invite(at, user_email=f"{whom}@example.org"),
                    invite(at, user_asset=f"guest-{whom}"),
                    said("team:uninvite", at, **{**acted, "user_asset": f"guest-{whom}"}),
                    said("user:assign_seat", at, **acted, attributes={"seat": random.choice(["Full", "Viewer"])}),
                    said("user:release_seat", at, **acted),
                    said("user:deactivate", at, **acted),
                    said("user:reactivate", at, **acted),
                    said("workspace:grant", at, **acted, attributes={"workspace": place}),
                    said("workspace:grant", at, **acted, attributes={"workspace": place}),
                    said("workspace:revoke", at, **acted, attributes={"workspace": place}),
                    said("workspace:delete", at, actor_user_id="boss", attributes={"workspace": place}),
                ]
            )
        )  # fmt: skip
    listed = Entry(user_id="p-1", aliases=["p-2", "old-p"], seat="Full", workspaces=["w-0", "w-9"])
    idle = Entry(user_id="idle", name="Idle", seat="Full", status="active")
    for month in (8, 11):
        as_of = datetime(2025, month, 1, tzinfo=UTC)
        events += [event for each in (listed, idle) for event in roster_events(org.name, as_of, each)]
    return events


@dataclass(frozen=True)
class Told:
    """Organisations, the events of the first, and everybody the directory has of them all."""

    orgs: tuple[Org, ...]
    events: list[Any]
    everybody: list[tuple[str, Person]]

    @property
    def people(self) -> list[tuple[str, Person]]:
        return [(org, person) for org, person in self.everybody if person.is_person]


@pytest.fixture(scope="module")
def told(town: Town) -> Told:
    """Three organisations, of the last of which nobody ever heard."""
    orgs, histories = [Org.new(town.client) for _ in range(3)], []
    for seed, org in enumerate(orgs[:2]):
        random = Random(seed)
        events = imagine(org, random)
        shuffled = random.sample(events, len(events))
        org.tell(*shuffled[: len(events) // 2])
        org.tell(*reversed(shuffled))
        histories.append(events)
    known = [(org.name, person) for org in orgs for person in org.directory(kind="all").people]
    return Told(tuple(orgs), histories[0], known)


def asked(
    report: str, *orgs: Org, period: Mapping[str, str] = LONG, masked: bool = False, **params: str
) -> list[tuple[Any, ...]]:
    names = [each.name for each in orgs]
    caller = Caller(frozenset(names), read_pii=not masked)
    limit = {"limit": "1000"} if any(each.name == "limit" for each in REPORTS[report].parameters) else {}
    texts = {"org": ",".join(names), **period, **limit, **params}
    return list(run(orgs[0].client, REPORTS[report], caller, texts, now=NOW).rows)


def word_of(person: Person) -> str:
    """How the reports call it; whoever never was active may have been invited in vain."""
    if person.status in {Status.ACTIVE, Status.DORMANT}:
        return "member"
    return {"invite_pending": "invited"}.get(person.status, person.status)


def test_everybody_is_in_a_report_as_in_the_directory(told: Told) -> None:
    """Who, how they stand, their seats and last logins: aliases are one person, whatever the order of arrival."""
    found = {(row[1], row[0]): row[2:] for row in asked("last_logins", *told.orgs)}
    assert set(found) == {(org, person.user) for org, person in told.people}
    for org, person in told.people:
        status, login = found[org, person.user]
        words = {"member", "withdrawn"} if person.status is Status.NEVER_ACTIVE else {word_of(person)}
        assert (status in words, login) == (True, person.last_login), person
    ((total, invited, deactivated),) = asked("total_users", *told.orgs)
    standing = [status for status, _ in found.values()]
    assert (total, invited, deactivated) == tuple(map(standing.count, ("member", "invited", "deactivated")))
    assert min(total, invited, deactivated, standing.count("withdrawn")) > 0
    assert any(login is not None for _, login in found.values())
    with_machines = asked("last_logins", *told.orgs, actors="all")
    assert {(row[1], row[0]) for row in with_machines} == {
        (org, person.user) for org, person in told.everybody
    }
    assert len(with_machines) > len(found)


def test_workspaces_are_the_directorys(told: Told) -> None:
    """Given, taken away, listed by a roster or deleted, for each organisation apart."""
    known = sorted(told.people, key=lambda each: (-len(each[1].workspaces), each[1].user, each[0]))
    rows = asked("workspaces_by_user", *told.orgs)
    assert [(row[1], row[0], row[3], row[4]) for row in rows] == [
        (org, person.user, len(person.workspaces), ", ".join(person.workspaces)) for org, person in known
    ]
    assert sum(row[3] for row in rows) > 3


def test_unused_seats_are_those_of_the_inactive(told: Told) -> None:
    """Whoever holds one and did nothing in the period under any name; the longest unseen first."""
    found = asked("seats_unused", *told.orgs, period=QUARTER)
    first = datetime(2026, 1, 20, 5, tzinfo=UTC)
    holders = {(org, person.user): person for org, person in told.people if person.seat}
    idle = {
        who: person
        for who, person in holders.items()
        if person.last_active is None or person.last_active < first
    }
    assert {(row[1], row[0]): row[2] for row in found} == {who: each.seat for who, each in idle.items()}
    assert 0 < len(idle) < len(holders)
    seen = [row[4] for row in found]
    assert [each for each in seen if each] == sorted(each for each in seen if each)
    assert seen[0] is None or None not in seen
    assert all(row[4] is None for row in found if row[0] == "idle")


def test_logins_outside_the_period_are_none_of_it(told: Told) -> None:
    """The last one inside counts, up to the last moment of the period."""
    org = told.orgs[0]
    logins: dict[str, list[datetime]] = {}
    for event in told.events:
        said_of = event if isinstance(event, dict) else event.to_dict()
        if said_of["action"] == "user:login" and "outcome" not in said_of:
            moment = datetime.fromisoformat(said_of["occurred_at"])
            logins.setdefault(said_of["actor_user_id"], []).append(moment)
    moments = sorted(itertools.chain(*logins.values()))
    for until in (moments[len(moments) // 2], moments[-1], moments[-1] + timedelta(milliseconds=1)):
        rows = asked("last_logins", org, period={**LONG, "until": until.isoformat()})
        for (
            user,
            _,
            _,
            login,
        ) in rows:
            names = ["p-1", "p-2", "old-p"] if user == "p-1" else [user]
            want = [each for name in names for each in logins.get(name, []) if each < until]
            assert login == max(want, default=None), (user, until)


def test_masked_rows_stay_in_their_places(told: Told) -> None:
    """Ranked before masking: without names the same rows in the same order."""
    org = told.orgs[0]
    for report in ("last_logins", "workspaces_by_user", "seats_unused"):
        plain, masked = asked(report, org), asked(report, org, masked=True)
        assert [row[1:] for row in plain] == [row[1:] for row in masked]
        assert all(row[0].startswith("u_") for row in masked)
        assert not any(row[0].startswith("u_") for row in plain)


def test_whoever_was_erased_is_nobody(town: Town) -> None:
    """The directory does not know them any more, so no report lists or counts them."""
    org = Org.new(town.client)
    org.tell(view("2026-01-01T10:00", "ann"), view("2026-01-01T11:00", "bob"))
    assert asked("total_users", org) == [(2, 0, 0)]
    refs = town.client.query(
        "SELECT user_ref FROM users WHERE org_id = {org:String} GROUP BY user_ref HAVING max(identity) = 'ann'",
        parameters={"org": org.name},
    ).result_rows
    town.client.insert("erased", [[org.name, refs[0][0]]], column_names=["org_id", "user_ref"])
    assert asked("total_users", org) == [(1, 0, 0)]
    assert [row[0] for row in asked("last_logins", org)] == ["bob"]


def test_a_summary_counts_a_period_and_the_directory(town: Town) -> None:
    """Active and new in the period, logins that succeeded, and everybody there is now."""
    org = Org.new(town.client)
    org.tell(
        view("2025-12-01T10:00", "ann"),
        said("user:login", "2026-01-05T10:00", actor_user_id="ann"),
        said("user:login", "2026-01-05T10:05", actor_user_id="ann"),
        said("user:login", "2026-01-06T10:00", actor_user_id="bob"),
        said("user:login", "2026-01-06T10:01", actor_user_id="bob", outcome="denied"),
        said("user:login", "2026-01-07T10:01", actor_user_id="robot", actor_type="service_account"),
        view("2026-02-01T10:00", "eve"),
        invite("2026-01-08T10:00", user_email="new@example.org"),
    )
    period = {"since": date(2026, 1, 1).isoformat(), "until": "2026-01-31"}
    assert asked("user_statistics", org, period=period) == [(3, 2, 4, 3)]


def test_what_a_day_holds_after_the_period_hides_nothing_before(town: Town) -> None:
    """Somebody who goes on in the same UTC day after the period, or the month, ended has the last time inside."""
    org = Org.new(town.client)
    logins = ["2026-01-20T10:00", "2026-01-20T20:00", "2026-02-01T03:00", "2026-02-01T15:00"]
    org.tell(*(said("user:login", at, actor_user_id="ann") for at in logins))
    moments = [datetime.fromisoformat(f"{at}+00:00") for at in logins]
    noon = {"since": "2026-01-01", "until": "2026-01-20T12:00:00Z"}
    assert [row[3] for row in asked("last_logins", org, period=noon)] == [moments[0]]
    february = {"since": "2026-01-01", "until": "2026-02-15", "timezone": "America/New_York"}
    (row,) = asked("leaderboard", org, period=february, span="last_month")
    assert row == (1, "ann", 2, moments[2], date(2026, 1, 1), date(2026, 1, 31))


def test_an_erased_identity_that_an_archive_had_linked_adds_no_logins(town: Town) -> None:
    """Until then its last login is the person's; what they did under another name stays."""
    org = Org.new(town.client)
    first, second = "2026-01-05T10:00", "2026-02-05T10:00"
    org.tell(
        said("user:login", first, actor_user_id="ann"), said("user:login", second, actor_user_id="ann-old")
    )
    who = "SELECT max(identity) AS named, user_ref FROM users WHERE org_id = {org:String} GROUP BY user_ref"
    found = town.client.query(who, parameters={"org": org.name}).result_rows
    refs = {str(name): int(ref) for name, ref in found}
    moments = {at: datetime.fromisoformat(f"{at}+00:00") for at in (first, second)}
    town.client.insert(
        "links",
        [[org.name, refs["ann-old"], refs["ann"], True, moments[second]]],
        column_names=["org_id", "user_ref", "person_ref", "is_alias", "aliased_at"],
    )

    def standing() -> list[tuple[Any, ...]]:
        sql = "SELECT identity, user_refs, toUnixTimestamp64Milli(last_login) FROM staff_in(orgs = {orgs:Array(String)})"
        stand = town.client.query(sql, parameters={"orgs": [org.name]}).result_rows
        return [
            (name, sorted(known), datetime.fromtimestamp(login / 1000, UTC)) for name, known, login in stand
        ]

    assert standing() == [("ann", sorted(refs.values()), moments[second])]
    assert [(row[0], row[3]) for row in asked("last_logins", org)] == [("ann", moments[second])]

    town.client.insert("erased", [[org.name, refs["ann-old"]]], column_names=["org_id", "user_ref"])
    assert standing() == [("ann", [refs["ann"]], moments[first])]
    assert [(row[0], row[3]) for row in asked("last_logins", org)] == [("ann", moments[first])]
    assert asked("total_users", org) == [(1, 0, 0)]
