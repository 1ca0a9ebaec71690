"""Running reports on the real engine: golden answers, isolation of organisations, masking, times."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests import oracle
from tests.oracle import Window
from tests.queries.conftest import ORGS, World
from tests.queries.landing import reject, store, user_ref

from trailhouse.queries import render
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import NotAllowed, QueryError, ReportBroken, StorageUnavailable
from trailhouse.queries.report import load, parse
from trailhouse.queries.runner import Result, run
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.expiry import expire, plan_expiry
from trailhouse.sinks.retention import Policy, set_policy

REPORTS = load()
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
JANUARY = {"since": "2026-01-01", "until": "2026-01-14", "timezone": "Asia/Kathmandu"}
# Longer than any installation has been there; what nobody has, a report by month or week may refuse to lay out.
ALL_TIME = {"since": "2000-01-01", "until": "2050-01-01"}


def company() -> list[dict[str, Any]]:
    """Two weeks of a small company whose local days differ from UTC days; three organisations, a bot, odd names."""
    lines = [
        # (org, who, UTC time, action); 18:15 UTC is midnight in Kathmandu
        ("acme", "ann", "2026-01-04T18:14:59.999Z", "page:view"),
        ("acme", "ann", "2026-01-04T18:15:00Z", "page:view"),
        ("acme", "ann", "2026-01-05T10:00:00Z", "run:update"),
        ("acme", "bob", "2026-01-05T18:15:00Z", "page:view"),
        ("acme", "bob", "2026-01-12T09:30:00.5Z", "user:login"),
        ("acme", "=HYPERLINK(1)", "2026-01-14T18:14:59Z", "page:view"),
        ("acme", "=HYPERLINK(1)", "2026-01-13T01:00:00Z", "page:view"),
        ("acme", "Zoë, O'Neill", "2026-01-14T18:15:00Z", "page:view"),  # the day after the period
        ("acme", "cyd", "2025-12-31T18:14:59Z", "page:view"),  # the day before it
        ("beta", "ann", "2026-01-06T00:00:00Z", "page:view"),
        ("beta", "eve", "2026-01-07T00:00:00Z", "secret:action"),
    ]
    events: list[dict[str, Any]] = [
        {"org_id": org, "actor_user_id": who, "occurred_at": at, "action": action}
        for org, who, at, action in lines
    ]
    events.append(
        {
            "org_id": "acme",
            "actor_user_id": "deploy-bot",
            "actor_type": "service_account",
            "occurred_at": "2026-01-08T00:00:00Z",
            "action": "run:update",
        }
    )
    events.append({"org_id": "acme", "occurred_at": "2026-01-09T00:00:00Z", "action": "page:view"})
    events.append(
        {
            "org_id": "acme",
            "actor_user_id": "dan",
            "is_activity": False,
            "occurred_at": "2026-01-09T00:00:00Z",
            "action": "user:create",
        }
    )
    own = {"org_id": "acme", "source": "trailhouse", "is_activity": False, "outcome": "success"}
    report = {"key_id": "1f2e3d4c5b6a", "report": "active_users"}
    events += [
        own | {"actor_user_id": who, "occurred_at": at, "action": action, **more}
        for who, at, action, more in (
            ("ann", "2026-01-13T10:01:00Z", "analytics:read", {"attributes": report}),
            ("ann", "2026-01-13T10:02:00Z", "analytics:read", {"attributes": report}),
            ("=HYPERLINK(1)", "2026-01-13T10:03:00Z", "export:create", {"attributes": report}),
            (
                "",
                "2026-01-13T10:04:00Z",
                "access:denied",
                {"outcome": "denied", "attributes": {"path": "/api/v1/events"}},
            ),
            ("ann", "2026-01-15T10:00:00Z", "analytics:read", {"attributes": report}),  # after the period
        )
    ]
    return [
        event | {"event_id": f"00000000-0000-4000-8000-{number:012}"} for number, event in enumerate(events)
    ]


def fill(client: Client) -> None:
    store(client, company(), repeats=2)
    refused = [
        ("acme", "bad_time"),
        ("acme", "bad_time"),
        ("acme", "bad_json"),
        ("", "bad_json"),
        ("beta", "bad_time"),
    ]
    reject(client, [(org, reason, datetime(2026, 1, 10, tzinfo=UTC)) for org, reason in refused])


def test_golden_answers(database: Client) -> None:
    """Each report has its expected answer as a file beside the tests; a report without one fails."""
    fill(database)
    for name, report in REPORTS.items():
        answer = render.csv(run(database, report, Caller.operator(), {"org": "acme", **JANUARY}, now=NOW))
        assert answer.replace("\r\n", "\n") == (GOLDEN / f"{name}.csv").read_text("utf-8"), name


@pytest.mark.parametrize("name", REPORTS)
def test_no_report_shows_another_organisation(world: World, name: str) -> None:
    """A caller is refused every organisation but its own, and one without data sees nothing of the others."""
    caller = Caller(orgs=frozenset({"nobody"}), read_pii=True)
    for org in ORGS:
        with pytest.raises(NotAllowed):
            run(world.client, REPORTS[name], caller, {"org": org, **ALL_TIME})
    result = run(world.client, REPORTS[name], caller, ALL_TIME, now=NOW)
    assert result.question.orgs == ("nobody",)
    assert not any(
        value for row in result.rows for value in row if isinstance(value, int | str) and value != "nobody"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_no_placeholder_can_be_talked_into_more(world: World, name: str) -> None:
    """Values are bound by the server: SQL in an organisation's id is an organisation nobody has."""
    caller = Caller(orgs=frozenset({"acme' OR '1'='1"}))
    with pytest.raises(QueryError, match="org is"):
        run(world.client, REPORTS[name], caller, {"org": "acme' OR '1'='1", **ALL_TIME})
    result = run(world.client, REPORTS[name], caller, ALL_TIME, now=NOW)
    assert not any(
        value
        for row in result.rows
        for value in row
        if isinstance(value, int | str) and value not in (caller.orgs or ())
    )


