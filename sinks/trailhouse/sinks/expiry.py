"""Expiry: what retention lets go is shown first, then written down, then deleted, so that the books know where it went.

Events and rejected records are written to `expired` one by one, and exactly those are deleted, from `events` and from
what was made of it row by row: what arrives meanwhile stays until the next time. Repeating a run that was cut off
finishes it. Nothing expires that a legal hold covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.hold import Hold, holds
from trailhouse.sinks.retention import ACTIVITY, EVENTS, PII, REJECTED, days_kept, policies


@dataclass(frozen=True, slots=True)
class Due:
    """What of one organisation and class goes: all before the UTC day `before`. `rows` are those that do.

    `held` = rows as old that persons' holds keep; `hold_id` = the hold that keeps all of it ('' = none), and then
    `rows` is 0. `oldest` and `newest` = days of the rows that go, None where there are none.
    """

    org_id: str
    data_class: str
    before: date
    rows: int
    held: int = 0
    oldest: date | None = None
    newest: date | None = None
    hold_id: str = ""


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a class lies: its table, the day of a row, whether a hold on persons keeps it, and how the books count it.

    `beside` = tables made of the same rows, which go with them, each with what says that a row of it is too old.
    `logins` = whether it takes from `login_slots` the logins of these days: a row there holds all of a person's.
    """

    name: str
    day: str
    is_held: str
    slot: str = ""
    id: str = ""
    beside: tuple[tuple[str, str], ...] = ()
    logins: bool = False


_TABLES: Final[Mapping[str, _Table]] = {
    EVENTS: _Table(
        "events",
        "toDate(occurred_at)",
        # Who acted, who was acted upon, or who is named inside a value: `event_pii` knows the last.
        "(has({refs:Array(UInt64)}, user_ref) OR has({refs:Array(UInt64)}, target_ref) OR event_id IN "
        "(SELECT event_id FROM event_pii WHERE org_id = {org:String} AND hasAny(subject_refs, {refs:Array(UInt64)})))",
        "toStartOfFifteenMinutes(toDateTime(occurred_at, 'UTC'))",
        "sipHash64(org_id, event_id)",
        (("notable", "toDate(occurred_at) < {before:Date}"),),
    ),
    PII: _Table(
        "event_pii",
        "toDate(occurred_at)",
        "(has({refs:Array(UInt64)}, user_ref) OR hasAny(subject_refs, {refs:Array(UInt64)}))",
    ),
    ACTIVITY: _Table(
        "user_days",
        "day",
        "has({refs:Array(UInt64)}, user_ref)",
        beside=(
            ("key_days", "day < {before:Date}"),
            # Whole or not at all: half of its rows gone, what was seen first would look new.
            (
                "sightings",
                """(user_ref, actor_type, kind, value) IN (
                SELECT user_ref, actor_type, kind, value FROM sightings
                WHERE org_id = {org:String} GROUP BY ALL HAVING toDate(max(last).1) < {before:Date})""",
            ),
        ),
        logins=True,
    ),
    REJECTED: _Table(
        "rejected",
        "toDate(received_at)",
        "(length({refs:Array(UInt64)}) < 0)",  # names nobody
        "toStartOfFifteenMinutes(toDateTime(received_at, 'UTC'))",
        "sipHash64(epoch, partition, offset)",
    ),
}


def plan_expiry(client: Client, today: date) -> list[Due]:
    """Everything that is due on the UTC day `today`, by organisation and class; what a hold keeps is in it, with 0 rows.

    Events come before their personal data, which says whom a person's hold covers.
    """
    settings, standing = policies(client), [each for each in holds(client) if each.is_standing]
    due = []
    for org in _orgs(client):
        for data_class in _TABLES:
            days = days_kept(settings, org, data_class)
            if days is not None:
                due.append(_count(client, org, data_class, today - timedelta(days=days), standing))
    return [each for each in due if each.rows or each.held]


def expire(client: Client, due: Due, *, expired_by: str) -> int:
    """Delete what `due` says, as of now; returns how many rows went. Holds placed since are respected."""
    standing = [each for each in holds(client, due.org_id) if each.is_standing]
    now = _count(client, due.org_id, due.data_class, due.before, standing)
    if not now.rows:
        return 0
    table, asked = _TABLES[due.data_class], _asked(due.org_id, due.before, standing)
    if table.id:
        for month in _months(client, table, asked):
            _expire_month(client, due.data_class, asked | month)
    else:
        # What lies beside goes first: while rows of the table itself are left, a run that was cut off is repeated.
        if table.logins:
            _forget_logins(client, table, asked)
        for name, is_old in (*table.beside, (table.name, f"{table.day} < {{before:Date}}")):
            _delete(client, name, f"org_id = {{org:String}} AND {is_old} AND NOT {table.is_held}", asked)
    columns = ["org_id", "class", "before", "rows", "expired_by"]
    row = [due.org_id, due.data_class, due.before, now.rows, expired_by]
    insert_rows(client, "expiries", columns, [row])
    return now.rows


