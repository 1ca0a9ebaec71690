"""The events every benchmark runs on: the same for the same arguments, 435 bytes on average, one in 200 to be rejected.

Three organisations of unequal size, people with a power law of activity, machines, visits that tie events together, a
few texts that hold personal data, a few late events.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

REJECT_EVERY: Final = 200
DAYS: Final = 28
USERS_PER_ORG: Final = 4000

_ORGS: Final = ("acme", "acme", "acme", "acme", "acme", "acme", "acme", "globex", "globex", "initech")
_ACTIONS: Final = (
    *("page:view",) * 30,
    *("run:create",) * 10,
    *("run:update",) * 8,
    *("artifact:read",) * 8,
    *("report:read",) * 6,
    *("project:read",) * 6,
    *("user:login",) * 5,
    *("ai:invoke",) * 5,
    *("mcp:call",) * 4,
    *("entity:update",) * 4,
    *("action:run",) * 4,
    *("artifact:create",) * 3,
    *("report:update",) * 2,
    "user:read",
    "user:change_role",
    "team:invite_user",
    "project:delete",
    "data_source:update",
)
_AGENTS: Final = tuple(
    f"Mozilla/5.0 ({system}) {browser}"
    for system in ("Windows NT 10.0", "Macintosh", "X11; Linux x86_64")
    for browser in ("Chrome/141.0", "Firefox/143.0", "Safari/605", "Edg/141.0")
)
_PAGES: Final = tuple(
    f"/{area}/{place}"
    for area in ("home", "runs", "reports", "catalog", "settings")
    for place in ("list", "one", "new", "edit")
)
_NAMES: Final = ("Ada", "Bo", "Chen", "Dina", "Emil", "Fay", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lea")
_REJECTS: Final = (
    b'{"event_id": "no end',
    b'{"org_id":"acme","action":"page:view"}',
    b'{"event_id":"not-a-uuid","occurred_at":"2026-01-01T00:00:00.000Z","org_id":"acme","action":"page:view"}',
    b'{"event_id":"01920f0e-7c5a-7b3e-8f43-0123456789ab","occurred_at":"1969-01-01T00:00:00.000Z","org_id":"acme","action":"page:view"}',
    b'{"event_id":"01920f0e-7c5a-7b3e-8f43-0123456789ac","occurred_at":"2026-01-01T00:00:00.000Z","org_id":"acme","action":"page:view","outcome":"maybe"}',
)


def events(count: int, *, seed: int = 1, end: datetime | None = None, days: int = DAYS) -> Iterator[bytes]:
    """`count` record values in order of time, the last one at `end` (default: the last full hour)."""
    random = Random(seed)
    end = end or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    step = timedelta(days=days) / max(1, count)
    start = end - step * count
    bits, chance, pick = random.getrandbits, random.random, random.choice
    visit = ""
    for number in range(count):
        if number % REJECT_EVERY == REJECT_EVERY - 1:
            yield _REJECTS[number // REJECT_EVERY % len(_REJECTS)]
            continue
        moment = start + step * number
        if chance() < 0.015:
            moment -= timedelta(minutes=random.randrange(1, 2880))
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        event_id = uuid.UUID(int=bits(128), version=4)
        org, action = pick(_ORGS), pick(_ACTIONS)
        user = int(USERS_PER_ORG * chance() ** 3)
        if number % 6 == 0:
            visit = f"v-{bits(40):010x}"
        parts = [
            f'{{"event_id":"{event_id}","occurred_at":"{stamp}","org_id":"{org}","action":"{action}"',
            _machine(user) if chance() < 0.05 else _person(org, user, bits(2)),
            f',"entity_asset":"team-{user % 40}","response_code":{200 if chance() < 0.97 else 403}',
            f',"correlation_id":"{visit}"',
        ]
        if action.startswith(("run", "artifact", "project", "report")):
            parts.append(f',"project_asset":"project-{user % 300}","project_name":"project {user % 300}"')
        parts.append(f',"attributes":{{"page":"{pick(_PAGES)}","ms":{bits(11)}')
        if chance() < 0.02:
            parts.append(f',"note":"please ask {_email(org, bits(11))} about it"')
        parts.append("}}")
        yield "".join(parts).encode()


def spread_events(count: int, *, orgs: int, users: int) -> Iterator[bytes]:
    """`count` plain events, none to be rejected, spread evenly over so many users, and these over so many organisations."""
    random = Random(1)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    step = timedelta(days=DAYS) / max(1, count)
    start = end - step * count
    for number in range(count):
        moment, user = start + step * number, number * 7919 % users
        event_id = uuid.UUID(int=random.getrandbits(128), version=4)
        yield (
            f'{{"event_id":"{event_id}","occurred_at":"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"'
            f',"org_id":"org-{user % orgs:05d}","action":"{random.choice(_ACTIONS)}","actor_user_id":"u-{user:08d}"'
            f',"actor_email":"u.{user}@org-{user % orgs}.example","actor_ip":"203.0.{user % 114}.{user % 250}"'
            f',"user_agent":"{_AGENTS[user % len(_AGENTS)]}","source":"web","entity_asset":"team-{user % 40}"'
            f',"response_code":200,"attributes":{{"page":"{random.choice(_PAGES)}","ms":{random.getrandbits(11)}}}}}'
        ).encode()


def broken(count: int) -> int:
    """How many of `count` events are no JSON at all; the other rejects are objects."""
    return -(-(count // REJECT_EVERY) // len(_REJECTS))


def _person(org: str, user: int, place: int) -> str:
    return (
        f',"actor_user_id":"u-{user:05d}","actor_email":"{_email(org, user)}"'
        f',"actor_ip":"203.0.{user % 114}.{place * 60 + user % 60}"'
        f',"user_agent":"{_AGENTS[user % len(_AGENTS)]}","source":"web"'
    )


def _machine(user: int) -> str:
    return f',"actor_type":"service_account","actor_user_id":"bot-{user % 20}","source":"api","cli_version":"0.21.{user % 4}"'


def _email(org: str, user: int) -> str:
    return f"{_NAMES[user % len(_NAMES)].lower()}.{user}@{org}.example"
