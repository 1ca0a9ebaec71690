"""No request, however it is made, gets a row of another organisation: every endpoint, two keys, 200 strings each."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.databases import Databases
from tests.queries.asking import Answer, ask, query_of
from tests.queries.keyring import bearer, give
from tests.queries.landing import land_raw
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA

from trailhouse.producers import MemoryTransport
from trailhouse.queries.api import create_app
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.settings import ClickHouseSettings

ORGS = ("acme", "beta")
#: Stands in whatever the other organisation has stored, and in nothing that anybody could ask with.
MARK = {"acme": "zqacme", "beta": "zqbeta"}
STRINGS = 200
#: Of routes that the same functions serve each meets a share of the strings: one in so many.
SHARES = {"/api/v1/reports/": 40, "/api/v1/alert": 5}
ANSWERED_AT_MOST = {"header": 1, "query": 3}
EVENTS = "/api/v1/events"
OPERATIONS = {"get", "post", "put", "patch", "delete"}
#: What programs that build queries, paths, headers or cursors out of text have fallen for.
SEEDS = tuple(
    json.loads(line) for line in Path(__file__).with_name("injections.txt").read_text("utf-8").splitlines()
)


def strings() -> list[str]:
    """The seeds, and what hypothesis makes of them and of nothing; the same ones every time."""
    found = dict.fromkeys(SEEDS)
    around = st.sampled_from(["", "'", '"', "\\", "%27", "\x00", ")", " OR 1", "--", "/*", "\u2019", "`"])

    @settings(
        max_examples=400,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.builds(str.__add__, st.sampled_from(SEEDS), around) | st.text(max_size=40))
    def collect(text: str) -> None:
        found.setdefault(text)

    collect()
    return list(found)[:STRINGS]


@dataclass(frozen=True)
class House:
    """Two organisations with everything in it, and a key of each that may do all within its own."""

    settings: ClickHouseSettings
    keys: dict[str, str]


def stored(org: str, number: int, now: datetime) -> dict[str, Any]:
    """An event with the organisation's mark in every text of it."""
    mark = MARK[org]
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{org}/{number}")),
        "occurred_at": (now - timedelta(seconds=number + 1)).isoformat(timespec="milliseconds"),
        "org_id": org,
        "action": ("user:login", "team:invite_user", f"{mark}:act", "report:create")[number % 4],
        "actor_user_id": f"{mark}-{number % 3}",
        "actor_email": f"{mark}{number % 3}@example.org",
        "actor_name": f"{mark} Ann",
        "actor_ip": "192.0.2.1",
        "actor_role": f"{mark}-role",
        "user_asset": f"{mark}-target",
        "user_email": f"{mark}-target@example.org",
        "project_name": f"{mark}-project",
        "entity_name": f"{mark}-team",
        "report_name": f"{mark}-report",
        "user_agent": f"{mark}/1.0",
        "attributes": {"page": f"/{mark}"},
        "changes": {"role": {"before": f"{mark}-a", "after": f"{mark}-b"}},
    }


@pytest.fixture(scope="module")
def house(databases: Databases) -> Iterator[House]:
    now = datetime.now(UTC)
    events = [stored(org, number, now) for org in ORGS for number in range(12)]
    refused = [stored(org, 99, now) | {"occurred_at": "2999-01-01T00:00:00Z"} for org in ORGS]
    with databases.lend() as (settings, client):
        assert len(land_raw(client, [*events, *refused], at=now).dead_letters) == len(ORGS)
        keys = {org: give(client, [org], list(Scope), username=f"{MARK[org]}-admin")[1] for org in ORGS}
        yield House(settings, keys)


@asynccontextmanager
async def running(house: House, recorded: Recorded, transport: MemoryTransport) -> AsyncIterator[FastAPI]:
    own = ApiSettings(clickhouse=house.settings, kafka=NO_KAFKA, anonymous="false", key_rate=0)
    app = create_app(own, has_watch=False, audit=recorded.audit, transport=transport)
    async with app.router.lifespan_context(app):
        yield app


@dataclass(frozen=True)
class Slot:
    """Where in a request a string goes: `kind` is query, header, path or body."""

    kind: str
    name: str


def slots_of(path: str, operation: dict[str, Any]) -> list[Slot]:
    """Every documented parameter, and places that a careless program would look at besides."""
    named = [Slot(each["in"], each["name"]) for each in operation.get("parameters", [])]
    more = [Slot("query", "org_id"), Slot("header", "X-Org-Id"), Slot("header", "Accept"), Slot("path", path)]
    if "requestBody" in operation:
        more += [Slot("body", name) for name in ("org_id", "action", "actor_user_id", "")]
    return sorted([*named, *more], key=lambda slot: slot.name not in {"org", "org_id"})


