"""Events about people for the tests of erasing, holding and exporting: Anna is the one; Bob and the others stay."""

from __future__ import annotations

import re
from typing import Any

import orjson
from tests.sinks.lines import RULES, enriched, event

from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.person import Person, find_person

PSEUDONYMS = RULES.pseudonyms
#: What must be nowhere once Anna is erased.
ANNA_ID, ANNA, OLD_ANNA = "anna-7", "Anna.Canary@example.org", "anna.before@example.org"
CANARIES = ("anna-7", "anna.canary@example.org", "anna.before@example.org", "anna canary")
BOB = {"actor_user_id": "bob", "actor_email": "bob@example.org", "actor_name": "Bob"}
ANNA_ACTS = {"actor_user_id": ANNA_ID, "actor_email": ANNA, "actor_name": "Anna Canary"}
WHO_ANNA_IS: list[dict[str, Any]] = [
    event(1, **ANNA_ACTS),
    event(2, **(ANNA_ACTS | {"actor_email": OLD_ANNA})),
    event(3, **BOB, action="user:update", user_asset=ANNA_ID),
    event(4, **BOB, action="team:invite_user", user_email=ANNA.upper(), entity_asset="team-1"),
    event(5, **BOB, attributes={"note": f"asked {ANNA} to look"}),
    event(6, **BOB, changes={"owner": {"before": OLD_ANNA, "after": "bob@example.org"}}),
    event(7, actor_user_id="carl", actor_email="carl@example.org", actor_name=f"Carl for {ANNA}"),
]
OTHERS: list[dict[str, Any]] = [
    event(11, **BOB),
    event(12, **BOB, action="user:update", user_asset="dora", user_email="dora@example.org"),
    event(13, **(ANNA_ACTS | {"org_id": "beta"})),
]
EVENTS = [*WHO_ANNA_IS, *OTHERS]
LINES = enriched(EVENTS)


PLAIN_COLUMNS = {"event_pii": ["pii"], "users": ["identity", "email", "name"], "directory": ["said"]}


def keep_in_plain_text(client: Client) -> None:
    """From now on the columns with personal data lie on disk as they are, so that a search of the files finds them."""
    for table, columns in PLAIN_COLUMNS.items():
        for column in columns:
            client.command(f"ALTER TABLE {table} MODIFY COLUMN {column} CODEC(NONE)")


def marked(mark: str) -> list[bytes]:
    """The lines with names that contain `mark`, so that files of other tests do not hold them."""
    text = orjson.dumps([each for each in EVENTS if each["org_id"] == "acme"]).decode()
    events = orjson.loads(re.sub("(?i)anna", lambda found: found[0] + mark, text))
    return enriched(events)


def store(client: Client) -> None:
    insert_lines(client, "landing", LINES)


def anna(client: Client) -> Person:
    return find_person(client, PSEUDONYMS, "acme", [ANNA])


def totals(client: Client) -> list[Any]:
    """What every count is made of."""
    return [
        client.query(query).result_rows
        for query in (
            "SELECT * FROM events FINAL ORDER BY ALL",
            "SELECT org_id, day, user_ref, groupBitOr(slots), groupBitOr(logins) FROM user_days GROUP BY ALL ORDER BY ALL",
            "SELECT org_id, slot, action, uniqExactMerge(events) FROM action_slots GROUP BY ALL ORDER BY ALL",
            "SELECT * FROM landed FINAL ORDER BY ALL",
        )
    ]


def texts(client: Client, org: str = "acme") -> str:
    """Everything in plain text about anybody in `org`, in lower case."""
    rows = [
        client.query(query, parameters={"org": org}).result_rows
        for query in (
            "SELECT pii FROM event_pii WHERE org_id = {org:String}",
            "SELECT identity, finalizeAggregation(email), finalizeAggregation(name) FROM users WHERE org_id = {org:String}",
            "SELECT fact, item, said.3 FROM directory WHERE org_id = {org:String}",
        )
    ]
    return str(rows).lower()
