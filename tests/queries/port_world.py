"""A history for Port's reports: logins, pages, entities, data sources, actions, AI and teams of several organisations.

Moments lie near local midnights, week starts and month ends of hard time zones; events arrive in any order, some twice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.oracle import Window, identity
from tests.oracle.port import Person, Team
from tests.sinks.lines import enriched, text_of

from trailhouse.queries.history import past
from trailhouse.queries.periods import between
from trailhouse.queries.question import bound_period
from trailhouse.queries.report import Report
from trailhouse.sinks.clickhouse import Client, insert_lines

ORGS: Final = ("north", "south")
# Nobody has ever heard of the last one.
EVERY: Final = (*ORGS, "void")
ZONES: Final = {
    "UTC": ("2025-11-01T00:00", "2025-12-01T00:00", "2026-01-01T00:00"),
    "Asia/Kathmandu": ("2025-11-01T00:00", "2025-12-29T00:00"),
    "America/St_Johns": ("2010-11-07T00:00", "2010-11-07T00:01", "2010-11-01T00:00", "2025-11-02T00:00"),
    "America/Santiago": ("2025-09-07T00:00", "2025-12-01T00:00"),
    "Antarctica/Casey": ("2010-03-05T00:00", "2010-03-05T02:00", "2010-03-01T00:00"),
}
PEOPLE: Final = ("Ann", "ann", "Zoë", "=cmd", *(f"p-{number:02}" for number in range(16)))
MAILS: Final = ("Mia@Example.org", "Ñandu@example.org")
TEAMS: Final = (("team-a", "Vision"), ("team-b", "Data"), ("team-c", "Data"), ("name Solo", "Solo"))
PAGES: Final = ("/home", "/catalog", "/self-serve", "/über", "/a", "/b", "/c", "/d", "/e", "/f", "/g", "")
KINDS: Final = (
    ("login",) * 10 + ("page",) * 6 + ("entity",) * 8 + ("data_source",) * 2 + ("run",) * 4 + ("ai",) * 4
)


def imagine(random: Random, count: int) -> list[dict[str, Any]]:
    """Raw events, each once; nobody is of team-c."""
    edges = [
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
        for zone, texts in ZONES.items()
        for text in texts
        for fold in (0, 1)
    ]
    events = []
    for org in ORGS:
        for number, who in enumerate(PEOPLE[:14]):
            team, name = TEAMS[number % 4]
            if team != "team-c":
                is_named = team.startswith("name ")
                where = {"entity_name": name} | ({} if is_named else {"entity_asset": team})
                day = datetime(2025, 8, 1, 9, number, tzinfo=UTC)
                events.append(made(random, org, day, "team:accept_invite", actor_user_id=who, **where))
        machine = {"actor_type": "service_account", "actor_user_id": "bot-0"}
        joined = datetime(2025, 8, 2, 9, tzinfo=UTC)
        where = {"entity_asset": "team-a", "entity_name": "Vision"}
        events.append(made(random, org, joined, "team:accept_invite", **machine, **where))
    while len(events) < count:
        near = random.choice(edges).astimezone(UTC) + timedelta(
            minutes=15 * random.choice([0, random.randint(-130, 130), random.randint(-130, 130)])
        )
        far = datetime(2025, 7, 20, tzinfo=UTC) + timedelta(minutes=15 * random.randrange(200 * 96))
        moment = near if random.random() < 0.5 else far
        moment += timedelta(
            milliseconds=random.choice([0, 0, 0, -1, 1, 59_999, 60_000, random.randrange(900_000)])
        )
        events += deed(random, random.choice(ORGS), moment)
    return events


def deed(random: Random, org: str, moment: datetime) -> list[dict[str, Any]]:
    """Something that somebody did at a moment; things are made, changed and deleted, now and then in one millisecond."""
    kind = random.choice(KINDS)
    actor = acting(random)
    if kind == "login":
        # A few come seldom, so that their third week comes late; one has not come since the autumn.
        who = {"actor_user_id": random.choice(PEOPLE)} if random.random() < 0.8 else actor
        if who.get("actor_user_id") == "p-15" and moment > datetime(2025, 9, 20, tzinfo=UTC):
            who = {"actor_user_id": "p-14"}
        outcome = random.choice([{}, {"outcome": "success"}, {"outcome": "success"}, {"outcome": "denied"}])
        return [made(random, org, moment, "user:login", **who, **outcome)]
    if kind == "page":
        page = random.choice(PAGES)
        said: dict[str, Any] = {"attributes": {"page": page}} if page else {}
        return [
            made(
                random,
                org,
                moment,
                "page:view",
                **actor,
                **said,
                outcome=random.choice(["success", "success", "denied"]),
            )
        ]
    if kind in {"entity", "data_source"}:
        return changes(random, org, moment, kind, actor)
    if kind == "run":
        source = {"source": random.choice(["api", "web"])} if random.random() < 0.9 else {}
        if random.random() < 0.4:
            return [
                made(
                    random, org, moment, "automation:trigger", attributes={"automation": "nightly"}, **source
                )
            ]
        name = (
            {"attributes": {"self_service_action": f"act-{random.randrange(9)}"}}
            if random.random() < 0.9
            else {}
        )
        return [made(random, org, moment, "action:run", **actor, **source, **name)]
    action = random.choice(["ai:invoke", "ai:invoke", "ai:chat", "mcp:call"])
    agent = {"attributes": {"agent_type": random.choice(["triage", "docs"])}} if random.random() < 0.8 else {}
    return [
        made(random, org, moment, action, **actor, **agent, source=random.choice(["assistant", "widget"]))
    ]


def acting(random: Random) -> dict[str, Any]:
    role = random.choice(
        [
            {},
            {"actor_role": "admin"},
            {"actor_role": "Admin"},
            {"actor_role": "member"},
            {"actor_role": "viewer"},
        ]
    )
    luck = random.random()
    if luck < 0.75:
        return {"actor_user_id": random.choice(PEOPLE[:15])} | role
    if luck < 0.85:
        return {"actor_type": "service_account", "actor_user_id": f"bot-{random.randrange(2)}"} | role
    if luck < 0.95:
        return {"actor_email": random.choice(MAILS)} | role
    return role


def changes(
    random: Random, org: str, moment: datetime, kind: str, actor: dict[str, Any]
) -> list[dict[str, Any]]:
    said: dict[str, str] = {kind: f"{kind}-{random.randrange(40 if kind == 'entity' else 12)}"}
    if kind == "entity":
        said |= {"blueprint": random.choice(["service", "cluster"])} if random.random() < 0.9 else {}
        said |= {"data_source": random.choice(["git", "k8s"])} if random.random() < 0.3 else {}
    else:
        said |= {"type": random.choice(["git", "k8s"])} if random.random() < 0.6 else {}
        said |= {"name": random.choice(["Our git", "Über"])} if random.random() < 0.4 else {}
    if random.random() < 0.03:
        del said[kind]
    verbs = random.choice(
        [("create",), ("create",), ("update",), ("update",), ("delete",), ("delete", "create")]
    )
    outcome = {"outcome": "denied"} if random.random() < 0.07 else {}
    return [
        made(random, org, moment, f"{kind}:{verb}", **actor, **outcome, attributes=said) for verb in verbs
    ]


def made(random: Random, org: str, moment: datetime, action: str, **fields: Any) -> dict[str, Any]:
    event_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
    return {"org_id": org, "event_id": event_id, "occurred_at": text_of(moment), "action": action, **fields}


def land(client: Client, random: Random, events: list[dict[str, Any]]) -> None:
    """Every event once or twice, in any order and in pieces."""
    told = random.sample(events, len(events)) + random.sample(events, len(events) // 5)
    for start in range(0, len(told), 500):
        lines = enriched(told[start : start + 500], start=start, received=datetime(2026, 6, 1, tzinfo=UTC))
        insert_lines(client, "landing", lines)


def teams_of(events: list[dict[str, Any]]) -> dict[Person, set[Team]]:
    """Who is of which team, by the events alone: everybody stays."""
    found: dict[Person, set[Team]] = {}
    for event in events:
        if event["action"] == "team:accept_invite":
            name = event["entity_name"]
            team = (event["org_id"], event.get("entity_asset", f"name {name}"), name)
            found.setdefault((event["org_id"], identity(event)), set()).add(team)
    return found


@dataclass(frozen=True)
class PortWorld:
    """The events as emitted, each once, and where they are stored."""

    client: Client
    events: tuple[dict[str, Any], ...]
    teams: dict[Person, set[Team]]

    def ask(
        self,
        report: Report,
        window: Window,
        orgs: tuple[str, ...] = EVERY,
        *,
        week_start: int = 1,
        **own: Any,
    ) -> list[tuple[Any, ...]]:
        """The answer's columns that are shown, with personal data, for a period of exactly that window."""
        zone = ZoneInfo(window.timezone)
        since, until = window.first or window.since, window.last or window.until
        assert since is not None
        assert until is not None
        period = between(zone, since, until)
        first = period.first.replace(day=1)
        before = between(zone, (first - timedelta(days=1)).replace(day=1), first - timedelta(days=1))
        pieces, cuts = past(period)
        bound = {
            "orgs": list(orgs),
            "past_spans": [tuple(span) for span in pieces],
            "past_cuts": [tuple(cut) for cut in cuts],
            "week_start": week_start,
            "read_pii": True,
            **{each.name: each.default for each in report.parameters},
            **own,
        }
        bound |= bound_period("", period) | bound_period("before_", before)
        is_cut = period.cuts or before.cuts or cuts
        answer = self.client.query(report.sql if is_cut else report.uncut_sql, parameters=bound)
        shown = [not column.is_hidden for column in report.columns]
        assert not answer.result_rows or list(answer.column_names) == [
            column.name for column in report.columns
        ]
        return [
            tuple(value for value, is_shown in zip(row, shown, strict=True) if is_shown)
            for row in answer.result_rows
        ]


def windows(timezone: str, random: Random, *, is_whole: bool) -> list[Window]:
    """From the first of a month up to a day and up to an instant; else also days and hours."""
    found = []
    for text in ZONES[timezone]:
        day = date.fromisoformat(text[:10])
        first = (day - timedelta(days=random.randrange(1, 40))).replace(day=1)
        middle = datetime.fromisoformat(text).replace(tzinfo=UTC)
        middle += timedelta(minutes=random.randrange(900), milliseconds=7)
        found += [
            Window(timezone, first, day + timedelta(days=random.randrange(20))),
            Window(timezone, first, until=middle + timedelta(days=random.choice([0, 3]))),
        ]
        if not is_whole:
            edge = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
            found += [
                Window(timezone, day, day),
                Window(timezone, since=edge, until=edge + timedelta(hours=random.choice([3, 30]))),
                Window(timezone, since=middle, until=middle + timedelta(minutes=random.choice([40, 2000]))),
            ]
    return found
