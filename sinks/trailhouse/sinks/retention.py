"""Retention: how many days each organisation keeps each class of data, as somebody said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.errors import RetentionRefused

#: Stands for every organisation that says nothing of its own.
EVERY_ORG: Final = "*"
EVENTS, PII, ACTIVITY, REJECTED, BACKUPS = "events", "pii", "activity", "rejected", "backups"
CLASSES: Final[Mapping[str, str]] = {
    EVENTS: "what happened (tables `events` and `notable`), with its personal data",
    PII: "the personal data of events (table `event_pii`); the events stay",
    ACTIVITY: "who was active when, with which key and from where (tables `user_days`, `login_slots`, `key_days`, `sightings`), under hashes",
    REJECTED: "records that could not become events (table `rejected`), which hold no content",
    BACKUPS: "your backups of ClickHouse: said here for `trailhouse erase`, deleted by you",
}
DAYS_MAX: Final = 36_500
POLICIES_SQL: Final = "SELECT org_id, class, days, set_by, set_at FROM retention FINAL ORDER BY org_id, class"


@dataclass(frozen=True, slots=True)
class Policy:
    """One setting; `days` 0 = for ever. A day is kept until it lies `days` full UTC days back."""

    org_id: str
    data_class: str
    days: int
    set_by: str = ""
    set_at: datetime | None = None


def check_policy(policy: Policy) -> Policy:
    """The policy itself; raises `RetentionRefused` for an unknown class or a number of days out of range."""
    if policy.data_class not in CLASSES:
        raise RetentionRefused(f"{policy.data_class!r} is no class of data", "one of " + ", ".join(CLASSES))
    if not 0 <= policy.days <= DAYS_MAX:
        raise RetentionRefused(f"{policy.days} days", f"0 (for ever) to {DAYS_MAX}")
    return policy


def set_policy(client: Client, policy: Policy) -> None:
    """Keep a setting from now on; raises as `check_policy`."""
    check_policy(policy)
    columns = ["org_id", "class", "days", "set_by"]
    insert_rows(
        client, "retention", columns, [[policy.org_id, policy.data_class, policy.days, policy.set_by]]
    )


def policies(client: Client) -> list[Policy]:
    """Every setting, by organisation and class."""
    rows = client.query(POLICIES_SQL).result_rows
    return [
        Policy(str(org), str(name), int(days), str(by), at.replace(tzinfo=UTC))
        for org, name, days, by, at in rows
    ]


def days_kept(settings: Iterable[Policy], org: str, data_class: str) -> int | None:
    """How long `org` keeps a class: its own word, else that for all; None = for ever.

    Personal data never outlives the event it belongs to.
    """
    by_place = {(each.org_id, each.data_class): each.days for each in settings}
    days = _days(by_place, org, data_class)
    if data_class == PII and (of_events := _days(by_place, org, EVENTS)) is not None:
        return of_events if days is None else min(days, of_events)
    return days


def _days(by_place: Mapping[tuple[str, str], int], org: str, data_class: str) -> int | None:
    return by_place.get((org, data_class), by_place.get((EVERY_ORG, data_class), 0)) or None
