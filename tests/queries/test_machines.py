"""Machines that were active and are left out."""

from __future__ import annotations

from datetime import UTC, datetime

from tests import oracle
from tests.queries.conftest import World
from tests.queries.plain_store import PlainStore

from trailhouse.queries.caller import Caller
from trailhouse.queries.machines import counts_people_only, left_out
from trailhouse.queries.question import Question, ask
from trailhouse.queries.reports import load

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def put(report: str, **params: str) -> Question:
    asked = {"org": "acme,beta", "since": "2010-01-01", "until": "2026-05-31", **params}
    return ask(load()[report], Caller.operator(), asked, store=PlainStore(), now=NOW)


def test_machines_are_counted_where_people_are(world: World) -> None:
    """Each once and by its organisation; nobody is left out where all count or nobody is a person."""
    bots = {
        (event["org_id"], oracle.identity(event))
        for event in world.events
        if event["org_id"] != "zeta" and event.get("actor_type") == "service_account" and event["is_activity"]
    }
    assert bots
    expected = {"service_account": len(bots), "system": 0}
    assert left_out(world.client, put("active_users")) == expected
    assert left_out(world.client, put("active_users", actors="all")) is None
    assert left_out(world.client, put("events_by_action")) is None
    assert [counts_people_only(put(name)) for name in ("most_active_users", "who_read_what")] == [True, False]
