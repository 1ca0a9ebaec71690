"""What people of the generated company do all day, and what each action says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from trailhouse.producers.roster import Person, Trade

# How often each trade does what; the numbers are shares of its working day, not percent.
WEIGHTS: Final[Mapping[Trade, Mapping[str, float]]] = {
    "research": {
        "page:view": 22,
        "run:create": 16,
        "run:update": 9,
        "run:stop": 3,
        "run:delete": 1,
        "run:delete_many": 0.4,
        "run:undelete_many": 0.1,
        "run:update_many": 0.6,
        "sweep:create_agent": 3,
        "artifact:create": 6,
        "artifact:read": 9,
        "artifact:delete": 0.5,
        "report:create": 2,
        "report:update": 3,
        "report:read": 6,
        "project:read": 8,
        "ai:invoke": 4,
        "mcp:call": 2,
    },
    "engineering": {
        "page:view": 26,
        "entity:create": 4,
        "entity:update": 10,
        "entity:delete": 1,
        "action:run": 9,
        "automation:trigger": 2,
        "data_source:create": 0.3,
        "data_source:update": 0.8,
        "data_source:delete": 0.1,
        "project:create": 0.4,
        "project:update": 1,
        "project:read": 5,
        "ai:invoke": 7,
        "mcp:call": 9,
        "artifact:read": 4,
        "user:create_api_key": 0.4,
        "user:delete_api_key": 0.2,
    },
    "business": {
        "page:view": 38,
        "report:read": 16,
        "report:create": 3,
        "report:update": 4,
        "report:delete": 0.3,
        "project:read": 6,
        "ai:invoke": 8,
        "user:read": 4,
        "action:run": 3,
        "workspace:create": 0.3,
        "workspace:grant": 0.8,
    },
}
ADMIN: Final[Mapping[str, float]] = {
    "page:view": 12,
    "user:read": 5,
    "user:update": 1.5,
    "user:change_role": 1,
    "user:assign_seat": 1,
    "user:release_seat": 0.4,
    "team:create": 0.2,
    "team:update": 0.6,
    "team:create_service_account": 0.2,
    "team:delete": 0.05,
    "workspace:grant": 1.5,
    "workspace:revoke": 0.5,
    "workspace:delete": 0.05,
    "project:delete": 0.1,
}
# A viewer only looks.
LOOKS: Final = frozenset(
    {"page:view", "report:read", "project:read", "artifact:read", "user:read", "ai:invoke"}
)

PAGES: Final = (
    "/home",
    "/runs",
    "/reports",
    "/catalog",
    "/projects",
    "/actions",
    "/scorecards",
    "/search",
    "/docs",
)
ADMIN_PAGES: Final = (
    "/settings/users",
    "/settings/teams",
    "/settings/billing",
    "/settings/data-sources",
    "/audit",
    "/org/dashboard",
)
BLUEPRINTS: Final = ("service", "environment", "deployment", "cluster", "package", "incident")
DATA_SOURCES: Final = ("github", "kubernetes", "pagerduty", "jira", "aws", "sonarqube")
SELF_SERVICE: Final = (
    "scaffold service",
    "deploy",
    "roll back",
    "request access",
    "restart pod",
    "rotate secret",
    "open incident",
    "add budget",
)
AI_SOURCES: Final = ("assistant", "widget", "slack", "api")
AGENTS: Final = ("search", "triage", "summary", "code review", "report writer")
TOOLS: Final = ("query_entities", "run_action", "list_blueprints", "get_scorecard", "search_runs")
PROJECTS: Final = ("atlas", "borealis", "cobalt", "delta", "ember", "fjord")
CLI_VERSIONS: Final = ("0.19.11", "0.20.1", "0.21.0")


def choices(person: Person) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Actions a person may take on a day, and their weights."""
    weights = dict(WEIGHTS[person.trade])
    if person.role == "admin":
        weights = {action: weights.get(action, 0) + ADMIN.get(action, 0) for action in {**weights, **ADMIN}}
    elif person.role == "viewer":
        weights = {action: weight for action, weight in weights.items() if action in LOOKS}
    return tuple(weights), tuple(weights.values())