def test_masked_users_keep_their_places(world: World) -> None:
    """Without the right to personal data a hash stands for a person, in the order their names would have."""
    window = Window("UTC", date(2010, 1, 1), date(2026, 1, 31))
    params = {"org": "acme", "since": "2010-01-01", "until": "2026-01-31", "limit": "1000"}
    named = run(world.client, REPORTS["most_active_users"], Caller.operator(), params, now=NOW)
    masked = run(world.client, REPORTS["most_active_users"], Caller(orgs=None), params, now=NOW)
    names = [str(row[1]) for row in named.rows]
    assert names == [
        who for _, who, _, _ in oracle.most_active_users(world.events, "acme", window, limit=1000)
    ]
    assert [f"u_{user_ref('acme', name):016x}" for name in names] == [row[1] for row in masked.rows]
    assert [row[2:] for row in named.rows] == [row[2:] for row in masked.rows]


def test_a_person_without_directory_entry_is_masked(database: Client) -> None:
    """Who was erased from the directory is a hash for everybody, and still counted."""
    fill(database)
    database.command("ALTER TABLE users DELETE WHERE 1 SETTINGS mutations_sync = 2")
    result = run(
        database, REPORTS["most_active_users"], Caller.operator(), {"org": "acme", **JANUARY}, now=NOW
    )
    assert {f"u_{user_ref('acme', name):016x}" for name in ("ann", "bob", "=HYPERLINK(1)")} == {
        row[1] for row in result.rows
    }