def _count(client: Client, org: str, data_class: str, before: date, standing: Sequence[Hold]) -> Due:
    table = _TABLES[data_class]
    rows, held, oldest, newest = client.query(
        f"SELECT countIf(NOT {table.is_held}), countIf({table.is_held}), minIf({table.day}, NOT {table.is_held}), maxIf({table.day}, NOT {table.is_held}) "
        f"FROM {table.name} FINAL WHERE org_id = {{org:String}} AND {table.day} < {{before:Date}}",
        parameters=_asked(org, before, standing),
    ).result_rows[0]
    if hold := next((each for each in standing if each.covers(org, ())), None):
        return Due(org, data_class, before, 0, int(rows) + int(held), hold_id=hold.hold_id)
    return Due(org, data_class, before, int(rows), int(held), *((oldest, newest) if rows else (None, None)))


def _expire_month(client: Client, data_class: str, asked: Mapping[str, Any]) -> None:
    """A month at a time, which bounds memory: write down which, then delete exactly those."""
    table = _TABLES[data_class]
    is_old = f"org_id = {{org:String}} AND toYYYYMM({table.day}) = {{month:UInt32}} AND {table.day} < {{before:Date}}"
    client.command(
        f"INSERT INTO expired (class, org_id, slot, id) SELECT {{class:String}}, org_id, {table.slot}, {table.id} "
        f"FROM {table.name} WHERE {is_old} AND NOT {table.is_held}",
        parameters={**asked, "class": data_class},
    )
    written = (
        "(SELECT id FROM expired WHERE class = {class:String} AND org_id = {org:String} "
        "AND toYYYYMM(slot) = {month:UInt32} AND toDate(slot) < {before:Date})"
    )
    named = {**asked, "class": data_class}
    # A hold may have been placed since a run that was cut off wrote them down.
    for name in (*(each for each, _ in table.beside), table.name):
        _delete(client, name, f"{is_old} AND {table.id} IN {written} AND NOT {table.is_held}", named)


def _forget_logins(client: Client, table: _Table, asked: Mapping[str, Any]) -> None:
    """Take the quarter-hours before a day out of the bitmaps, then the rows in which none is left."""
    client.command(
        "ALTER TABLE login_slots UPDATE slots = bitmapSubsetInRange(slots, toUInt32(toUInt32({before:Date}) * 96), toUInt32(4294967295)) "
        "WHERE org_id = {org:String} AND bitmapMin(slots) < toUInt32({before:Date}) * 96 "
        f"AND NOT {table.is_held} SETTINGS mutations_sync = 2",
        parameters=dict(asked),
    )
    _delete(client, "login_slots", "org_id = {org:String} AND bitmapCardinality(slots) = 0", asked)


def _delete(client: Client, table: str, condition: str, asked: Mapping[str, Any]) -> None:
    client.command(
        f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2", parameters=dict(asked)
    )


def _months(client: Client, table: _Table, asked: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    rows = client.query(
        f"SELECT DISTINCT toYYYYMM({table.day}) AS month FROM {table.name} "
        f"WHERE org_id = {{org:String}} AND {table.day} < {{before:Date}} ORDER BY month",
        parameters=dict(asked),
    ).result_rows
    return ({"month": int(row[0])} for row in rows)


def _asked(org: str, before: date, standing: Sequence[Hold]) -> dict[str, Any]:
    refs = sorted({ref for each in standing if each.org_id == org for ref in each.user_refs})
    return {"org": org, "before": before, "refs": refs}


def _orgs(client: Client) -> list[str]:
    """Every organisation with anything that could expire; '' for rejected records that name none."""
    rows = client.query(
        "SELECT DISTINCT org_id FROM (SELECT org_id FROM action_slots UNION ALL SELECT org_id FROM user_days "
        "UNION ALL SELECT org_id FROM rejected) ORDER BY org_id"
    ).result_rows
    return [str(row[0]) for row in rows]