async def put(app: FastAPI, method: str, path: str, slot: Slot, text: str, *, key: str) -> Answer:
    """One request of that operation, with `text` in that slot."""
    headers: dict[str, str] = bearer(key)
    query, body = b"", b""
    if method != "get":
        headers["Content-Type"] = "application/json"
        event = {"action": "user:login"}
        if slot.kind == "body" and slot.name:
            event[slot.name] = text
        body = text.encode("utf-8", "replace") if slot == Slot("body", "") else json_of(event)
    if slot.kind == "query":
        query = query_of({slot.name: text})
    if slot.kind == "header":
        headers[slot.name] = text
    if slot.kind == "path":
        path = f"{path.rpartition('/')[0]}/{text}"
    return await ask(app, method, path, query=query, headers=headers, body=body)


def json_of(event: dict[str, str]) -> bytes:
    return orjson.dumps({name: text.encode("utf-8", "replace").decode() for name, text in event.items()})


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of the OpenAPI document."""
    return [
        (method, path, operation)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if method in OPERATIONS
    ]


def choose(slots: list[Slot], answered: Counter[Slot], number: int, *, is_long: bool) -> Slot:
    """The slot whose turn it is; one that has answered often enough is passed over, for a report costs the engine.

    The first strings are the names of the organisations themselves, and the first slot is where one is named.
    """
    if number < len(ORGS):
        return slots[0]
    for step in range(len(slots)):
        slot = slots[(number + step) % len(slots)]
        if is_long or answered[slot] < ANSWERED_AT_MOST.get(slot.kind, STRINGS):
            return slot
    return slots[number % len(slots)]


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize("is_long", [False, pytest.param(True, marks=pytest.mark.faults)])
def test_no_string_opens_another_organisation(house: House, is_long: bool) -> None:
    """Zero foreign rows, no 5xx, and nothing written for anybody else; each endpoint answers its own with its own."""
    texts, transport = strings(), MemoryTransport()
    assert len(texts) == STRINGS

    async def attack() -> tuple[int, set[str]]:
        asked, own = 0, set()
        async with running(house, Recorded(), transport) as app:
            for place, (method, path, operation) in enumerate(operations(app)):
                if "security" not in operation:
                    continue  # metrics and health know of no organisation
                slots = slots_of(path, operation)
                for org, other in (ORGS, ORGS[::-1]):
                    answered: Counter[Slot] = Counter()
                    shares = [
                        each for start, each in SHARES.items() if path.startswith(start) and not is_long
                    ]
                    share = max(shares, default=1)
                    for number, text in enumerate(texts):
                        if number >= len(ORGS) and (number + place) % share:
                            continue
                        turn = number if number < len(ORGS) else number + place
                        slot = choose(slots, answered, turn, is_long=is_long)
                        answer = await put(app, method, path, slot, text, key=house.keys[org])
                        told = (method, path, slot, text, org, answer.status)
                        assert answer.status < 500, (*told, answer.body[:300])
                        assert MARK[other] not in answer.text.lower(), told
                        answered[slot] += answer.status < 300
                        asked += 1
                        if MARK[org] in answer.text:
                            own.add(path)
        return asked, own

    asked, own = asyncio.run(attack())
    assert asked >= 2 * STRINGS * (13 if is_long else 9)
    # Where rows have names, an organisation saw its own: the other's mark would have been seen, too.
    named = {"/api/v1/reports/most_active_users", "/api/v1/users", "/api/v1/events", "/admin/audit_logs"}
    assert named <= own
    assert {orjson.loads(value)["org_id"] for value in transport.values} == set(ORGS)


def test_another_organisation_by_its_name_is_refused_and_recorded(house: House) -> None:
    """In the query of every operation that takes one, in the collector's body, in a cursor: 403, and an event about it."""

    async def knock() -> list[str]:
        knocked: list[str] = []
        recorded = Recorded()
        async with running(house, recorded, MemoryTransport()) as app:
            for method, path, operation in operations(app):
                taken = {each["name"] for each in operation.get("parameters", [])}
                slot = Slot("body", "org_id") if method == "post" else Slot("query", "org")
                if slot.kind == "query" and "org" not in taken:
                    continue
                if path.endswith("/explain"):
                    continue  # asks for a row first: `test_api_reports.py` has one
                answer = await put(app, method, path, slot, "beta", key=house.keys["acme"])
                assert answer.status in {403, 404}, (path, answer)
                assert MARK["beta"] not in answer.text
                events = await asyncio.to_thread(recorded.take)
                if len(knocked) < 10:  # of one who goes on not every time is told
                    (event,) = events
                    assert (event["action"], event["org_id"]) == ("access:denied", "acme")
                    assert event["attributes"]["rule"] == "org"
                    assert event["attributes"]["path"] == path
                knocked.append(path)
            # A cursor is made for one organisation, and good for that one only.
            page = await ask(app, "get", EVENTS, headers=bearer(house.keys["beta"]))
            query = query_of({"cursor": orjson.loads(page.body)["cursor"]})
            assert (
                await ask(app, "get", EVENTS, query=query, headers=bearer(house.keys["beta"]))
            ).status == 200
            answer = await ask(app, "get", EVENTS, query=query, headers=bearer(house.keys["acme"]))
            assert answer.status == 403, answer
        return knocked

    assert len(asyncio.run(knock())) >= 11
