"""The directory on the real engine: events and rosters in any order, more than once, give the same people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from tests.queries.conftest import Town
from tests.queries.directory_events import NOW, Org, invite, said, view

from trailhouse.producers.importers.roster import Entry, roster_events
from trailhouse.queries.caller import Caller
from trailhouse.queries.directory import SORTS, Wanted, read_directory
from trailhouse.queries.directory_export import csv, document
from trailhouse.queries.errors import BadParameter, MissingScope, NotAllowed
from trailhouse.queries.standing import SEMANTICS, Status
from trailhouse.sinks.clickhouse import connect
from trailhouse.sinks.migrate import load, migrate
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def org(town: Town) -> Org:
    return Org.new(town.client)


def roster(at: str, *entries: Entry, org: Org) -> list[Any]:
    as_of = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return [event for entry in entries for event in roster_events(org.name, as_of, entry)]


def test_an_invitation_is_pending_until_somebody_comes(org: Org) -> None:
    """Invited by e-mail alone they are known at once; acting under an id with that e-mail, they are the same person."""
    org.tell(invite("2026-01-10T09:00", user_email="Mia@Example.org"))
    (mia,) = (each for each in org.directory().people if each.user != "boss")
    assert (mia.user, mia.status, mia.teams) == ("mia@example.org", Status.INVITE_PENDING, ("Vision",))
    assert (mia.added, mia.active_days, mia.last_active) == (date(2026, 1, 10), 0, None)
    org.tell(view("2026-01-12T10:30", "m-7", actor_email="mia@example.org", actor_name="Mia Ito"))
    people = org.people()
    assert set(people) == {"boss", "m-7"}
    came = people["m-7"]
    assert (came.name, came.status, came.teams, came.added) == (
        "Mia Ito",
        Status.ACTIVE,
        ("Vision",),
        date(2026, 1, 10),
    )
    assert came.last_active == datetime(2026, 1, 12, 10, 30, tzinfo=UTC)


def test_any_order_and_any_number_of_times_gives_the_same_people(org: Org) -> None:
    """Events and two rosters, shuffled, repeated and cut into pieces: not a word differs, before and after merges."""
    events = [
        invite("2026-01-10T09:00", user_email="mia@example.org"),
        view("2026-01-12T10:30", "m-7", actor_email="mia@example.org", actor_role="member"),
        invite("2026-01-10T09:05", "data", user_asset="bob", user_email="bob@example.org"),
        said("team:uninvite", "2026-01-20T09:05", actor_user_id="boss", user_asset="bob", entity_asset="team-data"),
        said("user:change_role", "2026-01-22T09:00", actor_user_id="boss", user_asset="m-7", attributes={"role": "admin"}),
        said("user:assign_seat", "2026-01-22T09:01", actor_user_id="boss", user_asset="m-7"),
        said("user:deactivate", "2026-02-01T09:00", actor_user_id="boss", user_asset="leo"),
        view("2026-02-03T08:00", "leo"),
        said("workspace:grant", "2026-02-02T09:00", actor_user_id="boss", user_asset="leo", attributes={"workspace": "w1"}),
        said("run:create", "2026-02-02T10:00", actor_user_id="old-bob", outcome="success"),
        *roster(
            "2026-01-15T00:00",
            Entry(user_id="leo", name="Leo Old", role="viewer", teams=[("team-x", "X")], seat="Full", added="2020-05-05"),
            Entry(user_id="bob", aliases=["old-bob"], status="active", workspaces=["w1", "w2"]),
            org=org,
        ),
        *roster("2026-02-15T00:00", Entry(user_id="leo", name="Leo Abel", teams=[]), org=org),
    ]  # fmt: skip
    org.tell(*events)
    first = document(org.directory(kind="all"))["users"]
    by_user = {each["user"]: each for each in first}
    assert set(by_user) == {"boss", "bob", "leo", "m-7"}
    assert (by_user["leo"]["name"], by_user["leo"]["teams"], by_user["leo"]["status"]) == (
        "Leo Abel",
        [],
        "deactivated",
    )
    assert (by_user["leo"]["added"], by_user["leo"]["workspaces"]) == ("2020-05-05", ["w1"])
    assert (by_user["bob"]["runs"], by_user["bob"]["teams"], by_user["bob"]["workspaces"]) == (
        1,
        [],
        ["w1", "w2"],
    )
    assert (by_user["m-7"]["role"], by_user["m-7"]["seat"]) == ("admin", "Full")
    for seed in range(3):
        again = replace(org, name=Org.new(org.client).name)
        again.tell_in_any_way(Random(seed), events)
        if seed == 2:
            for table in ("users", "directory", "actors"):
                org.client.command(f"OPTIMIZE TABLE {table} FINAL")
        found = document(again.directory(kind="all"))["users"]
        assert [each | {"user_ref": ""} for each in found] == [each | {"user_ref": ""} for each in first]


def test_a_roster_and_events_count_by_time_alone(org: Org) -> None:
    """Teams a roster lists replace those from before it; joining later adds one, whatever was stored first."""
    org.tell(
        said("team:accept_invite", "2026-02-20T09:00", actor_user_id="ann", entity_asset="team-late"),
        said("team:accept_invite", "2026-01-20T09:00", actor_user_id="ann", entity_asset="team-early"),
        *roster("2026-02-01T00:00", Entry(user_id="ann", teams=[("team-listed", "")]), org=org),
    )
    assert org.person().teams == ("team-late", "team-listed")
    org.tell(said("team:delete", "2026-02-25T09:00", actor_user_id="ann", entity_asset="team-listed"))
    assert org.person().teams == ("team-late",)


def test_access_goes_and_comes_back(org: Org) -> None:
    """The latest of deactivation and reactivation counts; what was refused says nothing."""
    refused = said(
        "user:deactivate", "2026-03-01T09:00", actor_user_id="eve", user_asset="ann", response_code=403
    )
    org.tell(view("2026-02-01T09:00", "ann"), refused)
    assert org.people()["ann"].status is Status.ACTIVE
    org.tell(said("user:deactivate", "2026-03-02T09:00", actor_user_id="boss", user_asset="ann"))
    assert org.people()["ann"].status is Status.DEACTIVATED
    org.tell(said("user:reactivate", "2026-03-03T09:00", actor_user_id="boss", user_asset="ann"))
    assert org.people()["ann"].status is Status.ACTIVE
    org.tell(said("user:permanently_delete", "2026-03-04T09:00", actor_user_id="boss", user_asset="ann"))
    assert org.people()["ann"].status is Status.DEACTIVATED


def test_dormant_is_six_calendar_months_in_the_zone_asked_for(org: Org) -> None:
    """The edge is a local midnight: 16 September for 15 March, two hours earlier in Berlin (WD6)."""
    org.tell(
        view("2025-09-15T23:59", "late"), view("2025-09-16T00:00", "there"), view("2026-03-15T00:00", "new")
    )
    assert {each.user: each.status.value for each in org.directory().people} == {
        "late": "dormant",
        "there": "active",
        "new": "active",
    }
    berlin = org.people(timezone="Europe/Berlin")
    assert berlin["late"].status is Status.ACTIVE
    assert str(berlin["new"].last_active) == "2026-03-15 01:00:00+01:00"


def test_on_the_shared_cloud_nothing_before_may_9_2025_counts(org: Org) -> None:
    """A hard epoch (WS4), and a hyphen for who was not active since (WS3); nobody gets dormant."""
    org.tell(view("2025-05-08T23:59", "early"), view("2025-05-09T00:00", "later"))
    caller = Caller(frozenset({org.name}), read_pii=True)

    def status(name: str) -> dict[str, tuple[str, int]]:
        found = read_directory(org.client, caller, Wanted(), semantics=SEMANTICS[name], now=NOW)
        return {each.user: (each.status.value, each.active_days) for each in found.people}

    assert status("saas") == {"early": ("never_active", 0), "later": ("active", 1)}
    assert status("dedicated") == {"early": ("dormant", 1), "later": ("dormant", 1)}


def test_active_days_are_local_days_of_all_identities_together(org: Org) -> None:
    """A roster makes two identities one person: days both were active on count once, creations add up."""
    org.tell(
        view("2026-02-01T23:30", "ann"),
        view("2026-02-02T08:00", "ann@example.org"),
        said("report:create", "2026-02-02T08:10", actor_email="ann@example.org"),
        said("report:create", "2026-02-03T08:10", actor_user_id="ann", outcome="success"),
        said("report:create", "2026-02-03T08:20", actor_user_id="ann", outcome="denied"),
    )
    assert len(org.directory().people) == 2
    org.tell(*roster("2026-01-01T00:00", Entry(user_id="ann", email="ann@example.org"), org=org))
    ann = org.person()
    assert (ann.user, ann.email, ann.active_days, ann.reports) == ("ann", "ann@example.org", 3, 2)
    assert org.person(timezone="Asia/Tokyo").active_days == 2


def test_logins_that_failed_are_no_last_login(org: Org) -> None:
    """The last one that succeeded is told to the millisecond (K4)."""
    login = {"actor_user_id": "ann", "response_code": 200}
    org.tell(
        said("user:login", "2026-02-02T08:00:00.123Z", **login),
        said("user:login", "2026-02-02T09:00:00.000Z", **login | {"response_code": 401}),
    )
    assert org.person().last_login == datetime(2026, 2, 2, 8, 0, 0, 123_000, UTC)


def test_service_accounts_are_listed_apart(org: Org) -> None:
    """By what they say of themselves, by how they were made, or by a roster."""
    org.tell(
        view("2026-02-01T09:00", "ann"),
        view("2026-02-01T09:00", "bot", actor_type="service_account"),
        view("2026-02-01T09:00", "cron", actor_type="system"),
        said(
            "team:create_service_account",
            "2026-02-01T08:00",
            actor_user_id="ann",
            user_asset="made",
            entity_asset="team-1",
        ),
        view("2026-02-01T09:00", "made"),
        view("2026-02-01T09:00", "listed"),
        *roster("2026-01-01T00:00", Entry(user_id="listed", kind="service_account"), org=org),
    )
    assert set(org.people()) == {"ann"}
    assert set(org.people(kind="service_accounts")) == {"bot", "cron", "made", "listed"}
    assert (org.directory().total, org.directory(kind="all").total) == (1, 5)
    assert org.people(kind="all")["made"].teams == ("team-1",)


def test_whoever_only_reads_with_a_key_is_nobody_of_the_organisation(org: Org) -> None:
    """What Trailhouse records of itself makes no users; the same person at work, or listed, is one."""
    org.tell(
        view("2026-02-01T09:00", "ann"),
        *(
            said("directory:read", f"2026-02-02T09:0{number}", actor_user_id=who, source="trailhouse")
            for number, who in enumerate(("ann", "auditor", "listed", "operator:root"))
        ),
        *roster("2026-01-01T00:00", Entry(user_id="listed", name="Listed"), org=org),
    )
    assert set(org.people(kind="all")) == {"ann", "listed"}


def test_search_finds_a_part_of_a_name_or_address_in_any_case(org: Org) -> None:
    """Names and e-mails only, whatever the case (K6); the others stay counted."""
    org.tell(
        view("2026-02-01T09:00", "u-1", actor_name="Zoë Weiß", actor_email="z@example.org"),
        view("2026-02-01T09:00", "weiss", actor_name="Bob", actor_email="Bob@Weissen.example"),
        view("2026-02-01T09:00", "u-weiss-3", actor_name="Eve"),
    )
    assert set(org.people(search="WEISS")) == {"u-1", "weiss"}
    assert set(org.people(search="zoe\u0308")) == {"u-1"}
    assert set(org.people(search="@example")) == {"u-1"}
    assert (len(org.directory(search="nobody").people), org.directory(search="nobody").total) == (0, 3)


def test_who_may_not_read_people_sees_none(org: Org) -> None:
    """Names, addresses, ids and team names are nowhere in it; what is shown of somebody stays the same mask."""
    org.tell(
        invite("2026-01-10T09:00", "canaryteam", user_email="canary@example.org"),
        said(
            "team:accept_invite", "2026-01-10T09:00", actor_user_id="canary-id", entity_name="Canary Nameless"
        ),
        view("2026-02-01T09:00", "canary-id", actor_name="Canary Bird", actor_email="canary@example.org"),
        *roster("2026-01-01T00:00", Entry(user_id="canary-id", name="Canary"), org=org),
    )
    open_, masked = org.directory(), org.directory(masked=True)
    assert "canary" in str(document(open_)).lower()
    shown = str(document(masked)).lower() + csv(masked.people).lower()
    assert "canary" not in shown.replace("team-canaryteam", "")
    assert sorted(each.mask for each in open_.people) == [each.user for each in masked.people]
    with pytest.raises(MissingScope):
        org.directory(masked=True, search="canary")


def test_an_organisation_sees_its_own_people_only(org: Org) -> None:
    """The same id elsewhere is somebody else; whoever may not read an organisation learns nothing of it."""
    other = Org.new(org.client)
    org.tell(view("2026-02-01T09:00", "ann", actor_name="Ann of one"))
    other.tell(view("2026-02-01T09:00", "ann", actor_name="Ann of another"), view("2026-02-02T09:00", "bob"))
    assert org.person().name == "Ann of one"
    assert set(other.people()) == {"ann", "bob"}
    assert org.person().mask not in {each.mask for each in other.directory().people}
    with pytest.raises(NotAllowed):
        read_directory(org.client, Caller(frozenset({org.name})), Wanted(other.name), now=NOW)


def test_orders(org: Org) -> None:
    """By last activity the statuses stay together, the latest first, as a click on W&B's column has it (WD2)."""
    org.tell(
        view("2026-02-01T09:00", "b"),
        view("2026-02-03T09:00", "a"),
        view("2026-02-02T09:00", "a"),
        view("2024-02-03T09:00", "old"),
        invite("2026-01-10T09:00", user_asset="new"),
    )
    orders = {sort: [each.user for each in org.directory(sort=sort).people] for sort in SORTS}
    assert orders == {
        "name": ["a", "b", "boss", "new", "old"],
        "last_active": ["a", "b", "boss", "old", "new"],
        "added": ["a", "b", "boss", "new", "old"],
        "active_days": ["a", "b", "boss", "old", "new"],
    }
    with pytest.raises(BadParameter, match="sort"):
        Wanted(sort="shoe size")


def test_a_database_from_before_learns_its_people(clickhouse_settings: ClickHouseSettings) -> None:
    """What landed before there was a directory is in it after the migration, as if it had landed since."""
    client = connect(clickhouse_settings)
    older = [each for each in load() if each.name < "0018"]
    migrate(client, older)
    org = Org(client, "acme")
    org.tell(
        invite("2026-01-10T09:00", user_asset="ann", user_email="ann@example.org"),
        view("2026-02-01T09:00", "ann", actor_role="admin"),
        said("run:create", "2026-02-01T09:01", actor_user_id="ann"),
        said("user:login", "2026-02-01T08:00", actor_user_id="ann"),
    )
    migrate(client)
    ann = org.people()["ann"]
    assert (ann.email, ann.role, ann.runs, ann.teams) == ("ann@example.org", "admin", 1, ("Vision",))
    assert (ann.added, ann.active_days, ann.last_login) == (
        date(2026, 1, 10),
        1,
        datetime(2026, 2, 1, 8, tzinfo=UTC),
    )
    client.close()