def test_rejected_records_without_organisation_are_the_installations(world: World) -> None:
    """An organisation's refusals are its own, whoever asks; without one, operators see those of all and of none."""
    period = {"since": "2026-05-01", "until": "2026-05-31"}
    report = REPORTS["rejected_by_reason"]

    def asked(caller: Caller, **org: str) -> dict[tuple[Any, Any], Any]:
        rows = run(world.client, report, caller, {**period, **org}, now=NOW).rows
        assert list(rows) == sorted(rows, key=lambda row: (-int(str(row[1])), str(row[0]), str(row[2])))
        return {(reason, org): count for reason, count, org in rows}

    every = Counter((reason, org) for org, reason, _ in world.rejected)
    assert "" in {org for _, org in every}
    assert asked(Caller.operator()) == every
    own = {key: count for key, count in every.items() if key[1] == "acme"}
    assert own
    for caller in (Caller.operator(), Caller(orgs=frozenset({"acme"})), Caller(orgs=None)):
        assert asked(caller, org="acme") == own
    assert asked(Caller.operator(), org="nosuch") == {}
    assert asked(Caller(orgs=frozenset({"acme"}), is_instance=True)) == own


def test_the_balance_by_hour_is_that_of_brute_force(world: World) -> None:
    """Landed, stored, repeated, rejected and counted by hour and organisation; nothing differs."""
    period = {"since": "2010-01-01", "until": "2026-05-31"}
    report = REPORTS["balance_by_hour"]
    distinct: dict[Any, set[str]] = defaultdict(set)
    landed, refused = Counter[Any](), Counter[Any]()
    for event in world.events:
        hour = oracle.when(event).replace(minute=0, second=0, microsecond=0)
        landed[hour, event["org_id"]] += 1
        distinct[hour, event["org_id"]].add(event["event_id"])
    for org, _, at in world.rejected:
        refused[at.replace(minute=0, second=0, microsecond=0), org] += 1
    for caller, asked in ((Caller.operator(), ""), (Caller(orgs=frozenset({"acme"})), "acme")):
        rows = run(world.client, report, caller, period | ({"org": asked} if asked else {}), now=NOW).rows
        found = {(datetime.fromisoformat(str(row[0])), row[1]): row[2:] for row in rows}
        assert len(found) == len(rows)
        for key in {*landed, *refused}:
            if asked in {"", key[1]}:
                events = len(distinct[key])
                total = landed[key] + refused[key]
                assert found.pop(key) == (total, events, landed[key] - events, 0, refused[key], 0, events, 0)
        assert found == {}


def test_the_balance_by_hour_shows_what_differs(database: Client) -> None:
    """A lost event, a lost count, a conflict: in their hour, nowhere else."""
    fill(database)
    later = datetime(2026, 1, 10, 5, tzinfo=UTC)
    store(
        database,
        [
            {
                "org_id": "acme",
                "actor_user_id": "ann",
                "event_id": "00000000-0000-4000-8000-00000000abcd",
                "occurred_at": at,
                "action": action,
            }
            for at, action in (
                ("2026-01-09T10:01:00Z", "a"),
                ("2026-01-09T10:40:00Z", "a"),
                ("2026-01-10T05:00:00Z", "b"),
            )
        ],
        start=900,
    )
    asked = {"org": "acme", "since": "2026-01-01", "until": "2026-01-14"}

    def differing() -> dict[str, tuple[Any, ...]]:
        rows = run(database, REPORTS["balance_by_hour"], Caller.operator(), asked, now=NOW).rows
        return {str(row[0])[:13].replace(" ", "T"): row[2:] for row in rows if row[-1] or row[5]}

    found = differing()
    assert found["2026-01-09T10"][:4] == (2, 1, 1, 1)
    assert found["2026-01-10T05"][:4] == (1, 1, 0, 1)
    assert set(found) == {"2026-01-09T10", "2026-01-10T05"}
    database.command(
        f"ALTER TABLE action_slots DELETE WHERE slot = '{later:%F %T}' SETTINGS mutations_sync = 2"
    )
    assert differing()["2026-01-10T05"][-1] == 1
    database.command(
        f"ALTER TABLE events DELETE WHERE occurred_at = '{later:%F %T}' SETTINGS mutations_sync = 2"
    )
    assert differing()["2026-01-10T05"][-1] == 1