def details(random: Random, action: str, *, is_admin: bool = False) -> dict[str, Any]:
    """Fields that belong to an action: what it touched, where it came from, how it ended."""
    noun = action.partition(":")[0]
    fields: dict[str, Any] = _DETAILS[noun](random) if noun in _DETAILS else {"source": "web"}
    if action == "page:view" and is_admin and random.random() < 0.4:
        fields["attributes"] = {"page": random.choice(ADMIN_PAGES)}
    if action.endswith("_many"):
        fields["attributes"] = fields.get("attributes", {}) | {"runs": random.randint(2, 40)}
    code = random.choices((200, 403, 404, 500), (972, 14, 9, 5))[0]
    return fields | {"response_code": 201 if code == 200 and action.endswith(":create") else code}


def _page(random: Random) -> dict[str, Any]:
    return {"source": "web", "attributes": {"page": random.choice(PAGES)}}


def _project(random: Random) -> dict[str, Any]:
    name = random.choice(PROJECTS)
    return {"source": "web", "project_asset": f"project-{name}", "project_name": name}


def _run(random: Random) -> dict[str, Any]:
    return _project(random) | {
        "source": "sdk",
        "cli_version": random.choice(CLI_VERSIONS),
        "attributes": {"gpus": random.choice((0, 1, 4, 8))},
    }


def _report(random: Random) -> dict[str, Any]:
    project, number = _project(random), random.randint(1, 60)
    return project | {
        "report_asset": f"report-{number:03d}",
        "report_name": f"{project['project_name']} review {number}",
    }


def _artifact(random: Random) -> dict[str, Any]:
    project, version = _project(random), random.randint(0, 40)
    name = f"{project['project_name']}-model"
    return project | {
        "source": "sdk",
        "cli_version": random.choice(CLI_VERSIONS),
        "artifact_asset": f"artifact-{name}-{version}",
        "artifact_digest": f"{random.getrandbits(64):016x}",
        "artifact_qualified_name": f"example/{project['project_name']}/{name}:v{version}",
        "artifact_sequence_asset": f"sequence-{name}",
    }


def _entity(random: Random) -> dict[str, Any]:
    return {
        "source": "api",
        "attributes": {"blueprint": random.choice(BLUEPRINTS), "data_source": random.choice(DATA_SOURCES)},
    }


def _action(random: Random) -> dict[str, Any]:
    # The first of the list is the most popular one: a top six needs a slope.
    name = SELF_SERVICE[min(int(random.expovariate(0.5)), len(SELF_SERVICE) - 1)]
    return {"source": random.choice(("web", "web", "api")), "attributes": {"self_service_action": name}}


def _automation(random: Random) -> dict[str, Any]:
    return {"source": "api", "attributes": {"automation": f"on {random.choice(BLUEPRINTS)} change"}}


def _data_source(random: Random) -> dict[str, Any]:
    kind = random.choice(DATA_SOURCES)
    return {"source": "web", "attributes": {"data_source": kind, "name": f"{kind}-{random.randint(1, 4)}"}}


def _ai(random: Random) -> dict[str, Any]:
    source = random.choices(AI_SOURCES, (50, 25, 15, 10))[0]
    return {
        "source": source,
        "attributes": {"agent_type": random.choice(AGENTS), "tokens": random.randint(80, 6000)},
    }


def _mcp(random: Random) -> dict[str, Any]:
    return {"source": "mcp", "attributes": {"tool": random.choice(TOOLS)}}


def _team(random: Random) -> dict[str, Any]:
    # Teams for a while; those people belong to are not founded and dissolved every day.
    number = random.randint(1, 9)
    return {"source": "web", "entity_asset": f"team-guild-{number}", "entity_name": f"guild {number}"}


def _workspace(random: Random) -> dict[str, Any]:
    return {"source": "web", "attributes": {"workspace": random.choice(PROJECTS)}}


_DETAILS: Final[Mapping[str, Callable[[Random], dict[str, Any]]]] = {
    "page": _page,
    "project": _project,
    "run": _run,
    "sweep": _run,
    "report": _report,
    "artifact": _artifact,
    "entity": _entity,
    "action": _action,
    "automation": _automation,
    "data_source": _data_source,
    "ai": _ai,
    "mcp": _mcp,
    "team": _team,
    "workspace": _workspace,
}
