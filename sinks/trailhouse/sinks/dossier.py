"""Everything held about a person, for an access request: what they did, what was done to them, and where they are named.

What an event says of somebody else is left out: who is shown what is held about them is not shown what is held about
their colleagues. `OTHERS` stands in place of a value that names anybody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.hold import holds
from trailhouse.sinks.person import Person
from trailhouse.stream.addresses import readings
from trailhouse.stream.persons import email_identity
from trailhouse.stream.pii import emails_in_json, find

OTHERS: Final = "<names somebody else>"
ACTOR, TARGET, NAMED = "actor", "target", "named"
_ACTOR_FIELDS: Final = frozenset({"actor_user_id", "actor_email", "actor_name", "actor_ip"})
_TARGET_FIELDS: Final = frozenset({"user_asset", "user_email"})
#: Columns of an event that say nothing of whoever did it.
_PUBLIC: Final = ("event_id", "occurred_at", "action", "outcome")
_OF_ACTOR: Final = (
    "received_at",
    "actor_type",
    "actor_role",
    "network",
    "user_agent",
    "entity_asset",
    "project_asset",
    "report_asset",
    "artifact_asset",
    "response_code",
    "cli_version",
    "source",
    "correlation_id",
    "attributes",
    "changed_fields",
    "tags",
)

_EVENTS: Final = f"""
SELECT {", ".join(f"events.{name} AS {name}" for name in (*_PUBLIC, *_OF_ACTOR))},
  has({{refs:Array(UInt64)}}, events.user_ref) AS is_actor, has({{refs:Array(UInt64)}}, events.target_ref) AS is_target,
  about.pii AS pii
FROM (SELECT * FROM events FINAL WHERE org_id = {{org:String}}) AS events
LEFT JOIN (
  SELECT event_id, toDate(occurred_at) AS day, pii FROM event_pii FINAL
  WHERE org_id = {{org:String}} AND hasAny(subject_refs, {{refs:Array(UInt64)}})
) AS about ON events.event_id = about.event_id AND toDate(events.occurred_at) = about.day
WHERE is_actor OR is_target OR notEmpty(about.pii)
ORDER BY occurred_at, event_id
"""

_SMALL: Final[Mapping[str, str]] = {
    "directory": "SELECT identity, email, name, first_seen, last_seen FROM people WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) ORDER BY ALL",
    "said": "SELECT fact, item, max(said).3 AS value, max(said).1 AS at FROM directory WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY user_ref, fact, item ORDER BY fact, item, value",
    "active_day": "SELECT day, actor_type, bitCount(groupBitOr(slots)) AS quarter_hours, min(first) AS first, max(last) AS last FROM user_days WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY day, actor_type ORDER BY ALL",
    "sighting": "SELECT kind AS what, value, min(first).1 AS first, max(last).1 AS last FROM sightings WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY user_ref, actor_type, what, value ORDER BY ALL",
    "key_day": "SELECT api_key_id, day, bitCount(groupBitOr(slots)) AS quarter_hours, min(first) AS first, max(last) AS last FROM key_days WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY api_key_id, day, actor_type, user_ref ORDER BY ALL",
    "logins": "SELECT actor_type, arrayMap(slot -> formatDateTime(toDateTime(slot * 900, 'UTC'), '%FT%TZ'), arraySort(bitmapToArray(groupBitmapMergeState(slots)))) AS quarter_hours_from FROM login_slots WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY actor_type ORDER BY actor_type",
    "first_active": "SELECT actor_type, min(first) AS at FROM newcomers WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) GROUP BY actor_type ORDER BY ALL",
    "erased": "SELECT erased_at, reason FROM erased FINAL WHERE org_id = {org:String} AND has({refs:Array(UInt64)}, user_ref) ORDER BY ALL",
}


def dossier(client: Client, person: Person, *, with_others: bool = False) -> Iterator[dict[str, Any]]:
    """One dict per thing held: `kind` says what it is (person, directory, said, event, active_day, sighting, key_day,
    logins, first_active, erased, hold).

    Events are the oldest first; `as` says what the person is in each. `with_others` shows what they say of other people
    too. Values are JSON's.
    """
    asked = {"org": person.org, "refs": list(person.refs)}
    yield {
        "kind": "person",
        "org": person.org,
        "identities": list(person.identities),
        "users": [f"u_{ref:016x}" for ref in person.refs],
    }
    for kind, query in _SMALL.items():
        yield from ({"kind": kind} | _sparse(row) for row in _rows(client, query, asked))
    for hold in holds(client, person.org):
        if hold.covers(person.org, person.refs):
            yield {"kind": "hold", "hold": hold.hold_id, "placed_at": hold.placed_at.isoformat()}
    for row in _rows(client, _EVENTS, asked):
        yield _event(row, person.addresses, with_others=with_others)


def _rows(client: Client, query: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a query as JSON has them, read as they come."""
    settings = {"output_format_json_quote_64bit_integers": 1, "date_time_output_format": "iso"}
    with client.raw_stream(
        query, parameters=dict(parameters), settings=settings, fmt="JSONEachRow"
    ) as stream:
        rest = b""
        for chunk in stream:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (json.loads(line) for line in lines if line)
        if rest.strip():
            yield json.loads(rest)


def _event(row: dict[str, Any], addresses: Iterable[str], *, with_others: bool) -> dict[str, Any]:
    roles = [
        role for role, flag in ((ACTOR, row.pop("is_actor")), (TARGET, row.pop("is_target"))) if int(flag)
    ] or [NAMED]
    pii = row.pop("pii") or {}
    shown = row if with_others or ACTOR in roles else {name: row[name] for name in _PUBLIC}
    about = pii if with_others else own_values(pii, roles, addresses)
    return {"kind": "event", "as": roles} | _sparse(shown) | ({"pii": about} if about else {})


def own_values(pii: Mapping[str, str], roles: Iterable[str], addresses: Iterable[str]) -> dict[str, str]:
    """Of an event's personal data what speaks of the person: their own fields, and values that name nobody else.

    Of an event they did not do, only what they are in it: its other values are the actor's.
    """
    mine, roles = {email_identity(each) for each in addresses}, set(roles)
    shown = {}
    for field, value in pii.items():
        named = set(map(email_identity, _emails(field, value)))
        is_own = (field in _ACTOR_FIELDS and ACTOR in roles) or (field in _TARGET_FIELDS and TARGET in roles)
        if is_own:
            shown[field] = value
        elif field in _ACTOR_FIELDS | _TARGET_FIELDS:
            shown |= {field: OTHERS} if named & mine else {}
        elif ACTOR in roles or named & mine:
            shown[field] = OTHERS if any(_is_other(each, mine) for each in named) else value
    return shown


def _is_other(address: str, mine: set[str]) -> bool:
    """Whether it is nobody's of `mine`, with or without the signs next to it."""
    return mine.isdisjoint(map(email_identity, readings(address)))


def _emails(field: str, value: str) -> tuple[str, ...]:
    if field == "changes":
        return emails_in_json(value)
    found = find(value)
    return found.emails if found is not None else ()


def _sparse(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in row.items() if value not in ("", 0, None, [], {})}
