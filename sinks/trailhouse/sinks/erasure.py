"""Erasing a person: the tombstone first, so that nothing comes back, then every row that speaks of them.

Deleted are whole rows of `event_pii` (whoever acted, was acted upon, or is named inside a value) and of the
directory. What is counted stays: `events`, the masks, the sets and the ledger hold no names, so no total changes and
the books go on balancing. Erasing again changes nothing and finishes what was cut off.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.errors import ErasureIncomplete, Held
from trailhouse.sinks.hold import Hold, holds, refuse_if_held
from trailhouse.sinks.person import PLAIN_AT, Person

#: A partition no table has: dropping it makes the engine clear its old files now instead of within half a minute.
NO_PARTITION: Final = "190001"
# What a mutation reads stays in its text, on disk and in `system.mutations`: refs only, never an address.
TABLES: Final[Mapping[str, str]] = {
    "event_pii": "org_id = {org:String} AND (hasAny(subject_refs, {refs:Array(UInt64)}) OR has({refs:Array(UInt64)}, user_ref))",
    "users": "org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref)",
    # Also what a roster said of others: that they are the same person as this one.
    "directory": "org_id = {org:String} AND (has({refs:Array(UInt64)}, user_ref) OR (fact = 'alias' AND has({aliases:Array(UInt64)}, user_ref)))",
}
_ALIASES: Final = (
    "SELECT DISTINCT user_ref FROM directory "
    "WHERE org_id = {org:String} AND fact = 'alias' AND has({identities:Array(String)}, said.3)"
)

# Of which persons the rows of a table speak.
_SUBJECTS: Final[Mapping[str, str]] = {
    "event_pii": "arrayPushBack(subject_refs, user_ref)",
    "users": "[user_ref]",
    "directory": "[user_ref]",
}

# Others whose name or id holds an address of the person: their row goes too, and comes back without it.
_NAMESAKES: Final[Mapping[str, str]] = {
    "users": f"""
SELECT DISTINCT user_ref FROM users
WHERE org_id = {{org:String}} AND arrayExists(
  address -> positionCaseInsensitiveUTF8({PLAIN_AT.format(text="identity")}, address) > 0
    OR positionCaseInsensitiveUTF8({PLAIN_AT.format(text="finalizeAggregation(email)")}, address) > 0
    OR positionCaseInsensitiveUTF8({PLAIN_AT.format(text="finalizeAggregation(name)")}, address) > 0,
  {{addresses:Array(String)}}
)
""",
    "directory": f"""
SELECT DISTINCT user_ref FROM directory
WHERE org_id = {{org:String}} AND user_ref != 0
  AND arrayExists(address -> positionCaseInsensitiveUTF8({PLAIN_AT.format(text="said.3")}, address) > 0, {{addresses:Array(String)}})
