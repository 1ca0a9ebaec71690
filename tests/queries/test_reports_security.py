"""The security reports against a brute-force oracle, on the real engine, over events that went through the stream's steps."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from tests.databases import Databases
from tests.oracle import Window, security
from tests.queries.landing import land_raw

from trailhouse.queries.caller import Caller
from trailhouse.queries.explain import explain
from trailhouse.queries.reports import load
from trailhouse.queries.runner import Result, run
from trailhouse.sinks.clickhouse import Client

REPORTS = load()
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
CLIENTS = {
    CHROME.format(119): "Mozilla (Windows NT; Win64; x64) AppleWebKit (KHTML, like Gecko) Chrome Safari",
    CHROME.format(120): "Mozilla (Windows NT; Win64; x64) AppleWebKit (KHTML, like Gecko) Chrome Safari",
    "Opera/9.80": "Opera",
    "python-requests/2.31.0": "python-requests",
    "curl/8.4.0": "curl",
}
PEOPLE = [f"p-{number}" for number in range(12)]
WINDOWS = (
    Window("UTC", date(2025, 1, 1), date(2026, 3, 2)),
    Window("America/New_York", date(2025, 10, 20), date(2025, 11, 20)),
    Window("Asia/Kathmandu", date(2026, 1, 3), date(2026, 2, 11)),
    Window("Pacific/Auckland", date(2026, 1, 31), date(2026, 1, 31)),
    Window(
        "UTC",
        since=datetime(2025, 12, 1, 7, 7, 7, tzinfo=UTC),
        until=datetime(2026, 2, 20, 13, 52, 1, tzinfo=UTC),
    ),
)
# Where these periods are cut, much happens.
EDGES = [
    datetime.fromisoformat(text)
    for text in (
        "2025-12-01T07:07:07Z",
        "2026-02-20T13:52:01Z",
        "2025-11-21T05:00:00Z",
        "2026-02-11T18:15:00Z",
    )
]


@dataclass(frozen=True)
class Firm:
    """Two organisations' events as emitted, and where they are stored, twice over."""

    client: Client
    events: list[dict[str, Any]]


def imagine(random: Random) -> list[dict[str, Any]]:
    """Five months, through a change of the clock: everyday work, logins that fail, bursts of deletions, rights, keys."""
    begin, end = datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)

    def moment() -> datetime:
        found = begin + (end - begin) * random.random()
        return found.replace(microsecond=random.choice((0, 1, 500, 999)) * 1000)

    def made(at: datetime, action: str, **fields: Any) -> dict[str, Any]:
        who = random.choices(
            [
                *({"actor_user_id": each} for each in PEOPLE),
                {"actor_user_id": "bot", "actor_type": "service_account"},
                {},
            ],
            [4] * 12 + [8, 1],
        )[0]
        return {
            "event_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            "occurred_at": at.isoformat(timespec="milliseconds"),
            "org_id": random.choice(("acme", "beta")),
            "action": action,
            **who,
            **{name: value for name, value in fields.items() if value is not None},
        }

    events = []
    for _ in range(500):
        address = random.choice([*(f"203.0.113.{random.randint(1, 9)}" for _ in range(3)), None])
        key = random.choice((None, None, {"api_key_id": f"k-{random.randint(1, 5)}"}))
        action = random.choice(("page:view", "run:update", "entity:delete", "user:initiate_login"))
        agent, source = random.choice([*CLIENTS, None]), random.choice(("web", "sdk", None))
        events.append(
            made(moment(), action, actor_ip=address, attributes=key, user_agent=agent, source=source)
        )
    for _ in range(200):
        ended = random.choice(("success", "failure", "failure", "denied", None))
        address = f"203.0.113.{random.randint(1, 12)}"
        events.append(
            made(
                moment(), "user:login", outcome=ended, actor_ip=address, user_agent=random.choice([*CLIENTS])
            )
        )
    for _ in range(240):
        action = random.choice([*security.KINDS, "user:update", "user:read"])
        attributes = {}
        if "api_key" in action:
            attributes = {"api_key_id": f"k-{random.randint(1, 9)}"}
        elif action in {"user:change_role", "team:invite_user"} or (
            action == "user:update" and random.random() < 0.5
        ):
            attributes = {"role": random.choice(("admin", "member", "viewer"))}
        elif action.startswith("workspace:"):
            attributes = random.choice(({"workspace": "w-1"}, {}))
        elif action == "user:assign_seat":
            attributes = random.choice(({"seat": "Viewer"}, {}))
        outcome = random.choice(("success", "success", "denied", None))
        events.append(
            made(
                moment(),
                action,
                attributes=attributes or None,
                outcome=outcome,
                user_asset=random.choice([*PEOPLE[:4], None]),
                entity_asset="t-1" if "team" in action else None,
            )
        )
    for edge in EDGES:
        for _ in range(30):
            at, key = (
                edge + timedelta(seconds=random.randint(-1300, 1300)),
                {"api_key_id": f"k-{random.randint(1, 2)}"},
            )
            events.append(made(at, "run:update", attributes=key))
    for number in range(12):
        key = {"api_key_id": f"k-{number % 2 + 1}"}
        events.append(
            made(begin + timedelta(days=2 * number, minutes=7), "user:delete_api_key", attributes=key)
        )
    for _ in range(25):
        at, first = moment(), made(end, "entity:delete", actor_user_id=random.choice(PEOPLE[:3]))
        for _ in range(random.randint(2, 12)):
            at += timedelta(seconds=random.choice((0, 0, 30, 60, 120, 119, 121, 200)))
            action = random.choice(("entity:delete", "entity:delete", "run:delete_many"))
            deleted = first | {
                "event_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
                "action": action,
            }
            events.append(deleted | {"occurred_at": min(at, end).isoformat(timespec="milliseconds")})
    return events


