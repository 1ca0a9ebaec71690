from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.files import InputFile
from trailhouse.producers.importers.reject import Reject
from trailhouse.producers.importers.roster import Entry, Header, read_roster, roster_events

AS_OF = datetime(2026, 1, 31, 12, tzinfo=UTC)


def read(text: str, **options: Any) -> tuple[list[AuditEvent], list[Reject]]:
    reads = list(read_roster(InputFile("roster.csv", io.BytesIO(text.encode())), AS_OF, "acme", **options))
    return [each for each in reads if isinstance(each, AuditEvent)], [
        each for each in reads if isinstance(each, Reject)
    ]


def brief(events: list[AuditEvent]) -> list[tuple[Any, ...]]:
    return [
        (
            each.action,
            each.user_asset or each.user_email,
            each.entity_asset,
            each.entity_name,
            dict(each.attributes or {}),
        )
        for each in events
    ]


def test_a_row_says_who_somebody_is_and_where_they_belong() -> None:
    """An event for the person, one for each team, workspace and other identity, all of the roster's moment, by nobody."""
    events, rejects = read(
        "user_id,email,name,role,teams,workspaces,seat,status,added,kind,aliases\n"
        "u-1,Ann@example.org,Ann Abel,admin,team-7=Vision; Data,atlas,Full,active,2025-03-01,,old-ann;ann@home.example\n"
    )
    assert rejects == []
    assert brief(events) == [
        (
            "roster:user",
            "u-1",
            None,
            None,
            {
                "user_name": "Ann Abel",
                "role": "admin",
                "status": "active",
                "added": "2025-03-01",
                "lists_teams": "yes",
                "lists_workspaces": "yes",
                "seat": "Full",
            },
        ),
        ("roster:team", "u-1", "team-7", "Vision", {}),
        ("roster:team", "u-1", None, "Data", {}),
        ("roster:workspace", "u-1", None, None, {"workspace": "atlas"}),
        ("roster:alias", "Ann@example.org", None, None, {"alias_of_user": "u-1"}),
        ("roster:alias", "old-ann", None, None, {"alias_of_user": "u-1"}),
        ("roster:alias", "ann@home.example", None, None, {"alias_of_user": "u-1"}),
    ]
    assert {each.occurred_at for each in events} == {"2026-01-31T12:00:00.000Z"}
    assert {(each.actor_user_id, each.actor_email, each.actor_type, each.source) for each in events} == {
        (None, None, None, "roster")
    }
    assert events[0].user_email == "Ann@example.org"


def test_the_same_roster_gives_the_same_events() -> None:
    """Ids come from what is said, of whom and when: read again nothing is new, anything else is another statement."""
    text = "email,role\nann@example.org,admin\n"
    ids = [each.event_id for each in read(text)[0]]
    assert [each.event_id for each in read(text)[0]] == ids
    assert [each.event_id for each in read(text.replace("admin", "member"))[0]] != ids
    later = roster_events("acme", AS_OF.replace(hour=13), Entry(email="ann@example.org", role="admin"))
    assert [each.event_id for each in later] != ids


def test_an_export_of_wandb_is_a_roster() -> None:
    """The eleven columns are understood; those that count something are not used, and named."""
    header = Header()
    events, rejects = read(
        '"Name","Username","Last active","Role","Email","Teams","Status","Number of Reports","Number of Runs","Number of active days","Models Seat"\n'
        '"Ann Abel","ann","2026-01-30T10:00:00Z","admin","ann@example.org","vision; data","Invite pending",3,14,9,"Full"\n',
        header=header,
    )
    assert rejects == []
    assert dict(events[0].attributes or {}) == {
        "user_name": "Ann Abel",
        "role": "admin",
        "status": "invited",
        "lists_teams": "yes",
        "seat": "Full",
    }
    assert header.unused == ["Last active", "Number of Reports", "Number of Runs", "Number of active days"]


def test_what_is_not_said_is_left_open() -> None:
    """Without a column nothing is stated; an empty cell of a list or a seat says that there is none."""
    (bare,), _ = read("user_id\nu-1\n")
    assert bare.attributes == {}
    (empty,), _ = read("user_id,teams,seat,name,status\nu-1,,,,\n")
    assert dict(empty.attributes or {}) == {"lists_teams": "yes", "seat": ""}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",,", "user_id: or an e-mail must say who it is"),
        ("u-1,x,", "status: must be active, invited or deactivated"),
        ("u-1,,soon", "added: must be a date such as 2026-01-31"),
        ("u-0,,", "line: names somebody whom the roster has already"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_alone(row: str, reason: str) -> None:
    """The reason never holds the value; the rows around it are read."""
    events, rejects = read(f"user_id,status,added\nu-0,,\n{row}\nu-9,,\n")
    assert [each.user_asset for each in events] == ["u-0", "u-9"]
    assert [(each.line, each.reason) for each in rejects] == [(3, reason)]


def test_organisations_may_stand_in_a_column() -> None:
    """A column says it row by row; whoever is in two is two people; a bad id is a reject."""
    events, rejects = read("org_id,user_id\nacme,u-1\nbeta,u-1\n,u-1\nno such/org,u-2\n")
    assert [each.org_id for each in events] == ["acme", "beta"]
    assert [each.line for each in rejects] == [4, 5]


def test_a_roster_of_nobody_is_refused() -> None:
    """Without a column that says who somebody is nothing is read."""
    with pytest.raises(BadMapping, match="neither a column user_id nor a column email"):
        read("name,role\nAnn,admin\n")
