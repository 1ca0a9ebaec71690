"""The action catalogue: what every known action means, as data.

W&B's 29 audit actions (requirements §5), the creations its user export counts (WD14), the vocabulary behind Port's and
Kroolo's pages (§7, §8), and what Trailhouse records of itself. Unknown actions are welcome: they are kept, counted and classified by their verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Crud(StrEnum):
    """What an action does to its object; `other` = none of the four, or not known."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    OTHER = "other"


class Category(StrEnum):
    """The area of the product an action belongs to."""

    ARTIFACT = "artifact"
    PROJECT = "project"
    REPORT = "report"
    RUN = "run"
    TEAM = "team"
    USER = "user"
    ACCESS = "access"
    PAGE = "page"
    ENTITY = "entity"
    AUTOMATION = "automation"
    DATA_SOURCE = "data_source"
    AI = "ai"
    WORKSPACE = "workspace"
    CODE = "code"
    AUDIT = "audit"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the catalogue.

    `is_batch`: one event stands for many objects. `is_activity`: makes its actor an active user (WD8).
    `is_login`: a sign-in when it succeeded. `on_saas`: W&B's multi-tenant cloud collects it in every case (WA17).
    """

    name: str
    definition: str
    crud: Crud
    category: Category
    is_batch: bool = False
    is_activity: bool = True
    is_login: bool = False
    on_saas: bool = True

    @property
    def noun(self) -> str:
        return self.name.partition(":")[0]

    @property
    def verb(self) -> str:
        return self.name.partition(":")[2]


_C, _R, _U, _D, _O = Crud.CREATE, Crud.READ, Crud.UPDATE, Crud.DELETE, Crud.OTHER

# W&B's audit actions, by its own table: name, definition, class, category, batch, collected on SaaS in every case.
WANDB: Final[tuple[Action, ...]] = (
    Action("artifact:create", "Artifact is created.", _C, Category.ARTIFACT),
    Action("artifact:delete", "Artifact is deleted.", _D, Category.ARTIFACT),
    Action("artifact:read", "Artifact is read.", _R, Category.ARTIFACT),
    Action("project:delete", "Project is deleted.", _D, Category.PROJECT),
    Action("project:read", "Project is read.", _R, Category.PROJECT),
    Action("report:read", "Report is read.", _R, Category.REPORT, on_saas=False),
    Action("run:delete_many", "Batch of runs is deleted.", _D, Category.RUN, is_batch=True),
    Action("run:delete", "Run is deleted.", _D, Category.RUN),
    Action("run:stop", "Run is stopped.", _U, Category.RUN),
    Action("run:undelete_many", "Batch of runs is restored from trash.", _C, Category.RUN, is_batch=True),
    Action("run:update_many", "Batch of runs is updated.", _U, Category.RUN, is_batch=True),
    Action("run:update", "Run is updated.", _U, Category.RUN),
    Action("sweep:create_agent", "Sweep agent is created.", _C, Category.RUN),
    Action("team:create_service_account", "Service account is created for the team.", _C, Category.TEAM),
    Action("team:create", "Team is created.", _C, Category.TEAM),
    Action("team:delete", "Team is deleted.", _D, Category.TEAM),
    Action("team:invite_user", "User is invited to team.", _C, Category.TEAM),
    Action("team:uninvite", "User or service account is uninvited from team.", _D, Category.TEAM),
    Action("user:create_api_key", "API key for the user is created.", _C, Category.ACCESS, on_saas=False),
    Action("user:create", "User is created.", _C, Category.USER, on_saas=False),
    Action("user:deactivate", "User is deactivated.", _U, Category.USER, on_saas=False),
    Action("user:delete_api_key", "API key for the user is deleted.", _D, Category.ACCESS, on_saas=False),
    Action(
        "user:initiate_login", "User initiates log in.", _O, Category.ACCESS, is_activity=False, on_saas=False
    ),
    Action("user:login", "User logs in.", _O, Category.ACCESS, is_login=True, on_saas=False),
    Action("user:logout", "User logs out.", _O, Category.ACCESS, on_saas=False),
    Action("user:permanently_delete", "User is permanently deleted.", _D, Category.USER, on_saas=False),
    Action("user:reactivate", "User is reactivated.", _U, Category.USER, on_saas=False),
    Action("user:read", "User profile is read.", _R, Category.USER, on_saas=False),
    Action("user:update", "User is updated.", _U, Category.USER, on_saas=False),
)

# What the other pages of the mission count: Port (P1-P27), Kroolo (K1-K9), W&B's user export (WD14), code hosting.
OURS: Final[tuple[Action, ...]] = (
    Action("run:create", "Run is created.", _C, Category.RUN),
    Action("report:create", "Report is created.", _C, Category.REPORT),
    Action("report:update", "Report is updated.", _U, Category.REPORT),
    Action("report:delete", "Report is deleted.", _D, Category.REPORT),
    Action("project:create", "Project is created.", _C, Category.PROJECT),
    Action("project:update", "Project is updated.", _U, Category.PROJECT),
    Action("team:update", "Team is updated.", _U, Category.TEAM),
    Action("team:accept_invite", "Invited user joins the team.", _U, Category.TEAM),
    Action("user:change_role", "Role of the user is changed.", _U, Category.USER),
    Action("user:assign_seat", "User is given a seat.", _U, Category.USER),
    Action("user:release_seat", "Seat of the user is taken back.", _U, Category.USER),
    Action("page:view", "Page is opened.", _R, Category.PAGE),
    Action("entity:create", "Entity of a blueprint is created.", _C, Category.ENTITY),
    Action("entity:update", "Entity of a blueprint is updated.", _U, Category.ENTITY),
    Action("entity:delete", "Entity of a blueprint is deleted.", _D, Category.ENTITY),
    Action("action:run", "Self-service action is run.", _O, Category.AUTOMATION),
    Action("automation:trigger", "Automation is triggered.", _O, Category.AUTOMATION),
    Action("data_source:create", "Data source is connected.", _C, Category.DATA_SOURCE),
    Action("data_source:update", "Data source is changed.", _U, Category.DATA_SOURCE),
    Action("data_source:delete", "Data source is removed.", _D, Category.DATA_SOURCE),
    Action("ai:invoke", "AI is asked, from an assistant, a widget or an agent.", _O, Category.AI),
    Action("mcp:call", "Tool is called over MCP.", _O, Category.AI),
    Action("workspace:create", "Workspace is created.", _C, Category.WORKSPACE),
    Action("workspace:delete", "Workspace is deleted.", _D, Category.WORKSPACE),
    Action("workspace:grant", "User is given access to a workspace.", _U, Category.WORKSPACE),
    Action("workspace:revoke", "Access of a user to a workspace is taken back.", _U, Category.WORKSPACE),
    Action("roster:user", "Roster says who a user is.", _U, Category.USER, is_activity=False),
    Action("roster:alias", "Roster says that two users are one.", _U, Category.USER, is_activity=False),
    Action("roster:team", "Roster lists a user in a team.", _U, Category.TEAM, is_activity=False),
    Action(
        "roster:workspace", "Roster lists a user in a workspace.", _U, Category.WORKSPACE, is_activity=False
    ),
    Action("commit:create", "Commit is written.", _C, Category.CODE),
    Action("commit:merge", "Branches are merged.", _C, Category.CODE),
    Action("commit:revert", "Commit is reverted.", _C, Category.CODE),
)

# What Trailhouse records of itself (`queries.self_audit`). None is activity: looking at a figure must not change it.
OWN: Final[tuple[Action, ...]] = (
    Action("audit:read", "Audit log is read.", _R, Category.AUDIT, is_activity=False),
    Action("analytics:read", "Report of Trailhouse is read.", _R, Category.AUDIT, is_activity=False),
    Action("directory:read", "Directory of users is read.", _R, Category.AUDIT, is_activity=False),
    Action("directory:import", "Roster is imported.", _C, Category.AUDIT, is_activity=False),
    Action("export:create", "Figures or records leave as a file.", _C, Category.AUDIT, is_activity=False),
    Action("rejected:read", "Rejected records are read.", _R, Category.AUDIT, is_activity=False),
    Action("rejected:replay", "Rejected records are sent again.", _O, Category.AUDIT, is_activity=False),
    Action("event:trace", "Way of one event is followed.", _R, Category.AUDIT, is_activity=False),
    Action("person:read", "It is looked up what is kept of a person.", _R, Category.AUDIT, is_activity=False),
    Action("person:export", "All that is kept of a person is read.", _R, Category.AUDIT, is_activity=False),
    Action("person:erase", "Person is erased.", _D, Category.AUDIT, is_activity=False),
    Action("retention:update", "Retention is changed.", _U, Category.AUDIT, is_activity=False),
    Action("alert:read", "Alerts or their channels are read.", _R, Category.AUDIT, is_activity=False),
    Action("alert:create", "Alert is made.", _C, Category.AUDIT, is_activity=False),
    Action("alert:update", "Alert is changed, paused or taken over.", _U, Category.AUDIT, is_activity=False),
    Action("alert:mute", "Alert is muted, or speaks again.", _U, Category.AUDIT, is_activity=False),
    Action("alert:test", "Test of an alert is sent.", _O, Category.AUDIT, is_activity=False),
    Action("alert:delete", "Alert is deleted.", _D, Category.AUDIT, is_activity=False),
    Action("channel:create", "Channel for alerts is made.", _C, Category.AUDIT, is_activity=False),
    Action("channel:delete", "Channel for alerts is deleted.", _D, Category.AUDIT, is_activity=False),
    Action(
        "slack:update",
        "Slack app for alerts is registered or changed.",
        _U,
        Category.AUDIT,
        is_activity=False,
    ),
    Action("retention:apply", "What retention lets go is deleted.", _D, Category.AUDIT, is_activity=False),
    Action("org:update", "Settings of an organisation are changed.", _U, Category.AUDIT, is_activity=False),
    Action(
        "schema:update", "Tables of Trailhouse are made or changed.", _U, Category.AUDIT, is_activity=False
    ),
    Action("topics:update", "Topics of Trailhouse are made or grow.", _U, Category.AUDIT, is_activity=False),
    Action("archive:import", "Tables are filled from an archive.", _C, Category.AUDIT, is_activity=False),
    Action("hold:create", "Legal hold begins.", _C, Category.AUDIT, is_activity=False),
    Action("hold:release", "Legal hold ends.", _D, Category.AUDIT, is_activity=False),
    Action("gap:accept", "Raw records are accepted as lost.", _O, Category.AUDIT, is_activity=False),
    Action("conflict:settle", "Id that came twice is settled.", _O, Category.AUDIT, is_activity=False),
    Action(
        "breaker:close", "Partitions held for their rejects go on.", _O, Category.AUDIT, is_activity=False
    ),
    Action("key:read", "API keys of Trailhouse are listed.", _R, Category.ACCESS, is_activity=False),
    Action("key:create", "API key of Trailhouse is made.", _C, Category.ACCESS, is_activity=False),
    Action(
        "key:update",
        "API key of Trailhouse gets another default organisation.",
        _U,
        Category.ACCESS,
        is_activity=False,
    ),
    Action(
        "person:update",
        "Somebody who signs in by OpenID Connect gets another default organisation.",
        _U,
        Category.ACCESS,
        is_activity=False,
    ),
    Action("key:revoke", "API key of Trailhouse is revoked.", _D, Category.ACCESS, is_activity=False),
    Action("session:create", "Somebody signs in to the dashboard.", _C, Category.ACCESS, is_activity=False),
    Action("session:delete", "Somebody signs out of the dashboard.", _D, Category.ACCESS, is_activity=False),
    Action("access:denied", "Access to Trailhouse is refused.", _O, Category.ACCESS, is_activity=False),
)

CATALOGUE: Final[Mapping[str, Action]] = {action.name: action for action in (*WANDB, *OURS, *OWN)}

CATEGORIES: Final[Mapping[str, Category]] = {category.value: category for category in Category}

_VERBS_OF: Final[Mapping[Crud, str]] = {
    _C: "create add insert put new invite register import upload restore undelete clone copy enable",
    _R: "read get list view describe download export search query open lookup head",
    _U: "update set edit modify change patch rename move grant assign attach stop start reset",
    _D: "delete remove destroy drop purge revoke uninvite detach disable terminate archive unregister",
}
VERBS: Final[Mapping[str, Crud]] = {verb: crud for crud, verbs in _VERBS_OF.items() for verb in verbs.split()}


@lru_cache(maxsize=65_536)
def classify(name: str) -> Action:
    """The catalogue's entry, or one made from the name: `noun:verb` by its verb's first word, else class `other`."""
    if (known := CATALOGUE.get(name)) is not None:
        return known
    noun, _, verb = name.partition(":")
    return Action(name, "", VERBS.get(_first_word(verb), _O), CATEGORIES.get(noun, Category.OTHER))


def _first_word(verb: str) -> str:
    """`delete_many` -> `delete`, `DescribeInstances` -> `describe`, `get-user` -> `get`."""
    for index, letter in enumerate(verb):
        if letter in "_-. " or (index and letter.isupper()):
            return verb[:index].lower()
    return verb.lower()