""",
}


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was, or would be, deleted: rows by table. `erased_at` = when it was asked for first, None when not yet.

    `has_old_files`: the engine still had files of deleted rows on disk when we stopped waiting for it.
    """

    org: str
    refs: tuple[int, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    erased_at: datetime | None = None
    has_old_files: bool = False


def plan_erasure(client: Client, person: Person) -> Erasure:
    """What `erase` would delete now; raises `Held` as it would."""
    _refuse_if_held(client, person)
    return Erasure(person.org, person.refs, _count(client, person), _erased_at(client, person))


def erase(
    client: Client, person: Person, *, reason: str, erased_by: str, patience_s: float = 60.0
) -> Erasure:
    """Erase the person; returns when no row of theirs is left and the files that held them are gone.

    Raises `Held` before anything is changed, and `ErasureIncomplete` when rows are left or inserts that began before
    hang for longer than `patience_s`: what was done stays done, erase again.
    """
    _refuse_if_held(client, person)
    rows = [[person.org, ref, erased_by, reason] for ref in person.refs]
    insert_rows(client, "erased", ["org_id", "user_ref", "erased_by", "reason"], rows)
    deadline = time.monotonic() + patience_s
    _await_older_inserts(client, deadline)
    found = _count(client, person)
    _delete(client, person)
    if left := {table: count for table, count in _count(client, person).items() if count}:
        raise ErasureIncomplete(", ".join(f"{count} rows of {table}" for table, count in left.items()))
    return Erasure(
        person.org,
        person.refs,
        found,
        _erased_at(client, person),
        has_old_files=not clear_old_files(client, TABLES, deadline),
    )


def _refuse_if_held(client: Client, person: Person) -> None:
    """Raises `Held` when a hold covers the person, or anybody of whom a row that would go speaks as well."""
    refuse_if_held(client, person.org, person.refs)
    standing = [each for each in holds(client, person.org) if each.is_standing]
    spoken_of = _held_beside(client, person, standing) if standing else set()
    for each in standing:
        if each.covers(person.org, spoken_of):
            raise Held(each.hold_id, each.reason, is_beside=True)


def _held_beside(client: Client, person: Person, standing: Iterable[Hold]) -> set[int]:
    """Refs that are held and of which rows speak that erasing the person would delete."""
    held = sorted({ref for each in standing for ref in each.user_refs})
    found: set[int] = set()
    for table, condition in TABLES.items():
        rows = client.query(
            f"SELECT groupUniqArrayArray(arrayIntersect({_SUBJECTS[table]}, {{held:Array(UInt64)}})) FROM {table} WHERE {condition}",
            parameters=_asked(client, table, person) | {"held": held},
        ).result_rows
        found.update(int(ref) for ref in rows[0][0])
    return found


def clear_old_files(client: Client, tables: Iterable[str], deadline: float) -> bool:
    """Have the engine remove the files that mutations replaced; whether they are gone before `deadline` (monotonic)."""
    names = list(tables)
    while True:
        for table in names:
            client.command(f"ALTER TABLE {table} DROP PARTITION ID '{NO_PARTITION}'")
        (old,) = client.query(
            "SELECT count() FROM system.parts WHERE database = currentDatabase() AND has({tables:Array(String)}, table) AND NOT active",
            parameters={"tables": names},
        ).result_rows[0]
        if not old or time.monotonic() > deadline:
            return not old
        time.sleep(0.2)


def _delete(client: Client, person: Person) -> None:
    for table, condition in TABLES.items():
        client.command(
            f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2",
            parameters=_asked(client, table, person),
        )


def _count(client: Client, person: Person) -> dict[str, int]:
    counts = {}
    for table, condition in TABLES.items():
        asked = _asked(client, table, person)
        rows = client.query(f"SELECT count() FROM {table} WHERE {condition}", parameters=asked).result_rows
        counts[table] = int(rows[0][0])
    return counts


def _asked(client: Client, table: str, person: Person) -> dict[str, Any]:
    """What the condition of `table` binds."""
    aliases: list[int] = []
    if table == "directory":
        asked = {"org": person.org, "identities": list(person.identities)}
        aliases = sorted(int(row[0]) for row in client.query(_ALIASES, parameters=asked).result_rows)
    return {"org": person.org, "refs": _refs_in(client, table, person), "aliases": aliases}


def _refs_in(client: Client, table: str, person: Person) -> list[int]:
    """Whose rows of `table` go: the person's, and those of others that hold an address of theirs."""
    if table not in _NAMESAKES or not person.addresses:
        return sorted(person.refs)
    asked: dict[str, Any] = {"org": person.org, "addresses": list(person.addresses)}
    rows = client.query(_NAMESAKES[table], parameters=asked).result_rows
    return sorted({*person.refs, *(int(row[0]) for row in rows)})


def _await_older_inserts(client: Client, deadline: float) -> None:
    """An insert that began before the tombstone may store what it did not see yet: wait until all of them have ended."""
    began = time.monotonic()
    while True:
        age = time.monotonic() - began
        (older,) = client.query(
            "SELECT count() FROM system.processes WHERE query_kind IN ('Insert', 'AsyncInsertFlush') AND elapsed > {age:Float64}",
            parameters={"age": age},
        ).result_rows[0]
        if not older:
            return
        if time.monotonic() > deadline:
            raise ErasureIncomplete(f"{older} inserts that began before are still running")
        time.sleep(0.05)


def _erased_at(client: Client, person: Person) -> datetime | None:
    """When the last of the person's refs was erased; None while one of them is not."""
    rows = client.query(
        "SELECT count(), max(erased_at) FROM erased FINAL WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref)",
        parameters={"org": person.org, "refs": list(person.refs)},
    ).result_rows
    count, at = rows[0]
    return at.replace(tzinfo=UTC) if int(count) == len(person.refs) else None
