"""The views for several organisations at once: those of one, put together, with nobody else's."""

from __future__ import annotations

from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests import oracle
from tests.oracle import Window
from tests.queries.conftest import Town, World
from tests.queries.directory_events import Org, invite, said, view
from tests.queries.test_directory import roster

from trailhouse.producers.importers.roster import Entry
from trailhouse.queries.periods import Period, between, parse_bound


def period_of(timezone: str, since: str, until: str) -> Period:
    zone = ZoneInfo(timezone)
    return between(zone, parse_bound("since", since, zone), parse_bound("until", until, zone))


def test_activity_and_logins_of_several_organisations(world: World) -> None:
    """Each organisation's days by its own people; a person of two is in both; the third is not there."""
    for timezone, since, until in (
        ("America/St_Johns", "2010-01-01", "2011-12-31"),
        ("UTC", "2024-02-01T00:07:03.004Z", "2025-12-31T23:59:01Z"),
    ):
        period = period_of(timezone, since, until)
        is_dates = len(since) == 10
        window = Window(
            timezone,
            *((period.first, period.last) if is_dates else (None, None)),
            *((None, None) if is_dates else (period.since, period.until)),
        )
        for view_name, actions in (("activity_in", None), ("logins_in", {"user:login"})):
            text = f"SELECT DISTINCT toString(org_id), toDate(local_day), user_ref FROM {view_name}(orgs = {{orgs:Array(String)}}, spans = {{spans:Array(Tuple(Int64, Int64, Int32))}}, cuts = {{cuts:Array(Tuple(Int64, Int64, Int32))}})"
            bound = {
                "orgs": ["acme", "zeta"],
                "spans": [tuple(span) for span in period.spans],
                "cuts": [tuple(cut) for cut in period.cuts],
            }
            found = world.client.query(text, parameters=bound).result_rows
            events = [
                event
                | {"is_activity": event["is_activity"] and (actions is None or event["action"] in actions)}
                for event in world.events
            ]
            want = {
                (event["org_id"], oracle.local_date(oracle.when(event), timezone), who)
                for event in events
                if event["org_id"] in {"acme", "zeta"}
                and event["is_activity"]
                and (who := oracle.identity(event))
                and window.contains(oracle.when(event))
            }
            assert len(want) > 100
            assert sorted((org, day) for org, day, _ in want) == sorted((org, day) for org, day, _ in found)


@pytest.fixture
def orgs(town: Town) -> tuple[Org, Org]:
    return Org.new(town.client), Org.new(town.client)


def rows(town: Town, name: str, *orgs: Org) -> list[tuple[Any, ...]]:
    found = town.client.query(
        f"SELECT * FROM {name}(orgs = {{orgs:Array(String)}})",
        parameters={"orgs": [org.name for org in orgs]},
    )
    return sorted(tuple(row) for row in found.result_rows)


def test_teams_are_those_of_the_directory(town: Town, orgs: tuple[Org, Org]) -> None:
    """Joined, left, listed anew, deleted, joined again: as `directory_people` has them, in any order of arrival."""
    one, two = orgs
    events = [
        invite("2026-01-10T09:00", user_asset="bob"),
        invite("2026-01-10T09:05", "data", user_asset="bob"),
        invite("2026-01-10T09:06", "data", user_asset="cyd"),
        said("team:uninvite", "2026-01-20T09:05", actor_user_id="boss", user_asset="bob", entity_asset="team-data"),
        said("team:accept_invite", "2026-02-20T09:00", actor_user_id="ann", entity_asset="team-late"),
        said("team:accept_invite", "2026-01-20T09:00", actor_user_id="ann", entity_asset="team-early"),
        *roster("2026-02-01T00:00", Entry(user_id="ann", teams=[("team-listed", "Listed")]), org=one),
        said("team:delete", "2026-02-25T09:00", actor_user_id="ann", entity_asset="team-vision"),
        said("team:accept_invite", "2026-02-26T09:00", actor_user_id="dan", entity_asset="team-vision"),
        view("2026-02-27T09:00", "eve"),
    ]  # fmt: skip
    one.tell_in_any_way(Random(1), events)
    two.tell(*events[:3])
    found = [(org, team, name) for org, _, team, name in rows(town, "memberships_in", one, two)]
    people = one.people()
    assert {user: person.teams for user, person in people.items() if person.teams} == {
        "ann": ("Listed", "team-late"),
        "cyd": ("Data",),
        "dan": ("Vision",),
    }
    assert sorted(found) == sorted(
        [
            (one.name, "team-data", "Data"),
            (one.name, "team-late", ""),
            (one.name, "team-listed", "Listed"),
            (one.name, "team-vision", "Vision"),
            (two.name, "team-data", "Data"),
            (two.name, "team-data", "Data"),
            (two.name, "team-vision", "Vision"),
        ]
    )
    names = {ref: name for _, ref, name in rows(town, "names_in", one)}
    of_one = rows(town, "memberships_in", one)
    assert {names[ref] for _, ref, team, _ in of_one if team == "team-vision"} == {"dan"}


def test_names_are_of_those_who_act_and_of_those_acted_upon(town: Town, orgs: tuple[Org, Org]) -> None:
    """A row per ref and organisation; who was erased has none."""
    one, two = orgs
    one.tell(invite("2026-01-10T09:00", user_email="Mia@Example.org"), view("2026-01-12T10:30", "m-7"))
    two.tell(view("2026-01-12T10:30", "m-7"))
    assert sorted(name for _, _, name in rows(town, "names_in", one)) == ["boss", "m-7", "mia@example.org"]
    both = rows(town, "names_in", one, two)
    assert len(both) == 4
    assert len({ref for _, ref, name in both if name == "m-7"}) == 2
    gone = next(ref for _, ref, name in both if name == "boss")
    town.client.insert(
        "erased", [[one.name, gone, "x", "y"]], column_names=["org_id", "user_ref", "erased_by", "reason"]
    )
    assert sorted(name for _, _, name in rows(town, "names_in", one)) == ["m-7", "mia@example.org"]
    assert rows(town, "memberships_in", one) != []
