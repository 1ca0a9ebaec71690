"""What each action says about itself: what it touched, where it came from; and what it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from trailhouse.producers.habits import (
    ADMIN,
    ADMIN_PAGES,
    AGENTS,
    AI_SOURCES,
    BLUEPRINTS,
    CLI_VERSIONS,
    LOOKS,
    PAGES,
    PROJECTS,
    SELF_SERVICE,
    TOOLS,
    WEIGHTS,
)
from trailhouse.producers.roster import Trade
from trailhouse.producers.simulation.member import Member
from trailhouse.producers.simulation.scene import Actor, Scene

Fields = dict[str, Any]
Deed = Callable[[Scene, Actor, bool], Fields | None]
"""(scene, actor, whether it succeeds) -> fields of the event; None = it cannot be done now"""

# Whose turn these are is planned (`passage.py`): they are nobody's daily work.
_PLANNED: Final = frozenset(
    {
        "user:change_role",
        "user:assign_seat",
        "user:release_seat",
        "user:create_api_key",
        "user:delete_api_key",
        "team:create_service_account",
    }
)
_RUN_SOURCES: Final = ("web", "web", "api")
_AI_SOURCES: Final = (*AI_SOURCES[:1] * 10, *AI_SOURCES[1:2] * 5, *AI_SOURCES[2:3] * 3, *AI_SOURCES[3:] * 2)
# The first of the list is the most popular one: a top six needs a slope.
_SELF_SERVICE: Final = tuple(
    name for place, name in enumerate(SELF_SERVICE) for _ in range(2 * (len(SELF_SERVICE) - place) ** 2)
)
_PAGES: Final = tuple(name for place, name in enumerate(PAGES) for _ in range(len(PAGES) - place))
_ADMIN_PAGES: Final = tuple(
    name for place, name in enumerate(ADMIN_PAGES) for _ in range(len(ADMIN_PAGES) - place)
)
_WORKSPACES_LEAST: Final = 4
_GRANTS_MAX: Final = 200
"""of those still in force so many may be taken back"""


def work_of(role: str, trade: Trade) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """What who has that role does of a day, and how often, as sums that end with 1."""
    weights = dict(WEIGHTS[trade])
    if role == "admin":
        weights = {action: weights.get(action, 0) + ADMIN.get(action, 0) for action in {**weights, **ADMIN}}
    elif role == "viewer":
        weights = {action: weight for action, weight in weights.items() if action in LOOKS}
    weights = {action: weight for action, weight in weights.items() if action not in _PLANNED}
    total, reached, sums = sum(weights.values()), 0.0, []
    for weight in weights.values():
        reached += weight
        sums.append(reached / total)
    return tuple(weights), (*sums[:-1], 1.0)


def _page(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001 - every deed has this form
    luck = scene.luck
    is_admin = type(actor) is Member and actor.role == "admin"
    page = luck.pick(_ADMIN_PAGES) if is_admin and luck.random() < 0.4 else luck.pick(_PAGES)
    return {"source": "web", "attributes": {"page": page}}


def _project(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    name = scene.luck.pick(PROJECTS)
    return {"source": "web", "project_asset": f"project-{name}", "project_name": name}


def _sdk(scene: Scene, actor: Actor) -> Fields:
    """Code that signs in with an API key where its owner has one, else as the person."""
    name = scene.luck.pick(PROJECTS)
    fields: Fields = {
        "source": "sdk",
        "cli_version": scene.luck.pick(CLI_VERSIONS),
        "project_asset": f"project-{name}",
        "project_name": name,
    }
    if actor.key:
        fields["attributes"] = {"api_key_id": actor.key}
    return fields


def _run(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return _sdk(scene, actor)


def _runs(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    fields = _sdk(scene, actor)
    fields["attributes"] = {**fields.get("attributes", {}), "runs": scene.luck.within(2, 40)}
    return fields


def _artifact(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    fields = _sdk(scene, actor)
    name, version = f"{fields['project_name']}-model", scene.luck.within(0, 40)
    fields["artifact_asset"] = f"artifact-{name}-{version}"
    fields["artifact_digest"] = f"{scene.luck.getrandbits(64):016x}"
    fields["artifact_qualified_name"] = f"example/{fields['project_name']}/{name}:v{version}"
    fields["artifact_sequence_asset"] = f"sequence-{name}"
    return fields


def _report(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    fields, number = _project(scene, actor, is_done), scene.luck.within(1, 60)
    fields["report_asset"] = f"report-{number:03d}"
    fields["report_name"] = f"{fields['project_name']} review {number}"
    return fields


def _keyed(fields: Fields | None, actor: Actor) -> Fields | None:
    """Over the API, so with the actor's key."""
    if fields is not None and actor.key:
        fields["attributes"]["api_key_id"] = actor.key
    return fields


