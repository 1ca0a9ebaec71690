"""Machines that were active and are left out."""

from __future__ import annotations

from datetime import UTC, datetime

from tests import oracle
from tests.queries.conftest import World
from tests.queries.plain_store import PlainStore

from trailhouse.queries.caller import Caller
from trailhouse.queries.machines import beside, counts_people_only
from trailhouse.queries.question import Question, ask
from trailhouse.queries.reports import load
from trailhouse.queries.store import ClickHouseStore
from trailhouse.sinks.clickhouse import Client

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
    assert beside(world.client, put("active_users")).left_out == expected
    assert beside(world.client, put("active_users", actors="all")).left_out is None
    assert beside(world.client, put("events_by_action")).left_out is None
    assert [counts_people_only(put(name)) for name in ("most_active_users", "who_read_what")] == [True, False]


def test_how_fresh_the_store_is_comes_with_it(world: World, database: Client) -> None:
    """The same moment whether machines are left out or not; nothing in a store without records."""
    landed = ClickHouseStore(world.client).landed_until()
    assert landed is not None
    for question in (
        put("active_users"),
        put("active_users", since="2010-01-01T00:07:00Z"),
        put("events_by_action"),
    ):
        assert beside(world.client, question).landed_until == landed
    found = beside(database, put("active_users"))
    assert (found.landed_until, found.left_out) == (None, {"service_account": 0, "system": 0})
