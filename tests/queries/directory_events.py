"""Events about the people of an organisation of a test's own, enriched and stored as the pipeline would."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from tests.sinks.lines import enriched

from trailhouse.producers.event import AuditEvent
from trailhouse.queries.caller import Caller
from trailhouse.queries.directory import Directory, Person, Wanted, read_directory
from trailhouse.sinks.clickhouse import Client, insert_lines

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
_numbers = count()


@dataclass(frozen=True)
class Org:
    """An organisation nobody else has; `tell` stores events of it, the methods after it read its directory."""

    client: Client
    name: str

    @classmethod
    def new(cls, client: Client) -> Org:
        return cls(client, f"org-{uuid.uuid4().hex[:8]}")

    def tell(self, *events: Mapping[str, Any] | AuditEvent) -> None:
        told = [each.to_dict() if isinstance(each, AuditEvent) else dict(each) for each in events]
        lines = enriched(
            [each | {"org_id": self.name} for each in told],
            received=max(NOW, datetime.now(UTC)),
            start=next(_numbers) * 1000,
        )
        insert_lines(self.client, "landing", lines)

    def tell_in_any_way(self, random: Random, events: Iterable[Mapping[str, Any] | AuditEvent]) -> None:
        """Everything once or more, in another order, in pieces."""
        told = list(events)
        told = random.sample(told, len(told)) + random.choices(told, k=len(told) // 2)
        while told:
            size = random.randint(2, 9)
            self.tell(*told[:size])
            del told[:size]

    def directory(self, *, masked: bool = False, now: datetime = NOW, **wanted: str) -> Directory:
        caller = Caller(frozenset({self.name}), read_pii=not masked)
        return read_directory(self.client, caller, Wanted(**wanted), now=now)

    def people(self, **wanted: Any) -> dict[str, Person]:
        return {each.user: each for each in self.directory(**wanted).people}

    def person(self, **wanted: Any) -> Person:
        (found,) = self.directory(**wanted).people
        return found


def days_ago(days: int, clock: str = "09:00") -> str:
    """A time of day some days before the real today, for those who ask by the real clock."""
    return f"{datetime.now(UTC).date() - timedelta(days=days)}T{clock}"


def said(action: str, at: str, **fields: Any) -> dict[str, Any]:
    """An event with an id made from what it says."""
    event = {"action": action, "occurred_at": f"{at}:00Z" if len(at) == 16 else at, **fields}
    return event | {"event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(event.items()))))}


def invite(at: str, team: str = "vision", **whom: str) -> dict[str, Any]:
    """Somebody is invited by the boss."""
    return said(
        "team:invite_user",
        at,
        actor_user_id="boss",
        entity_asset=f"team-{team}",
        entity_name=team.title(),
        **whom,
    )


def view(at: str, who: str, **fields: Any) -> dict[str, Any]:
    """Somebody opens a page."""
    return said("page:view", at, actor_user_id=who, **fields)