def _create_entity(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return _keyed(scene.things.create_entity(is_done=is_done), actor)


def _update_entity(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return _keyed(scene.things.update_entity(), actor)


def _delete_entity(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return _keyed(scene.things.delete_entity(is_done=is_done), actor)


def _create_data_source(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return scene.things.create_data_source(is_done=is_done)


def _update_data_source(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return scene.things.update_data_source()


def _delete_data_source(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return scene.things.delete_data_source(is_done=is_done)


def _action(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    source = scene.luck.pick(_RUN_SOURCES) if type(actor) is Member else "api"
    attributes = {"self_service_action": scene.luck.pick(_SELF_SERVICE)}
    if source == "api" and actor.key:
        attributes["api_key_id"] = actor.key
    return {"source": source, "attributes": attributes}


def _automation(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return {"source": "api", "attributes": {"automation": f"on {scene.luck.pick(BLUEPRINTS)} change"}}


def _ai(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    luck = scene.luck
    return {
        "source": luck.pick(_AI_SOURCES),
        "attributes": {"agent_type": luck.pick(AGENTS), "tokens": luck.within(80, 6000)},
    }


def _mcp(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return {"source": "mcp", "attributes": {"tool": scene.luck.pick(TOOLS)}}


def _somebody(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return {"source": "web", **scene.luck.pick(scene.present).target()}


def _create_guild(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    scene.made += 1
    if is_done:
        scene.guilds.append(scene.made)
    return _guild(scene.made)


def _update_guild(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    return _guild(scene.luck.pick(scene.guilds)) if scene.guilds else None


def _delete_guild(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    if not scene.guilds:
        return None
    number = scene.luck.pick(scene.guilds)
    if is_done:
        scene.guilds.remove(number)
    return _guild(number)


def _guild(number: int) -> Fields:
    """Teams for a while; those people belong to are not founded and dissolved every day."""
    return {"source": "web", "entity_asset": f"team-guild-{number}", "entity_name": f"guild {number}"}


def _create_workspace(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    scene.made += 1
    if is_done:
        scene.workspaces.append(f"space-{scene.made}")
    return _workspace(f"space-{scene.made}")


def _delete_workspace(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    own = [name for name in scene.workspaces if name not in PROJECTS]
    if len(scene.workspaces) <= _WORKSPACES_LEAST or not own:
        return None
    name = scene.luck.pick(own)
    if is_done:
        scene.workspaces.remove(name)
        scene.grants = [each for each in scene.grants if each[1] != name]
    return _workspace(name)


def _grant(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    member, name = scene.luck.pick(scene.present), scene.luck.pick(scene.workspaces)
    if is_done and (member, name) not in scene.grants:
        scene.grants.append((member, name))
        del scene.grants[:-_GRANTS_MAX]
    return {**_workspace(name), **member.target()}


def _revoke(scene: Scene, actor: Actor, is_done: bool) -> Fields | None:  # noqa: FBT001
    if not scene.grants:
        return None
    given = scene.luck.pick(scene.grants)
    if is_done:
        scene.grants.remove(given)
    member, name = given
    return {**_workspace(name), **member.target()}


def _workspace(name: str) -> Fields:
    return {"source": "web", "attributes": {"workspace": name}}


def _web(scene: Scene, actor: Actor, is_done: bool) -> Fields:  # noqa: FBT001
    return {"source": "web"}


DEEDS: Final[Mapping[str, Deed]] = {
    "page:view": _page,
    **dict.fromkeys(("project:create", "project:read", "project:update", "project:delete"), _project),
    **dict.fromkeys(("run:create", "run:update", "run:stop", "run:delete", "sweep:create_agent"), _run),
    **dict.fromkeys(("run:delete_many", "run:undelete_many", "run:update_many"), _runs),
    **dict.fromkeys(("artifact:create", "artifact:read", "artifact:delete"), _artifact),
    **dict.fromkeys(("report:create", "report:read", "report:update", "report:delete"), _report),
    "entity:create": _create_entity,
    "entity:update": _update_entity,
    "entity:delete": _delete_entity,
    "data_source:create": _create_data_source,
    "data_source:update": _update_data_source,
    "data_source:delete": _delete_data_source,
    "action:run": _action,
    "automation:trigger": _automation,
    "ai:invoke": _ai,
    "mcp:call": _mcp,
    "user:read": _somebody,
    "user:update": _somebody,
    "team:create": _create_guild,
    "team:update": _update_guild,
    "team:delete": _delete_guild,
    "workspace:create": _create_workspace,
    "workspace:delete": _delete_workspace,
    "workspace:grant": _grant,
    "workspace:revoke": _revoke,
    "user:initiate_login": _web,
    "user:login": _web,
    "user:logout": _web,
}


def details(action: str, scene: Scene, actor: Actor, *, is_done: bool) -> Fields | None:
    """What an event of that action says beside its actor's own; None = it cannot be done now."""
    fields = DEEDS[action](scene, actor, is_done)
    if fields is not None and type(actor) is not Member and fields["source"] == "web":
        fields["source"] = "api"  # a machine in a browser is an incident
    return fields
