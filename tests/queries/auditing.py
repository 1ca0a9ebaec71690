"""Events that fill every key of the audit log, put where the sink puts them, and what their entries must be.

`entry` knows nothing of SQL: it is W&B's table (seed 002, requirements §4), applied to the event as it was sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
from tests.sinks.lines import enriched, text_of

from trailhouse.sinks.clickhouse import Client, insert_lines

KEYS = [
    "action",
    "actor_email",
    "actor_ip",
    "actor_user_id",
    "artifact_asset",
    "artifact_digest",
    "artifact_qualified_name",
    "artifact_sequence_asset",
    "cli_version",
    "entity_asset",
    "entity_name",
    "project_asset",
    "project_name",
    "report_asset",
    "report_name",
    "response_code",
    "timestamp",
    "user_asset",
    "user_email",
]
PERSONAL = [
    "actor_email",
    "actor_ip",
    "actor_user_id",
    "artifact_qualified_name",
    "entity_name",
    "project_name",
    "report_name",
    "user_asset",
    "user_email",
]
# Texts that JSON, CSV, SQL and spreadsheets would rather not see.
HARD = (
    "plain",
    'quo"te, and, comma',
    "back\\slash \\/ and /slash",
    "new\nline and\ttab",
    "=1+1",
    "@cmd",
    "-2",
    "naïve ☃ \U0001f600",
    "{}",
    "[]",
    "it's 'so'",
    "\u2028 separator",
    "\uff1dwide",
    "\x1b[31mred",
)


def imagine(
    random: Random, count: int, org: str = "acme", *, day: datetime | None = None
) -> list[dict[str, Any]]:
    """Events of three days with any subset of the keys, and with what else an event may hold."""
    start = day or datetime(2026, 2, 27, tzinfo=UTC)
    events: list[dict[str, Any]] = []
    for _ in range(count):
        moment = datetime.fromtimestamp(start.timestamp() + random.randrange(3 * 86_400_000) / 1000, UTC)
        event: dict[str, Any] = {
            "event_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
            "occurred_at": text_of(moment),
            "org_id": org,
            "action": random.choice(
                ("artifact:read", "user:login", "team:invite_user", "odd thing", 'a "b" \\ /c')
            ),
        }
        for name in KEYS:
            if name not in {"action", "timestamp", "response_code"} and random.random() < 0.5:
                event[name] = random.choice(HARD)
        if random.random() < 0.5:
            event["response_code"] = random.choice((200, 403, 500))
        if random.random() < 0.3:
            event["actor_email"] = f"person{random.randrange(9)}@example.org"
        if random.random() < 0.3:
            # Personal data where none belongs: redacted in `events`, whole for those who may see it.
            event[random.choice(("entity_asset", "cli_version", "report_asset"))] = "of mia@example.org"
        if random.random() < 0.3:
            event["attributes"] = {"page": "/x", "email": "leo@example.org", "note": random.choice(HARD)}
        if random.random() < 0.2:
            event["changes"] = {"role": {"before": "a\\/b", "after": "=c"}}
        events.append(event)
    return events


def store(
    client: Client, events: Sequence[Mapping[str, Any]], *, start: int = 0, partition: int = 0
) -> list[bytes]:
    """Insert the events as the worker and the sink would; the lines."""
    lines = enriched(events, start=start, partition=partition, received=datetime.now(UTC))
    insert_lines(client, "landing", lines)
    return lines


def settle(client: Client, last: int, *, partition: int = 0, epoch: str = "epoch-a") -> None:
    """Say, as a sink does once it has stored a batch, that everything of a partition up to `last` is there."""
    row = {
        "epoch": epoch,
        "partition": partition,
        "first": 0,
        "last": last,
        "received_at": "2026-03-02T09:00:00Z",
    }
    insert_lines(client, "batches", [orjson.dumps(row)])


def entry(event: Mapping[str, Any], *, read_pii: bool = True) -> dict[str, Any]:
    """The entry W&B's table asks for; without `read_pii` nothing personal is in it."""
    moment = datetime.fromisoformat(event["occurred_at"]).replace(microsecond=0)
    made = {name: event[name] for name in KEYS if event.get(name)}
    made["timestamp"] = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if not read_pii:
        made = {name: value for name, value in made.items() if name not in PERSONAL}
        made = {
            name: value.replace("mia@example.org", "<email>").replace("leo@example.org", "<email>")
            if isinstance(value, str)
            else value
            for name, value in made.items()
        }
    return dict(sorted(made.items()))


def order(event: Mapping[str, Any]) -> str:
    """By time; ids of one millisecond come in any order of the store's."""
    return str(event["occurred_at"])
