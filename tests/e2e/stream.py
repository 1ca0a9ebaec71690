"""A raw stream as a company's years leave it, and what every report must say of it.

Two organisations with people and machines, fifteen years of history, late events, exact resends, and records that
cannot become events. The same seed gives the same stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import orjson
from tests import oracle
from tests.oracle import Window
from tests.sinks.lines import text_of

from trailhouse.producers.actions import classify
from trailhouse.producers.company import generate
from trailhouse.queries.caller import Caller
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run
from trailhouse.sinks.clickhouse import Client

ORGS = ("acme", "beta")
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")
END = datetime.now(UTC).date() - timedelta(days=2)
NOW = datetime.combine(END, datetime.min.time(), UTC) + timedelta(hours=13)
REPORTS = load()


@dataclass
class RawStream:
    """`records` in the order they are published; `events` = those of them that become events, repeats included.

    `places` = the index in `records` of each of `events`.
    """

    records: list[bytes | None] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    places: list[int] = field(default_factory=list)


def imagine(seed: int, *, people: int, days: int, history: int) -> RawStream:
    """`people` of two organisations over the last `days`, `history` events over fifteen years before, and trouble."""
    random = Random(seed)
    events = [each for org in ORGS for each in told(seed, org, people, days)]
    events += old(random, history, days)
    # Arrival: mostly in order of time, some days late, some at once with what happened years before.
    arrivals = [
        (each["occurred_at"] if random.random() < 0.9 else text_of(late(random)), each) for each in events
    ]
    arrivals.sort(key=lambda each: each[0])
    stream = RawStream()
    for _, each in arrivals:
        publish(stream, orjson.dumps(each), each)
        if random.random() < 0.02:
            again = random.choice(stream.events[-500:])
            publish(stream, orjson.dumps(without(again, "is_activity")), again)
        if random.random() < 0.004:
            stream.records.append(trouble(random, each))
            stream.rejected += 1
    return stream


def publish(stream: RawStream, value: bytes, event: dict[str, Any]) -> None:
    stream.places.append(len(stream.records))
    stream.records.append(value)
    stream.events.append(event | {"is_activity": is_activity(event)})


def is_activity(event: dict[str, Any]) -> bool:
    """By the catalogue; a login that was refused is not activity of the person named in it."""
    action = classify(event["action"])
    code = event.get("response_code") or 0
    outcome = event.get("outcome") or (
        "denied" if code in {401, 403} else "failure" if code >= 400 else "success"
    )
    return action.is_activity and (outcome in {"success", "unknown"} or not action.is_login)


def told(seed: int, org: str, people: int, days: int) -> Iterator[dict[str, Any]]:
    for each in generate(seed, people=people, days=days, end=END, org_id=org):
        yield each.to_dict()


def old(random: Random, count: int, days: int) -> Iterator[dict[str, Any]]:
    until = datetime.combine(END - timedelta(days=days), datetime.min.time(), UTC)
    for _ in range(count):
        who = random.choice((*(f"u-{n:04d}" for n in range(1, 30)), "Veteran@Example.org", "bot"))
        person = {"actor_email": who} if "@" in who else {"actor_user_id": who}
        yield {
            "event_id": f"{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}",
            "occurred_at": text_of(until - timedelta(milliseconds=random.randrange(15 * 365 * 86_400_000))),
            "org_id": random.choice(ORGS),
            "action": random.choice(("page:view", "user:login", "run:update", "report:read")),
            **person,
            **({"actor_type": "service_account"} if who == "bot" else {}),
        }


def late(random: Random) -> datetime:
    return datetime.combine(END, datetime.min.time(), UTC) - timedelta(minutes=random.randrange(60 * 24 * 60))


def without(event: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}


def trouble(random: Random, event: dict[str, Any]) -> bytes | None:
    """A record that cannot become an event, for one of many reasons."""
    value = orjson.dumps(event)
    return random.choice(
        (
            None,
            b"",
            b"not json at all",
            value[:-20],
            value + b"\n" + value,
            orjson.dumps(event | {"occurred_at": "2999-01-01T00:00:00.000Z"}),
            orjson.dumps(event | {"event_id": "17"}),
            orjson.dumps(event | {"schema_version": 99}),
            json.dumps(event | {"actor_user_id": "x" * 300_000}).encode(),
        )
    )


def windows(zone: str) -> list[Window]:
    """The last 30 days, a quarter, and all fifteen years."""
    today = NOW.astimezone(UTC).date()
    return [
        Window(zone, today - timedelta(days=29), today),
        Window(zone, today - timedelta(days=100), today - timedelta(days=11)),
        Window(zone, date(today.year - 16, 1, 1), today),
    ]


def wrong_reports(client: Client, stream: RawStream, zones: Sequence[str] = ZONES) -> list[Any]:
    """Every report of every organisation, zone and window that differs from brute force; empty when all are right."""
    wrong = []
    events = oracle.distinct(stream.events)
    for org in ORGS:
        mine = [each for each in events if each["org_id"] == org]
        for zone in zones:
            for window in windows(zone):
                assert window.first is not None
                assert window.last is not None
                wanted: dict[str, list[Any]] = {
                    "active_users": [(oracle.active_users(mine, org, window),)],
                    "most_active_users": list(oracle.most_active_users(mine, org, window)),
                    "events_by_action": list(oracle.events_by_action(mine, org, window)),
                }
                is_short = (window.last - window.first).days < 200
                if is_short or (org, zone) == (ORGS[0], zones[-1]):  # brute force walks every quarter-hour
                    wanted["weekly_active_users"] = list(oracle.weekly_active_users(mine, org, window))
                if is_short:
                    wanted["users_active_over_time"] = list(oracle.users_active_over_time(mine, org, window))
                params = {
                    "org": org,
                    "timezone": zone,
                    "since": window.first.isoformat(),
                    "until": window.last.isoformat(),
                }
                for name, rows in wanted.items():
                    found = list(run(client, REPORTS[name], Caller.operator(), params, now=NOW).rows)
                    if found != rows:
                        differ = [pair for pair in zip(found, rows, strict=False) if pair[0] != pair[1]]
                        wrong.append((name, org, zone, str(window.first), len(found), len(rows), differ[:3]))
    return wrong
