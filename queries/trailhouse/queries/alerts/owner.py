"""Who answers for an alert: it speaks as long as they may administer its organisation. Pure but for reading the keys.

The owner is who made the alert, changed it last, or took it over: a key, `operator:NAME`, or a person whom the OpenID
provider named (`key:oidc:…`), of whose rights nothing is known once they are gone, so theirs go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.key_table import load_keys
from trailhouse.sinks.clickhouse import Client

_PERSON: Final = "oidc:"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an alert says nothing. `is_final`: until somebody takes it over; else the key may yet become known."""

    reason: str
    is_final: bool = True


def key_of(alert: Alert) -> str:
    """The id of the key that answers for an alert; '' where none does."""
    kind, _, name = alert.owner.partition(":")
    return name if kind == "key" and not name.startswith(_PERSON) else ""


def keys_of(client: Client, alerts: Iterable[Alert]) -> Mapping[str, Key]:
    """The keys, if one of them answers for one of these alerts; raises `StorageUnavailable`."""
    return load_keys(client) if any(map(key_of, alerts)) else {}


def stop_of(alert: Alert, keys: Mapping[str, Key], now: datetime) -> Stop | None:
    """Why an alert must say nothing; None = its owner may still have it speak."""
    key_id = key_of(alert)
    if not key_id:
        return None
    key = keys.get(key_id)
    if key is None:
        return Stop(f"its key {key_id} is not known", is_final=False)
    if key.revoked_at is not None:
        return Stop(f"its key {key_id} was revoked on {_day(key.revoked_at)}")
    if key.status(now) != "active" and key.expires_at is not None:
        return Stop(f"its key {key_id} expired on {_day(key.expires_at)}")
    if key.orgs is not None and alert.org not in key.orgs:
        return Stop(f"its key {key_id} is no longer for {alert.org}")
    return None if key.allows(Scope.ADMIN) else Stop(f"its key {key_id} administers no more")


def may_see_people(alert: Alert, keys: Mapping[str, Key], now: datetime) -> bool:
    """Whether who answers for the alert may see people of its organisation now; a key must still be good."""
    if alert.owner.startswith("operator:"):
        return True
    key = keys.get(key_of(alert))
    return key is not None and stop_of(alert, keys, now) is None and key.allows(Scope.AUDIT_READ_PII)


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