@pytest.fixture(scope="module")
def firm(databases: Databases) -> Iterator[Firm]:
    random = Random(611)
    events = imagine(random)
    with databases.lend() as (_, client):
        land_raw(client, events)
        land_raw(client, random.sample(events, 300))
        yield Firm(client, events)


def ask(firm: Firm, report: str, window: Window, caller: Caller, org: str, **params: Any) -> Result:
    bounds = {"since": window.first or window.since, "until": window.last or window.until}
    texts = {name: bound.isoformat() for name, bound in bounds.items() if bound is not None}
    asked = {
        "org": org,
        "timezone": window.timezone,
        **texts,
        **{name: str(each) for name, each in params.items()},
    }
    return run(firm.client, REPORTS[report], caller, asked, now=NOW)


Draw = Callable[[Random], dict[str, Any]]
PARAMETERS: dict[str, Draw] = {
    "failed_logins": lambda r: {"by": r.choice(("actor", "address", "pair")), "minimum": r.randint(1, 4)},
    "first_seen_addresses": lambda r: {
        "kind": r.choice(("all", "address", "client")),
        "known_for": r.choice((0, 0, 1, 30)),
        "actors": r.choice(("people", "all")),
    },
    "many_deletions": lambda r: {
        "minimum": r.randint(2, 6),
        "minutes": r.randint(1, 5),
        "actors": r.choice(("people", "all")),
    },
    "privilege_changes": lambda r: {
        "kind": r.choice(("all", "all", "role", "team", "key", "other")),
        "outcome": r.choice(("all", "done", "refused")),
    },
    "api_key_use_after_rotation": lambda r: {"grace": r.choice((0, 60, 100_000))},
    "activity_outside_working_hours": lambda r: {
        "starts": r.choice((8, 22)),
        "ends": r.choice((18, 6, 24)),
        "weekdays": r.choice([*security.WEEKDAYS]),
        "minimum": r.choice((1, 1, 9)),
        "actors": r.choice(("people", "all")),
    },
    "service_accounts_used_by_people": lambda r: {"minimum": r.randint(1, 3)},
}


def expected(firm: Firm, report: str, window: Window, org: str, params: dict[str, Any]) -> list[security.Row]:
    own = {name: value for name, value in params.items() if name not in {"actors", "limit"}}
    if "actors" in params:
        own["people_only"] = params["actors"] == "people"
    if report == "first_seen_addresses":
        own["clients"] = CLIENTS
    oracle: Callable[..., list[security.Row]] = getattr(security, report)
    return oracle(firm.events, org.split(","), window, **own)


@pytest.mark.parametrize("report", PARAMETERS)
def test_report_equals_brute_force(firm: Firm, report: str) -> None:
    """Repeats, ties, several organisations, periods cut anywhere, every parameter: each row as plain Python has it."""
    random = Random(zlib.crc32(report.encode()) + 9)  # draws that tell every condition from its absence
    compared = 0
    for number, window in enumerate((*WINDOWS, *WINDOWS[2:])):
        org, params = ("acme", "acme,beta", "beta")[number % 3], PARAMETERS[report](random)
        result = ask(firm, report, window, Caller.operator(), org, limit=1000, **params)
        want = expected(firm, report, window, org, params)
        assert want == list(result.rows), (org, window, params)
        compared += len(want)
    assert compared > 3


@pytest.mark.parametrize("report", PARAMETERS)
def test_every_row_opens_to_its_events(firm: Firm, report: str) -> None:
    """What lies behind a row is there, and adds up to its figure."""
    params = {"minimum": 2} if "minimum" in PARAMETERS[report](Random(1)) else {}
    result = ask(firm, report, WINDOWS[4], Caller.operator(), "acme", limit=5, **params)
    column = REPORTS[report].explain.column
    assert result.rows
    for number in range(len(result.rows)):
        values = result.values(number)
        found = explain(firm.client, result.question, values, asked_at=NOW)
        assert found.total > 0
        if column:
            assert found.figure == values[column], values


@pytest.mark.parametrize("report", PARAMETERS)
def test_who_may_not_read_personal_data_sees_none(firm: Firm, report: str) -> None:
    """The same rows in the same order, without a name or an address."""
    params: dict[str, Any] = {"minimum": 2} if "minimum" in PARAMETERS[report](Random(1)) else {}
    params |= {"by": "pair", "minimum": 1} if report == "failed_logins" else {}
    plain = ask(firm, report, WINDOWS[0], Caller.operator(), "acme", **params)
    masked = ask(firm, report, WINDOWS[0], Caller(orgs=frozenset({"acme"})), "acme", **params)
    assert plain.hidden == masked.hidden
    assert plain.rows != masked.rows
    text = str(masked.rows)
    assert not any(f"'{each}'" in text for each in (*PEOPLE, "bot"))
    assert "203.0.113." not in text
    assert any(f"'{each}'" in str(plain.rows) for each in (*PEOPLE, "bot"))
