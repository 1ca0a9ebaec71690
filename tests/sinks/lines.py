"""Enriched lines as the worker writes them, and what every table must say after any number of inserts of them.

`expected` is brute force over the decoded lines; `readings` is what the database says. Both are dicts by table.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import orjson

from trailhouse.sinks.clickhouse import Client
from trailhouse.stream.bundle import enrich_bundle
from trailhouse.stream.persons import Pseudonyms
from trailhouse.stream.steps import Rules

RULES = Rules(Pseudonyms(b"a pepper for tests only"))
RECEIVED = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOBODY = "00000000-0000-0000-0000-000000000000"
FIRST_MOMENT = "1970-01-01T00:00:00Z"
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)

Raw = Mapping[str, Any] | bytes | None
Readings = dict[str, dict[Any, Any]]


@dataclass
class Fetched:
    """A raw record as a worker fetches it."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


def event(number: int, **fields: Any) -> dict[str, Any]:
    """A small event of its own; the same number gives the same event."""
    moment = datetime(2025, 12, 1, 8, tzinfo=UTC) + timedelta(minutes=7 * number)
    made = {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
        "occurred_at": text_of(moment),
        "org_id": "acme",
        "action": "page:view",
        "actor_user_id": f"user-{number % 13}",
        "actor_email": f"user-{number % 13}@example.org",
        "actor_name": f"Name of {number}",
    } | fields
    return {name: value for name, value in made.items() if value is not None}


def imagine(random: Random, count: int, *, days: int = 60) -> list[dict[str, Any]]:
    """Events of two organisations over `days`: people, machines, nobody; activity and none; ids shared across orgs."""
    events: list[dict[str, Any]] = []
    start = datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=days)
    for number in range(count):
        moment = start + timedelta(milliseconds=random.randrange(days * 86_400_000))
        who = random.choice((*(f"u-{n}" for n in range(20)), "robot", ""))
        events.append(
            event(
                number,
                event_id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
                occurred_at=text_of(moment),
                org_id=random.choice(("acme", "beta")),
                action=random.choice(("page:view", "user:login", "run:update", "report:read", "odd thing")),
                actor_type="service_account" if who == "robot" else None,
                actor_user_id=who or None,
                actor_email=random.choice((f"{who}@example.org", f"{who}@new.example", None))
                if who
                else None,
                outcome=random.choice(("success", "denied", None)),
                attributes={"reason": "because"} if random.random() < 0.2 else None,
            )
        )
        if random.random() < 0.05:
            events.append(events[-1] | {"org_id": "gamma"})
    return events


def enriched(
    events: Iterable[Raw],
    *,
    epoch: str = "epoch-a",
    partition: int = 0,
    start: int = 0,
    received: datetime = RECEIVED,
    step: timedelta = timedelta(milliseconds=3),
    rules: Rules = RULES,
) -> list[bytes]:
    """The lines a worker writes for `events` at raw offsets `start`…, one received `step` after the other."""
    records = [
        Fetched(
            start + index,
            int((received + index * step).timestamp() * 1000),
            orjson.dumps(each) if isinstance(each, Mapping) else each,
        )
        for index, each in enumerate(events)
    ]
    return enrich_bundle(records, epoch=epoch, partition=partition, from_offset=start, rules=rules).lines


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slot_of(moment: datetime) -> int:
    return moment.hour * 4 + moment.minute // 15


