"""Who may do what in a ClickHouse of one's own: roles, grants and row policies, as SQL and as the server's `users.xml`.

The same identities as the local engine's, without its `reader`, and two more: `auditor` reads everything that
happened, personal data included; `grafana` is an analyst for dashboards. The tables of API keys and of who signs in are
read by `admin`, `api`, `settings` and `alerts` alone, and written by `admin` and
`settings`; where notifications go is known to `admin`, `api` and `alerts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from trailhouse.deploy.clickhouse.identities import (
    ALERTS,
    DATABASE,
    DOOR,
    IDENTITIES,
    LINKS,
    SEALED,
    Identity,
)
from trailhouse.deploy.errors import DeployError

_CAPS: Final = IDENTITIES["analyst"].caps
ROLES: Final = {
    role.name: role
    for role in (
        *(
            IDENTITIES[name]
            for name in ("admin", "ingest", "api", "settings", "alerts", "analyst", "archive")
        ),
        Identity(
            "auditor",
            (
                f"GRANT SELECT, SHOW ON {DATABASE}.*",
                *(f"REVOKE SELECT, SHOW ON {DATABASE}.{table}" for table in DOOR),
                *(f"REVOKE SELECT ON {DATABASE}.{table}" for table in (*SEALED, LINKS)),
            ),
            is_readonly=True,
            caps=_CAPS,
        ),
        Identity("grafana", IDENTITIES["analyst"].grants, is_readonly=True, caps=_CAPS),
    )
}
#: Roles of people and of what shows things to people: those a row policy can hold to organisations.
HELD: Final = ("analyst", "auditor", "grafana")
#: Tables with a row for each thing of one organisation; views on them ask for the rights of whoever reads.
OF_AN_ORG: Final = (
    "events",
    "event_pii",
    "users",
    "user_days",
    "action_slots",
    "rejected",
    "landed",
    "settled",
    "actors",
    "directory",
    "erased",
    "holds",
    "retention",
    "expired",
    "expiries",
    "event_places",
    "org_settings",
    "newcomers",
    "page_slots",
    "things",
    "thing_events",
    "login_slots",
    "notable",
    "sightings",
    "key_days",
    "touched",
    "sealed",
    "action_days",
    "page_days",
    "links",
    *ALERTS,
)
_ORG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def access_sql(cluster: str = "", database: str = DATABASE) -> list[str]:
    """Statements that make the roles and say what each may do; the same again changes nothing."""
    on = _on(cluster)
    statements = []
    for role in ROLES.values():
        statements.append(f"CREATE ROLE IF NOT EXISTS {role.name}{on}")
        # What an earlier version granted goes first.
        statements.append(f"REVOKE{on} ALL ON *.* FROM {role.name}")
        for grant in role.grants:
            verb, rest = grant.replace(f" {DATABASE}.", f" {database}.").split(" ", 1)
            statements.append(f"{verb}{on} {rest} {'TO' if verb == 'GRANT' else 'FROM'} {role.name}")
        if settings := _settings_of(role):
            statements.append(f"ALTER ROLE {role.name}{on} SETTINGS {settings}")
    return statements


def org_sql(user: str, orgs: Sequence[str], cluster: str = "", database: str = DATABASE) -> list[str]:
    """Row policies that show `user` (a user or role of ClickHouse) the rows of these organisations and no other.

    A restrictive policy narrows what a permissive one shows; the one for everybody keeps all rows visible to all others,
    however many users are held to organisations. Who is held cannot shed it by another role. Raises `DeployError` for a name that is none.
    """
    if not _NAME.fullmatch(user):
        raise DeployError(f"{user!r} is no name of a ClickHouse user or role")
    if wrong := [org for org in orgs if not _ORG.fullmatch(org)]:
        raise DeployError(f"{wrong[0]!r} is no organisation")
    if not orgs:
        raise DeployError("no organisation is named", hint="--org, once for each")
    on, shown = _on(cluster), ", ".join(f"'{org}'" for org in orgs)
    statements = []
    for table in OF_AN_ORG:
        place = f"{database}.{table}"
        statements += [
            f"CREATE ROW POLICY IF NOT EXISTS everybody{on} ON {place} FOR SELECT USING 1 AS permissive TO ALL",
            f"CREATE ROW POLICY OR REPLACE {user}_orgs{on} ON {place} FOR SELECT USING org_id IN ({shown}) AS restrictive TO {user}",
        ]
    return statements


def server_users_xml() -> str:
    """A file for `users.d` of a ClickHouse server: the same roles as users, whose passwords stand in another file."""
    return "\n".join(
        (
            "<!-- Users of Trailhouse, made by `trailhouse access users-xml`; their passwords stand in a file beside it. -->",
            "<clickhouse>",
            "<profiles>",
            *(_profile(role) for role in ROLES.values()),
            "</profiles>",
            "<users>",
            # Who comes without a name comes from inside the container.
            "<default><networks replace='replace'><ip>127.0.0.1</ip><ip>::1</ip></networks></default>",
            *(line for role in ROLES.values() for line in _user(role)),
            "</users>",
            "</clickhouse>",
            "",
        )
    )


def _on(cluster: str) -> str:
    if cluster and not _NAME.fullmatch(cluster):
        raise DeployError(f"{cluster!r} is no name of a cluster")
    return f" ON CLUSTER {cluster}" if cluster else ""


def _settings_of(role: Identity) -> str:
    caps = [f"{name} = {value} MIN 1 MAX {value}" for name, value in role.caps.items()]
    # 2: queries alone, and their own settings may be set, which drivers do: Grafana's sends a time limit with every
    # query, which CONST would refuse. Less than the cap may be asked for, and not 0, which is no limit.
    return ", ".join([*caps, *(["readonly = 2"] if role.is_readonly else [])])


def _profile(role: Identity) -> str:
    caps = "".join(f"<{name}>{value}</{name}>" for name, value in role.caps.items())
    bounds = "".join(f"<{name}><min>1</min><max>{value}</max></{name}>" for name, value in role.caps.items())
    readonly = "<readonly>2</readonly>" if role.is_readonly else ""
    constraints = f"<constraints>{bounds}</constraints>" if bounds else ""
    return f"<trailhouse_{role.name}>{readonly}{caps}{constraints}</trailhouse_{role.name}>"


def _user(role: Identity) -> Iterator[str]:
    yield f"<{role.name}>"
    yield f"<networks><ip>::/0</ip></networks><profile>trailhouse_{role.name}</profile><quota>default</quota>"
    yield "<grants>"
    yield from (f"<query>{grant}</query>" for grant in role.grants)
    yield "</grants>"
    yield f"</{role.name}>"
