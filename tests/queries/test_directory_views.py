"""The views of the directory say what their first, slower spelling says, of any events whatever."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import pytest
from tests.queries.conftest import Town
from tests.queries.directory_events import Org, said

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.migrate import load

FIRST: Final = ("0020", "0021", "0027")
_VIEW: Final = re.compile(r"CREATE (?:OR REPLACE )?VIEW directory_")


@pytest.fixture(scope="module")
def client(town: Town) -> Iterator[Client]:
    """A database that has the views as they were spelled first as well, called `first_…`."""
    statements = [each for file in load() if file.name[:4] in FIRST for each in file.statements]
    for statement in filter(_VIEW.match, statements):
        replaced = re.sub(r"^CREATE VIEW", "CREATE OR REPLACE VIEW", statement)
        town.client.command(re.sub(r"\bdirectory_(facts|refs|people)\b", r"first_\1", replaced))
    yield town.client
    for view in ("facts", "refs", "people"):
        town.client.command(f"DROP VIEW first_{view}")


def imagine(random: Random) -> Mapping[str, Any]:
    """Something that happens among a dozen people, who share addresses, names, teams, ids and moments."""
    at = f"2026-01-{random.randint(1, 9):02}T{random.randint(0, 3):02}:00"
    who, whom = (f"u-{random.randint(1, 12)}" for _ in range(2))
    mail = f"U-{random.randint(1, 12)}@example.org"
    team = {"entity_asset": f"team-{random.randint(1, 4)}", "entity_name": random.choice(["Red", "Blue", ""])}
    place = {"workspace": f"space-{random.randint(1, 3)}"}
    target = random.choice(
        [{"user_asset": whom}, {"user_email": mail}, {"user_asset": whom, "user_email": mail}]
    )
    deeds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("page:view", {"actor_email": mail, "actor_role": random.choice(["admin", "member"])}),
        ("user:login", {"actor_name": f"Name {random.randint(1, 3)}"}),
        ("report:view", {"source": "trailhouse"}),
        ("run:create", {"actor_type": random.choice(["user", "service_account"])}),
        ("team:invite_user", target | team | {"attributes": {"role": "member"}}),
        ("team:accept_invite", team),
        ("team:uninvite", target | team),
        ("team:create_service_account", target | team),
        ("team:delete", team),
        ("team:update", team),
        ("user:create", target),
        ("user:deactivate", target),
        ("user:reactivate", target),
        ("user:assign_seat", target | {"attributes": {"seat": "View"}}),
        ("user:release_seat", target),
        ("user:change_role", target | {"attributes": {"role": "admin"}}),
        ("workspace:grant", target | {"attributes": place}),
        ("workspace:revoke", target | {"attributes": place}),
        ("workspace:delete", {"attributes": place}),
        (
            "roster:user",
            target | {"attributes": {"status": "active", "lists_teams": "1", "user_name": "Listed"}},
        ),
        ("roster:team", target | team),
        ("roster:alias", {"user_asset": whom, "attributes": {"alias_of_user": f"u-{random.randint(1, 12)}"}}),
        ("roster:alias", {"user_asset": whom, "attributes": {"alias_of_user": mail.lower()}}),
    )
    action, fields = random.choice(deeds)
    fields = {name: value for name, value in fields.items() if value != ""}
    return said(action, at, actor_user_id=who, correlation_id=str(random.random()), **fields)


def rows(client: Client, query: str, org: Org) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, client.query(query, parameters={"org": org.name}).result_rows))


@pytest.mark.parametrize("seed", range(4))
def test_views_say_what_their_first_spelling_says(client: Client, seed: int) -> None:
    """People, who is who, and whose ids are somebody else's; also after somebody was erased."""
    random = Random(seed)
    org = Org.new(client)
    org.tell_in_any_way(random, [imagine(random) for _ in range(random.choice([20, 150]))])
    refs = rows(client, "SELECT user_ref, person_ref FROM first_refs(org = {org:String})", org)
    for erased in (None, random.choice(refs)[0]):
        if erased is not None:
            client.insert("erased", [[org.name, erased]], column_names=["org_id", "user_ref"])
        for view in ("people", "refs"):
            first, now = (
                rows(client, f"SELECT * FROM {name}_{view}(org = {{org:String}})", org)
                for name in ("first", "directory")
            )
            assert now
            assert now == first
        found = rows(client, "SELECT * FROM aliases_in(orgs = ['nowhere', {org:String}])", org)
        first = rows(
            client,
            "SELECT {org:String}, * FROM first_refs(org = {org:String}) WHERE user_ref != person_ref",
            org,
        )
        assert found == first


def test_aliases_of_several_organisations(client: Client) -> None:
    """Each organisation has its own; what a roster calls an alias counts for the one it names."""
    one, two = Org.new(client), Org.new(client)
    one.tell(
        said("page:view", "2026-01-01T09:00", actor_user_id="ann"),
        said("page:view", "2026-01-01T10:00", actor_user_id="ann-old"),
        said("roster:alias", "2026-01-02T09:00", user_asset="ann-old", attributes={"alias_of_user": "ann"}),
    )
    two.tell(
        said("page:view", "2026-01-01T09:00", actor_user_id="ann"),
        said("page:view", "2026-01-01T10:00", actor_user_id="ann-old"),
    )
    found = client.query(
        "SELECT aliases.org_id, alias.identity, person.identity"
        " FROM aliases_in(orgs = {orgs:Array(String)}) AS aliases"
        " INNER JOIN people AS alias ON aliases.org_id = alias.org_id AND aliases.user_ref = alias.user_ref"
        " INNER JOIN people AS person ON aliases.org_id = person.org_id AND aliases.person_ref = person.user_ref",
        parameters={"orgs": [one.name, two.name]},
    ).result_rows
    assert [tuple(row) for row in found] == [(one.name, "ann-old", "ann")]
