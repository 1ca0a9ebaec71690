"""One database with a hard history, shared by the tests that only read it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.databases import Databases
from tests.queries.landing import reject, store

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

ORGS = ("acme", "beta", "zeta")
# Where local days are irregular: clocks that change by an hour, at 00:01, at midnight; a skipped date; a new year.
EDGES = {
    "UTC": ("2024-02-29T00:00", "2025-12-31T00:00"),
    "Asia/Kathmandu": ("2025-01-01T00:00", "2025-03-31T00:00"),
    "America/St_Johns": (
        "2010-11-07T00:00",
        "2010-11-07T00:01",
        "2010-03-14T00:01",
        "2025-03-09T02:00",
        "2025-11-02T02:00",
    ),
    "Asia/Tehran": ("2021-03-22T00:00", "2021-09-22T00:00", "2010-03-22T00:00"),
    "Pacific/Apia": ("2011-12-29T00:00", "2011-12-31T00:00", "2012-04-01T04:00"),
}
# What is near no edge: a winter and a year, with years between that hold nothing. Every month is two parts of each table
# (the history is stored twice), which every report of all of it reads.
STRETCHES = ((datetime(2010, 1, 1, tzinfo=UTC), 59), *[(datetime(2025, 1, 1, tzinfo=UTC), 365)] * 3)


@dataclass(frozen=True)
class World:
    """The events as emitted (repeats included), and where they are stored."""

    client: Client
    settings: ClickHouseSettings
    events: tuple[dict[str, Any], ...]
    rejected: tuple[tuple[str, str, datetime], ...]


def imagine(random: Random, count: int) -> list[dict[str, Any]]:
    """Events over sixteen years, most of them near the edges of local days and quarter-hours."""
    edges = [
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
        for zone, texts in EDGES.items()
        for text in texts
        for fold in (0, 1)
    ]
    events = []
    for _ in range(count):
        org = random.choice(ORGS)
        near = random.random()
        if near < 0.6:
            moment = random.choice(edges).astimezone(UTC) + timedelta(minutes=15 * random.randint(-110, 110))
        else:
            begin, days = random.choice(STRETCHES)
            moment = begin + timedelta(minutes=15 * random.randrange(days * 96))
        moment += timedelta(
            milliseconds=random.choice([0, 0, -1, 1, 59_999, 60_000, 60_001, random.randrange(900_000)])
        )
        event: dict[str, Any] = {
            "org_id": org,
            "event_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "action": random.choice(["page:view", "user:login", "run:update", "odd action"]),
            "is_activity": random.random() < 0.9,
        }
        kind = random.random()
        if kind < 0.8:
            event["actor_user_id"] = random.choice(
                ["Ann", "ann", "Zoë", "bob@x.org", "=cmd", *(f"person-{n:02}" for n in range(25))]
            )
        elif kind < 0.9:
            event |= {"actor_type": "service_account", "actor_user_id": f"bot-{random.randrange(3)}"}
        elif kind < 0.97:
            event["actor_email"] = random.choice(["Mia@Example.org", "mia@example.org", "Ñandu@example.org"])
        events.append(event)
        if random.random() < 0.05:
            # Another tenant's event with the same id, which must stay another event.
            events.append(event | {"org_id": random.choice([each for each in ORGS if each != org])})
    return events


@pytest.fixture(scope="session")
def world(databases: Databases) -> Iterator[World]:
    """The history stored twice over, in another order the second time; kept until the session ends."""
    random = Random(20260131)
    events = imagine(random, 2500)
    again = random.sample(events, len(events))
    rejected = tuple(
        (
            random.choice([*ORGS, ""]),
            random.choice(["bad_json", "missing_field"]),
            datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=number),
        )
        for number in range(60)
    )
    with databases.lend() as (settings, client):
        store(client, events)
        store(client, again, start=len(events))
        reject(client, rejected)
        reject(client, rejected)
        yield World(client, settings, (*events, *again), rejected)


@dataclass(frozen=True)
class Town:
    """A database for tests about people, each of whom takes an organisation of its own."""

    client: Client
    settings: ClickHouseSettings


@pytest.fixture(scope="session")
def town(databases: Databases) -> Iterator[Town]:
    """Empty at first; kept until the session ends."""
    with databases.lend() as (settings, client):
        yield Town(client, settings)


@pytest.fixture(scope="session")
def api(world: World) -> Iterator[httpx.Client]:
    """The API over that history, for every organisation."""
    from tests.queries.serving import NO_KAFKA, serving  # not before pytest's warning filters stand

    from trailhouse.queries.settings import ApiSettings

    with serving(ApiSettings(clickhouse=world.settings, kafka=NO_KAFKA)) as client:
        yield client


@pytest.fixture
def lost() -> Iterator[httpx.Client]:
    """An API whose ClickHouse and Kafka are away."""
    from tests.queries.serving import NO_CLICKHOUSE, NO_KAFKA, serving

    from trailhouse.queries.settings import ApiSettings

    with serving(ApiSettings(clickhouse=NO_CLICKHOUSE, kafka=NO_KAFKA)) as client:
        yield client