def test_what_expired_is_in_the_balance_by_hour(database: Client) -> None:
    """Events and rejected records that retention let go have a column, and nothing differs for it."""
    fill(database)
    asked = {"since": "2026-01-01", "until": "2026-01-14"}

    def sums() -> dict[str, int]:
        result = run(database, REPORTS["balance_by_hour"], Caller.operator(), asked, now=NOW)
        names = [column.name for column in result.columns]
        return {name: sum(int(str(row[names.index(name)])) for row in result.rows) for name in names[2:]}

    before = sums()
    for name in ("events", "rejected"):
        set_policy(database, Policy("acme", name, 3))
    for due in plan_expiry(database, date(2026, 1, 14)):
        expire(database, due, expired_by="ops")
    after = sums()
    assert after["expired"] > 3
    assert after["rejected"] == before["rejected"] - 3
    assert after["stored"] + after["rejected"] + after["expired"] == before["stored"] + before["rejected"]
    same = ("landed", "repeats", "counted", "difference")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert after["difference"] == 0


def test_rejected_records_count_by_the_time_they_were_received(world: World) -> None:
    """Both bounds are exact, also off the quarter-hour."""
    since, until = datetime(2026, 5, 1, 7, 0, 0, 1000, tzinfo=UTC), datetime(2026, 5, 1, 20, tzinfo=UTC)
    params = {"org": "acme", "since": since.isoformat(), "until": until.isoformat()}
    rows = run(world.client, REPORTS["rejected_by_reason"], Caller.operator(), params, now=NOW).rows
    assert sum(int(str(row[1])) for row in rows) == sum(
        org == "acme" and since <= at < until for org, _, at in world.rejected
    )


def test_all_reaches_back_to_the_first_event(world: World) -> None:
    """The first local day of `all` is the day of the organisation's first event, people's or not."""
    first = min(oracle.when(event) for event in world.events if event["org_id"] == "beta")
    params = {"org": "beta", "last": "all", "timezone": "Asia/Tehran"}
    result = run(world.client, REPORTS["users_active_over_time"], Caller.operator(), params, now=NOW)
    assert result.question.period.first == oracle.local_date(first, "Asia/Tehran") == result.rows[0][0]
    assert result.rows[-1][0] == date(2026, 1, 31)


def test_a_result_tells_how_fresh_the_store_is(world: World) -> None:
    """The newest record's broker time, and that a running period may still grow."""
    result: Result = run(world.client, REPORTS["active_users"], Caller.operator(), {"org": "acme"}, now=NOW)
    assert result.landed_until == datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert result.is_so_far
    assert result.elapsed_s > 0


def test_columns_other_than_the_headers_are_our_mistake(world: World) -> None:
    """The header is the contract of the CLI, the API and the docs."""
    text = """/*
title: X
question: X?
source: [X1]
counts: x
terms: [event]
chart: number
last: 30d
explain: {where: is_activity, text: x}
columns: {x: {type: integer, unit: x, text: x}}
*/
SELECT 1 AS y FROM events WHERE org_id IN {orgs:Array(String)} LIMIT 1"""
    with pytest.raises(ReportBroken, match="gives y; the header says x"):
        run(world.client, parse("x", text), Caller.operator(), {"org": "acme"}, now=NOW)


def test_a_database_without_tables_says_what_to_run(clickhouse_settings: Any) -> None:
    """The commonest mistake on a new server gets the command that mends it."""
    from trailhouse.sinks.clickhouse import connect

    client = connect(clickhouse_settings)
    with pytest.raises(StorageUnavailable) as caught:
        run(client, REPORTS["active_users"], Caller.operator(), {"org": "acme"}, now=NOW)
    client.close()
    assert caught.value.hint == "run `trailhouse migrate`"
