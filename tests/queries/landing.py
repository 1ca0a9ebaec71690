"""Put event dicts into `landing` as the sink would, without Kafka."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from tests import oracle
from tests.stream import factories

from trailhouse.producers.actions import classify
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.stream.bundle import Bundle, enrich_bundle


def user_ref(org: str, identity: str) -> int:
    """Some 64-bit stand-in for a person; reports must work with any."""
    return int.from_bytes(hashlib.sha256(f"{org}\0{identity}".encode()).digest()[:8]) if identity else 0


def store(client: Client, events: Iterable[Mapping[str, Any]], *, repeats: int = 1, start: int = 0) -> None:
    """Insert every event `repeats` times, in inserts of at most 24 months each, as the sink's batches are."""
    rows = [row(event, offset) for offset, event in enumerate(events, start=start)]
    rows.sort(key=lambda each: each["occurred_at"])
    for _ in range(repeats):
        batch: list[bytes] = []
        months: set[str] = set()
        for each in rows:
            months.add(each["occurred_at"][:7])
            if len(months) > 24:
                insert_lines(client, "landing", batch)
                batch, months = [], {each["occurred_at"][:7]}
            batch.append(orjson.dumps(each))
        if batch:
            insert_lines(client, "landing", batch)


def land_raw(
    client: Client, events: Sequence[Mapping[str, Any]], *, at: datetime = factories.RECEIVED
) -> Bundle:
    """Run raw events, received at `at`, through the stream's functions and insert the lines they become."""
    received = int(at.timestamp() * 1000)
    records = [
        factories.RawRecord(orjson.dumps(event), offset, received) for offset, event in enumerate(events)
    ]
    bundle = enrich_bundle(records, epoch="raw", partition=0, from_offset=0, rules=factories.RULES)
    insert_lines(client, "landing", bundle.lines)
    stored = {"epoch": "raw", "partition": 0, "first": 0, "last": len(events) - 1, "received_at": _text(at)}
    insert_lines(client, "batches", [orjson.dumps(stored)])
    return bundle


def reject(client: Client, reasons: Iterable[tuple[str, str, datetime]], *, start: int = 0) -> None:
    """Insert rejected records: (org, reason, received_at)."""
    lines = [
        orjson.dumps(
            {
                "epoch": "e",
                "partition": 1,
                "offset": offset,
                "from": offset,
                "received_at": _text(at),
                "reason": reason,
                "org_id": org,
            }
        )
        for offset, (org, reason, at) in enumerate(reasons, start=start)
    ]
    insert_lines(client, "landing", lines)


def row(event: Mapping[str, Any], offset: int) -> dict[str, Any]:
    """The columns of `landing` that reports depend on."""
    who = oracle.identity(event)
    return {
        "epoch": "e",
        "partition": 0,
        "offset": offset,
        "from": offset,
        "received_at": _text(datetime(2026, 6, 1, 12, tzinfo=UTC)),
        "org_id": event["org_id"],
        "event_id": event["event_id"],
        "occurred_at": _text(oracle.when(event)),
        "action": event["action"],
        "category": classify(event["action"]).category,
        "is_activity": event.get("is_activity", True),
        "is_login": event.get("is_login", event["action"] == "user:login" and event.get("is_activity", True)),
        "actor_type": event.get("actor_type", "user") if who else "anonymous",
        "user_ref": user_ref(event["org_id"], who),
        "identity": who,
        **{name: event[name] for name in ("source", "outcome", "attributes") if name in event},
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
