"""Report `who_read_what`: from what is recorded, through the stream's functions and the engine, to the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.queries.landing import land_raw
from tests.queries.recording import Recorded
from tests.stream import factories

from trailhouse.queries.caller import Caller
from trailhouse.queries.key import Key, Scope, new_key
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run
from trailhouse.queries.self_audit import INSTALLATION, Who
from trailhouse.sinks.clickhouse import Client

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
REPORT = load()["who_read_what"]


def key_of(username: str, *orgs: str) -> Key:
    return new_key(username, orgs, [Scope.REPORTS_READ], now=NOW)[0]


def land(client: Client, recorded: Recorded, at: datetime) -> None:
    """Store what was recorded, a minute apart from `at` on, twice over; nothing of it is rejected."""
    events = recorded.take()
    for number, event in enumerate(events):
        event["occurred_at"] = (at + timedelta(minutes=number)).isoformat(timespec="milliseconds")
    land_raw(client, [*events, *events])


def ask(client: Client, caller: Caller, org: str = "acme", **params: str) -> list[tuple[Any, ...]]:
    answer = run(client, REPORT, caller, {"org": org, "last": "7d", **params}, now=NOW)
    return [tuple(row) for row in answer.rows]


def test_the_log_of_the_log(database: Client) -> None:
    """Each reader, key, action and thing is a row; repeats, applications' events and other organisations are none."""
    recorded = Recorded()
    audit, ann, bob = recorded.audit, key_of("ann@example.org", "acme"), key_of("bob", "acme")
    day = NOW - timedelta(hours=3)
    for rows in (3, 4):
        audit.record(
            "analytics:read", "acme", Who.of_key(ann), details={"report": "active_users", "rows": rows}
        )
    audit.record("export:create", "acme", Who.of_key(ann), details={"log": "audit_logs", "pii_shown": True})
    audit.record("audit:read", "acme", Who.of_key(ann), details={"log": "events", "pii_shown": False})
    audit.refuse(Who.of_key(bob), "org", {"path": "/api/v1/events", "asked_org": "beta"})
    audit.refuse(Who.guessing(bob, "192.0.2.7"), "key", {"path": "/api/v1/events"})
    audit.record("analytics:read", "beta", Who.of_key(bob), details={"report": "active_users"})
    audit.record("key:create", None, Who.operator(), target="ann@example.org", details={"made_key": "1f2e"})
    land(database, recorded, day)
    land_raw(
        database,
        [factories.event(event_id="01920f0e-7c5a-7b3e-8f43-0123456789ac", action="audit:read", source="api")],
    )

    def minute(number: int) -> datetime:
        return day + timedelta(minutes=number)

    shown = Caller(orgs=frozenset({"acme"}), read_pii=True, is_known=True)
    assert ask(database, shown) == [
        ("", bob.key_id, "access:denied", "/api/v1/events", "", "denied", 1, minute(5)),
        ("bob", bob.key_id, "access:denied", "/api/v1/events", "", "denied", 1, minute(4)),
        ("ann@example.org", ann.key_id, "audit:read", "events", "false", "success", 1, minute(3)),
        ("ann@example.org", ann.key_id, "export:create", "audit_logs", "true", "success", 1, minute(2)),
        ("ann@example.org", ann.key_id, "analytics:read", "active_users", "", "success", 2, minute(1)),
    ]
    masked = ask(database, Caller(orgs=frozenset({"acme"})))
    assert [row[2:] for row in masked] == [row[2:] for row in ask(database, shown)]
    assert [row[0][:2] for row in masked] == ["", "u_", "u_", "u_", "u_"]
    # Ids of keys are for guessing at: nobody sees them without a key of their own and the right to see people.
    strangers = (Caller(frozenset({"acme"}), read_pii=True), Caller(frozenset({"acme"}), is_known=True))
    for caller in strangers:
        assert {row[1] for row in ask(database, caller)} == {""}
    assert ask(database, shown, limit="1") == ask(database, shown)[:1]
    ((who, *rest),) = ask(database, Caller.operator(), INSTALLATION)
    assert who.startswith("operator:")
    assert rest == ["", "key:create", "1f2e", "", "success", 1, minute(7)]
    ((_, *rest),) = ask(database, Caller(orgs=None), INSTALLATION)
    assert rest == ["", "key:create", "", "", "success", 1, minute(7)]


def test_being_recorded_makes_nobody_active(database: Client) -> None:
    """A reader of reports is in no figure of them; only what was done is counted as an event."""
    recorded = Recorded()
    recorded.audit.record("analytics:read", "acme", Who.of_key(key_of("ann", "acme")))
    land(database, recorded, NOW - timedelta(hours=3))
    params = {"org": "acme", "last": "7d"}
    found = {
        name: run(database, load()[name], Caller.operator(), params, now=NOW).rows
        for name in ("active_users", "most_active_users", "events_by_action")
    }
    assert found == {
        "active_users": ((0,),),
        "most_active_users": (),
        "events_by_action": (("analytics:read", 1),),
    }