def expected(lines: Iterable[bytes]) -> Readings:
    """What the tables must say once every one of `lines` was inserted at least once."""
    tables: Readings = {
        name: {}
        for name in (
            "events",
            "event_pii",
            "users",
            "user_days",
            "newcomers",
            "action_slots",
            "rejected",
            "landed",
        )
    }
    names: dict[Any, dict[str, tuple[Any, str]]] = defaultdict(dict)
    sets: dict[Any, set[str]] = defaultdict(set)
    first_received: dict[Any, Any] = {}
    for line in set(lines):
        row = orjson.loads(line)
        place = (row["epoch"], row["partition"], row["offset"])
        reason, org = row.get("reason", ""), row.get("org_id", "")
        tables["landed"][place] = (row["from"], org, row.get("event_id", NOBODY), reason)
        if reason:
            tables["rejected"][place] = (org, reason, row.get("detail", ""), row.get("size", 0))
            continue
        moment = datetime.fromisoformat(row.get("occurred_at", FIRST_MOMENT))
        key = (org, moment.date(), row["event_id"])
        order = (datetime.fromisoformat(row["received_at"]), row["partition"], row["offset"])
        ref, pii = row.get("user_ref", 0), row.get("pii", {})
        for table, content, applies in (
            ("events", (moment, row["action"], ref, row["partition"], row["offset"]), True),
            ("event_pii", (ref, tuple(row.get("subject_refs", [])), tuple(sorted(pii.items()))), bool(pii)),
        ):
            if applies and ((table, key) not in first_received or order < first_received[table, key]):
                first_received[table, key], tables[table][key] = order, content
        slot = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        sets[org, slot, row["action"]].add(row["event_id"])
        if not ref:
            continue
        person = (org, ref)
        for field in ("actor_email", "actor_name"):
            if pii.get(field):
                names[person][field] = max(
                    names[person].get(field, (datetime.min.replace(tzinfo=UTC), "")), (moment, pii[field])
                )
        identity, first, last = tables["users"].get(person, ("", moment, moment))
        tables["users"][person] = (
            max(identity, row.get("identity", "")),
            min(first, moment),
            max(last, moment),
        )
        if row.get("is_activity"):
            day = (org, moment.date(), row["actor_type"], ref)
            bit = 1 << slot_of(moment)
            slots, logins, first, last, logged_in = tables["user_days"].get(
                day, (0, 0, moment, moment, NO_MOMENT)
            )
            login, at = (bit, moment) if row.get("is_login") else (0, NO_MOMENT)
            tables["user_days"][day] = (
                slots | bit,
                logins | login,
                min(first, moment),
                max(last, moment),
                max(logged_in, at),
            )
            newcomer = (org, row["actor_type"], ref)
            tables["newcomers"][newcomer] = min(tables["newcomers"].get(newcomer, (moment,)), (moment,))
    for person, (identity, first, last) in tables["users"].items():
        latest = [names[person].get(field, (None, ""))[1] for field in ("actor_email", "actor_name")]
        tables["users"][person] = (identity, *latest, first, last)
    tables["action_slots"] = {key: (len(ids),) for key, ids in sets.items()}
    return tables


QUERIES = {
    "events": "SELECT org_id, toDate(occurred_at), toString(event_id), occurred_at, action, user_ref, partition, offset FROM events FINAL",
    "event_pii": "SELECT org_id, toDate(occurred_at), toString(event_id), user_ref, subject_refs, pii FROM event_pii FINAL",
    "users": "SELECT org_id, user_ref, max(identity), argMaxIfMerge(email), argMaxIfMerge(name), min(first_seen), max(last_seen) FROM users GROUP BY org_id, user_ref",
    "user_days": "SELECT org_id, day, actor_type, user_ref, groupBitOr(slots), groupBitOr(logins), min(first), max(last), max(last_login) FROM user_days GROUP BY org_id, day, actor_type, user_ref",
    "newcomers": "SELECT org_id, actor_type, user_ref, min(first) FROM newcomers GROUP BY org_id, actor_type, user_ref",
    "action_slots": "SELECT org_id, slot, action, uniqExactMerge(events) FROM action_slots GROUP BY org_id, slot, action",
    "rejected": "SELECT epoch, partition, offset, org_id, reason, detail, size FROM rejected FINAL",
    "landed": "SELECT epoch, partition, offset, `from`, org_id, toString(event_id), reason FROM landed FINAL",
}
KEY_COLUMNS = {
    "events": 3,
    "event_pii": 3,
    "users": 2,
    "user_days": 4,
    "newcomers": 3,
    "action_slots": 3,
    "rejected": 3,
    "landed": 3,
}


def readings(client: Client) -> Readings:
    """What the tables say, read as every report reads them: FINAL or merged."""
    return {
        table: {
            tuple(map(_plain, row[: KEY_COLUMNS[table]])): tuple(map(_plain, row[KEY_COLUMNS[table] :]))
            for row in client.query(query).result_rows
        }
        for table, query in QUERIES.items()
    }


def differences(found: Readings, wanted: Readings) -> dict[str, Any]:
    """Per table the first few keys that differ; empty when all tables agree."""
    told = {}
    for table, rows in wanted.items():
        keys = [key for key in rows.keys() | found[table].keys() if rows.get(key) != found[table].get(key)]
        if keys:
            told[table] = (
                len(keys),
                [(key, found[table].get(key), rows.get(key)) for key in sorted(keys, key=str)[:3]],
            )
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date | str | int):
        return value
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    if isinstance(value, Sequence):
        return tuple(value)
    return value


# What may lie on a topic besides lines that a worker wrote.
GARBAGE: tuple[bytes | None, ...] = (
    None,
    b"",
    b" ",
    b"hello",
    b"{}",
    b"[1,2]",
    b"\xff\xfe",
    b'{"epoch":"x","partition":"0","from":0,"offset":0,"received_at":"2026-03-02T09:00:00Z"}',
    b'{"x":' + b"[" * 100_000,
    b'{"x":' + b'{"x":' * 5000,
    b"{}\n{}",
)
