from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.producers.simulation.world import LARGEST, at, happened, organisations

from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.member import Member, hire
from trailhouse.producers.simulation.office import to_ms
from trailhouse.producers.simulation.passage import Desk, passages, role_change
from trailhouse.producers.simulation.scene import Scene

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 30)


def told(member: Member) -> list[str]:
    """The actions that are planned about or by one person, in order of time."""
    desk = Desk(Luck("d"), [ADMIN], FIRST, LAST)
    return [each.step.action for each in sorted(passages(desk, [member], []), key=lambda each: each.at)][4:]


ADMIN = hire("s", "1/acme", 1, FIRST, LAST)[0]


def somebody(fate: str) -> Member:
    found: Iterator[Member] = (
        each
        for each in hire("s", "1/acme", 400, FIRST, LAST)
        if {
            "joined": each.joined and not each.left,
            "returned": each.is_founder and each.returned,
            "never came": each.invited and not each.joined,
        }[fate]
    )
    return next(found)


def test_who_joins_was_invited_has_a_seat_and_accepts() -> None:
    """In this order."""
    assert told(somebody("joined")) == [
        "team:invite_user",
        "user:assign_seat",
        "user:create",
        "team:accept_invite",
    ]


def test_who_leaves_loses_team_seat_and_access_and_may_get_them_back() -> None:
    """In this order."""
    assert told(somebody("returned")) == [
        "team:uninvite",
        "user:release_seat",
        "user:deactivate",
        "user:reactivate",
        "user:assign_seat",
        "team:invite_user",
        "team:accept_invite",
    ]


def test_some_accounts_are_deleted_in_the_end() -> None:
    """A month after their people left; never those of who returns."""
    staff = hire("s", "1/acme", 400, FIRST, LAST)
    planned = list(passages(Desk(Luck("d"), [ADMIN], FIRST, LAST), staff, []))
    forgotten = {
        each.step.fields["user_asset"]: each.at
        for each in planned
        if each.step.action == "user:permanently_delete"
    }
    left = {each.user_id: each.left for each in staff if each.left and not each.returned}
    assert 0 < len(forgotten) < len(left)
    assert all(at > to_ms(left[who] + timedelta(days=29)) for who, at in forgotten.items())


def test_who_never_comes_was_invited() -> None:
    """Some invitations are withdrawn, with the seat."""
    assert told(somebody("never came"))[:2] == ["team:invite_user", "user:assign_seat"]
    desk = Desk(Luck("d"), [ADMIN], FIRST, LAST)
    never = [each for each in hire("s", "1/acme", 400, FIRST, LAST) if each.invited and not each.joined]
    planned = list(passages(desk, never, []))
    withdrawn = {each.step.fields["user_asset"] for each in planned if each.step.action == "team:uninvite"}
    released = {each.step.fields["user_asset"] for each in planned if each.step.action == "user:release_seat"}
    assert 0 < len(withdrawn) < len(never)
    assert withdrawn == released


def test_a_role_changes_with_its_event() -> None:
    """Before and after stand in it, the new one as an attribute; the person's later events say it."""
    member = somebody("joined")
    step = role_change(member, "member", "admin")
    assert step.fields["changes"] == {"role": {"before": "member", "after": "admin"}}
    assert step.fields["attributes"] == {"role": "admin"}
    assert step.effect is not None
    step.effect(Scene.at_first(Luck("x"), [], []))
    assert member.fields["actor_role"] == "admin"


def test_admins_decide_in_their_working_hours() -> None:
    """By their own clock; on working days, where the days asked for have any."""
    zones = {each.user_id: each.office.zone for each in organisations()[LARGEST].staff}
    hours: defaultdict[str, set[int]] = defaultdict(set)
    for event in happened():
        if event["org_id"] == LARGEST and event["action"] in {"team:invite_user", "user:deactivate"}:
            local = at(event).astimezone(ZoneInfo(zones[event["actor_user_id"]]))
            hours[event["action"]].add(local.hour)
    assert hours["team:invite_user"] <= {9, 10, 11}
    assert hours["user:deactivate"] <= {17, 18}


@pytest.mark.parametrize("action", ["team:create_service_account", "user:change_role", "user:reactivate"])
def test_there_is_some_of_everything(action: str) -> None:
    """Four months of seventy people are enough for each."""
    assert any(event["action"] == action for event in happened())
