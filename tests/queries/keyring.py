"""Keys for tests: made, kept in a table, and as the headers that show them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from trailhouse.queries.key import Key, Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.sinks.clickhouse import Client

WRITE = (Scope.EVENTS_WRITE,)


def give(
    client: Client,
    orgs: Collection[str] = ("acme",),
    scopes: Collection[Scope] = WRITE,
    *,
    username: str = "demo",
    age: timedelta = timedelta(),
    life: timedelta | None = None,
    default_org: str = "",
) -> tuple[Key, str]:
    """A key and its text, kept in the table; made `age` ago."""
    key, text = new_key(
        username, orgs, scopes, now=datetime.now(UTC) - age, life=life, default_org=default_org
    )
    add_keys(client, [key])
    return key, text.reveal()


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
