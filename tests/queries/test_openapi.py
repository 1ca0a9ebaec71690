"""The OpenAPI document is what the API does: requests made from it, good and bad, get answers that it documents."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from tests.queries.asking import Answer, ask, query_of
from tests.queries.keyring import bearer, give
from tests.queries.landing import land_raw
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA
from tests.stream import factories

from trailhouse.producers import MemoryTransport
from trailhouse.queries.api import create_app
from trailhouse.queries.key import Scope
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

SEED = 20260131
OPERATIONS = ("get", "post")
#: What no schema allows, as a client's mistake sends it.
ODD = ("", "x" * 300, "-1", "1e9", "\u202e", "'", "null", "\x00", "ä=&?", "99999999999999999999")


def values(schema: dict[str, Any], chance: random.Random) -> str:
    """A value that a parameter's schema allows, or something odd."""
    today = datetime.now(UTC).date()
    if chance.random() < 0.35:
        return chance.choice(ODD)
    if "enum" in schema:
        return str(chance.choice(schema["enum"]))
    kind = schema.get("type", "string")
    if kind == "integer":
        low = schema.get("minimum", 0)
        return str(chance.randint(low, min(schema.get("maximum", 100), low + 20)))
    if kind == "boolean":
        return chance.choice(["true", "false"])
    if schema.get("format") == "date":
        return str(today - timedelta(days=chance.randrange(3)))
    return chance.choice(["acme", "beta", "UTC", "7d", str(today), "ann", "user:login", "Europe/Berlin"])


def made(operation: dict[str, Any], chance: random.Random) -> tuple[dict[str, str], dict[str, str], bytes]:
    """Query, headers and body of one request."""
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body = b""
    for each in operation.get("parameters", []):
        if chance.random() < 0.3:
            where = query if each["in"] == "query" else headers
            where[each["name"]] = values(each["schema"], chance)
    if "requestBody" in operation:
        media = chance.choice([*operation["requestBody"]["content"], "text/plain"])
        headers["Content-Type"] = media
        event = {"action": "user:login", "org_id": chance.choice(["acme", "beta", "a b", 7])}
        item = orjson.dumps({name: event[name] for name in event if chance.random() < 0.8})
        body = chance.choice(
            [item, b"[" + item + b"," + item + b"]", item + b"\n" + item, b"", b"{", b"\xff", b"7"]
        )
    return query, headers, body


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of the document."""
    for path, methods in app.openapi()["paths"].items():
        for method in OPERATIONS:
            if method in methods:
                yield method, path, methods[method]


def faults_of(answer: Answer, operation: dict[str, Any]) -> list[str]:
    """In what an answer is not as documented."""
    responses = operation["responses"]
    if str(int(answer.status)) not in responses:
        return [f"status {answer.status} is not documented"]
    kinds = set(responses[str(int(answer.status))].get("content", {}))
    kind = answer.headers.get("content-type", "").partition(";")[0]
    found = [f"{kind} is not among {kinds}"] if kinds and kind not in kinds else []
    if answer.status >= 500 and answer.status != 503:
        found.append("an error of the server")
    if answer.status >= 400 and operation.get("security") and kind != "application/problem+json":
        found.append(f"{answer.status} without a problem document")
    return found


@pytest.mark.parametrize("requests", [15, pytest.param(400, marks=pytest.mark.faults)])
def test_every_answer_is_documented(
    requests: int, database: Client, clickhouse_settings: ClickHouseSettings
) -> None:
    """Status and media type of every answer to requests made from the document, with all keys, none, and wrong ones."""
    now = datetime.now(UTC)
    land_raw(
        database,
        [
            factories.event(
                event_id=str(uuid.UUID(int=number, version=4)),
                occurred_at=(now - timedelta(hours=number + 1)).isoformat(timespec="milliseconds"),
                actor_user_id="ann",
            )
            for number in range(5)
        ],
        at=now,
    )
    able = give(database, ["acme"], list(Scope))[1]
    unable = give(database, ["acme"], [Scope.EVENTS_WRITE])[1]
    several = give(database, ["acme", "beta"], [Scope.AUDIT_READ, Scope.REPORTS_READ])[1]
    chance = random.Random(SEED)

    async def run() -> tuple[set[tuple[str, int]], list[str]]:
        settings = ApiSettings(clickhouse=clickhouse_settings, kafka=NO_KAFKA, anonymous="false", key_rate=0)
        app = create_app(settings, has_watch=False, audit=Recorded().audit, transport=MemoryTransport())
        seen, wrong = set(), []
        async with app.router.lifespan_context(app):
            for method, path, operation in operations(app):
                # The collector is quick, and takes one request of many; health asks Kafka, which is away here.
                times = 3 * requests if method == "post" else requests if "security" in operation else 1
                for number in range(times):
                    query, headers, body = made(operation, chance)
                    # Few wrong keys, or the address would be locked; a few hosts that are not this machine's.
                    key = (able, able, several, unable, able)[number % 5] if number else ""
                    headers |= bearer(key) if key else {}
                    headers |= {"host": "elsewhere.example"} if number == 7 else {}
                    answer = await ask(app, method, path, query=query_of(query), headers=headers, body=body)
                    seen.add((path, int(answer.status)))
                    told = f"{method} {path} {query} {headers.keys()} {body[:60]!r}"
                    wrong += [f"{told}: {fault}" for fault in faults_of(answer, operation)]
        return seen, wrong

    seen, wrong = asyncio.run(run())
    assert wrong == []
    statuses = {status for _, status in seen}
    assert {200, 202, 400, 401, 403, 415, 421, 422} <= statuses
    # Each operation that reads was answered with rows at least once.
    assert len({path for path, status in seen if status == 200}) >= 13
