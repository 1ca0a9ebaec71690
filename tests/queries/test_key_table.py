"""The table of keys on the real engine."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from tests.queries.keyring import give
from tests.queries.serving import NO_CLICKHOUSE

from trailhouse.queries.errors import StorageUnavailable, UnknownKey
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.key_table import add_keys, load_keys, revoke_keys
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import Client

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_keys_come_back_as_they_went(database: Client) -> None:
    """Every field, every organisation too, oldest first."""
    made = [
        new_key(
            "démo 'x'",
            ["acme", "beta"],
            [Scope.AUDIT_READ, Scope.AUDIT_READ_PII],
            now=NOW,
            default_org="beta",
        )[0],
        new_key(
            "bot",
            ["acme"],
            [Scope.EVENTS_WRITE],
            now=NOW + timedelta(seconds=1),
            life=timedelta(days=1),
            is_service_account=True,
        )[0],
        new_key("admin", ["*"], [Scope.ADMIN], now=NOW + timedelta(seconds=2))[0],
    ]
    add_keys(database, reversed(made))
    add_keys(database, made)
    assert list(load_keys(database).values()) == made


def test_the_table_never_holds_a_key(database: Client) -> None:
    """No column of any row has the text, or its secret half."""
    _, text = give(database)
    rows = str(database.query("SELECT * FROM api_keys").result_rows)
    assert text not in rows
    assert text.rpartition("_")[2] not in rows


def test_revoked_is_for_ever(database: Client) -> None:
    """Also when the row that made the key arrives again afterwards; a second time changes nothing."""
    key, _ = give(database)
    other, _ = give(database)
    (revoked,) = revoke_keys(database, [key.key_id, key.key_id], NOW)
    assert revoked == dataclasses.replace(key, revoked_at=NOW)
    add_keys(database, [key])
    database.command("OPTIMIZE TABLE api_keys FINAL")
    assert load_keys(database)[key.key_id].revoked_at == NOW
    (again,) = revoke_keys(database, [key.key_id], NOW + timedelta(days=1))
    assert again.revoked_at == NOW
    assert load_keys(database)[other.key_id].revoked_at is None


def test_an_unknown_id_revokes_nothing(database: Client) -> None:
    """Named, and the others of the same call stay good."""
    key, _ = give(database)
    with pytest.raises(UnknownKey, match="'nope'"):
        revoke_keys(database, [key.key_id, "nope"], NOW)
    assert load_keys(database)[key.key_id].revoked_at is None


def test_a_scope_of_a_later_version_means_nothing(database: Client) -> None:
    """A newer command may write what this version does not know."""
    key, _ = give(database, scopes=[Scope.REPORTS_READ])
    database.command(
        "INSERT INTO api_keys SELECT * REPLACE (['reports:read', 'moon:walk'] AS scopes) FROM api_keys"
    )
    assert load_keys(database)[key.key_id].scopes <= {Scope.REPORTS_READ}


def test_a_store_that_is_away_is_our_error() -> None:
    """Not the driver's."""
    with pytest.raises(StorageUnavailable), Pool(NO_CLICKHOUSE).client() as client:
        load_keys(client)
