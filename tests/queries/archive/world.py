"""A database with events that landed, through the stream's own functions, for tests of the archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from tests.stream import factories

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.stream.bundle import enrich_bundle


def land(
    client: Client,
    events: Iterable[Mapping[str, Any] | bytes],
    *,
    start: int = 0,
    partition: int = 0,
    epoch: str = "topic",
    at: datetime = factories.RECEIVED,
    is_recorded: bool = True,
) -> int:
    """Land raw events from offset `start` on, received at `at`, as a sink would; returns the next offset."""
    values = [each if isinstance(each, bytes) else orjson.dumps(each) for each in events]
    received = int(at.timestamp() * 1000)
    records = [factories.RawRecord(value, start + number, received) for number, value in enumerate(values)]
    bundle = enrich_bundle(
        records, epoch=epoch, partition=partition, from_offset=start, rules=factories.RULES
    )
    insert_lines(client, "landing", bundle.lines)
    if is_recorded:
        record_batch(client, start, start + len(values) - 1, partition=partition, epoch=epoch, at=at)
    return start + len(values)


def record_batch(
    client: Client,
    first: int,
    last: int,
    *,
    partition: int = 0,
    epoch: str = "topic",
    at: datetime = factories.RECEIVED,
) -> None:
    """Put a batch into the ledger, which a sink does once all its rows are stored."""
    row = {
        "epoch": epoch,
        "partition": partition,
        "first": first,
        "last": last,
        "events": last - first + 1,
        "received_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    insert_lines(client, "batches", [orjson.dumps(row)])


def events(count: int, *, start: int = 0, org: str = "acme", **fields: Any) -> list[dict[str, Any]]:
    """Events of an organisation, a tenth of a second apart, by three people, with personal data in them."""
    return [
        factories.event(
            event_id=f"01920f0e-7c5a-7b3e-8f43-{start + number:012x}",
            org_id=org,
            occurred_at=moment(start + number),
            actor_user_id=f"person-{number % 3}",
            actor_email=f"canary-{number % 3}@leak.example",
            **fields,
        )
        for number in range(count)
    ]


def moment(number: int) -> str:
    at = factories.RECEIVED - timedelta(hours=2) + timedelta(milliseconds=100 * number)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
