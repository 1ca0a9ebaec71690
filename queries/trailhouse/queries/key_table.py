"""The table of API keys: the API reads all of it, the admin identity adds and revokes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trailhouse.queries.errors import UnknownKey
from trailhouse.queries.key import EVERY_ORG, Key, Scope
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client, insert_lines

TABLE: Final = "api_keys"
_COLUMNS: Final = (
    "key_id, digest, username, orgs, scopes, is_service_account, "
    "toUnixTimestamp64Milli(created_at), toUnixTimestamp64Milli(expires_at), toUnixTimestamp64Milli(revoked_at), default_org"
)
KEYS_SQL: Final = f"SELECT {_COLUMNS} FROM {TABLE} FINAL ORDER BY created_at, key_id"


def load_keys(client: Client) -> dict[str, Key]:
    """Every key by its id, revoked and expired ones too, oldest first; raises `StorageUnavailable`."""
    with our_errors():
        rows = client.query(KEYS_SQL).result_rows
    return {key.key_id: key for key in map(_key, rows)}


def add_keys(client: Client, keys: Iterable[Key]) -> None:
    """Keep new keys; on disk when it returns. Needs the admin identity; raises `QueryError`."""
    with our_errors():
        insert_lines(client, TABLE, [orjson.dumps(_row(key)) for key in keys])


def find_keys(client: Client, key_ids: Iterable[str]) -> list[Key]:
    """The keys with these ids, each once; raises `UnknownKey`."""
    known = load_keys(client)
    wanted = list(dict.fromkeys(key_ids))
    for key_id in wanted:
        if key_id not in known:
            raise UnknownKey(key_id)
    return [known[key_id] for key_id in wanted]


def revoke_keys(client: Client, key_ids: Iterable[str], now: datetime) -> list[Key]:
    """Revoke for ever; returns the keys, those revoked before unchanged. Raises `UnknownKey`, then none is revoked."""
    revoked = [
        key if key.revoked_at is not None else dataclasses.replace(key, revoked_at=now)
        for key in find_keys(client, key_ids)
    ]
    add_keys(client, revoked)
    return revoked


def _key(row: Any) -> Key:
    key_id, digest, username, orgs, scopes, is_service_account, created, expires, revoked, default_org = row
    return Key(
        str(key_id),
        bytes.fromhex(digest),
        str(username),
        None if EVERY_ORG in orgs else frozenset(orgs),
        # A scope of a later version means nothing to this one.
        frozenset(Scope(scope) for scope in scopes if scope in set(Scope)),
        datetime.fromtimestamp(created / 1000, UTC),
        _moment(expires),
        _moment(revoked),
        bool(is_service_account),
        str(default_org),
    )


def _row(key: Key) -> Mapping[str, object]:
    return {
        "key_id": key.key_id,
        "digest": key.digest.hex(),
        "username": key.username,
        "orgs": [EVERY_ORG] if key.orgs is None else sorted(key.orgs),
        "scopes": sorted(key.scopes),
        "is_service_account": key.is_service_account,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "default_org": key.default_org,
        "is_revoked": int(key.revoked_at is not None),
    }


def _moment(millis: int | None) -> datetime | None:
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)
