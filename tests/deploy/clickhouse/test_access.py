"""Roles, grants and row policies for a ClickHouse of one's own."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from trailhouse.deploy.clickhouse.access import HELD, OF_AN_ORG, ROLES, access_sql, org_sql, server_users_xml
from trailhouse.deploy.clickhouse.identities import ALERTS, DOOR, LINKS, PERSONAL, SEALED, SETTINGS
from trailhouse.deploy.errors import DeployError
from trailhouse.sinks.clickhouse import Client

TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\) ENGINE = (\w+)", re.DOTALL)


def test_the_engine_reads_every_statement(database: Client) -> None:
    """ClickHouse's own parser, on one server and on a cluster; it stands for what cannot be run in the local engine."""
    for cluster in ("", "main"):
        for statement in [*access_sql(cluster), *org_sql("dana", ["acme", "in.it:ech"], cluster)]:
            parsed = database.query(
                "SELECT formatQuerySingleLine({text:String})", parameters={"text": statement}
            ).result_rows[0][0]
            assert (f"ON CLUSTER {cluster}" in parsed) == bool(cluster), statement


def test_each_role_gets_what_it_needs_and_no_more() -> None:
    """Those who may not see who people are, cannot; the keys are for those who decide about them or ask them."""
    text = "\n".join(access_sql())
    for role in ("analyst", "grafana", "archive"):
        for table in PERSONAL:
            assert f"REVOKE SELECT ON trailhouse.{table} FROM {role}" in text
    for role in ROLES.keys() - {"admin", "api", "alerts", "settings"}:
        for table in DOOR:
            assert re.search(rf"REVOKE .*SELECT.* ON trailhouse\.{table} FROM {role}\n", text + "\n")
    for role in ROLES.keys() - {"admin", "api", "alerts", "settings"}:
        for table in SEALED:
            assert f"REVOKE SELECT ON trailhouse.{table} FROM {role}\n" in text + "\n"
    # Policies on rows do not reach through it.
    for role in HELD:
        assert f"REVOKE SELECT ON trailhouse.{LINKS} FROM {role}\n" in text + "\n"
    assert f"{LINKS} FROM archive" not in text
    assert "INSERT" not in " ".join(line for line in text.splitlines() if line.endswith("TO auditor"))
    written = {
        role: set(re.findall(rf"GRANT INSERT.* ON trailhouse\.(\w+) TO {role}\n", text + "\n"))
        for role in ("alerts", "settings")
    }
    assert written == {"alerts": set(ALERTS), "settings": set(SETTINGS)}
    assert "trailhouse.* TO settings" not in text
    assert "GRANT INSERT, SELECT, SHOW ON trailhouse.* TO ingest" in text


def test_the_page_about_security_knows_every_role() -> None:
    """Each role, and each table that is closed to whoever reads."""
    page = (Path(__file__).parents[3] / "docs/operations/secure.md").read_text()
    table = page[page.index("| user of |") : page.index("`trailhouse doctor`")]
    for name in (*ROLES, *DOOR, *SEALED, *PERSONAL, *ALERTS, LINKS):
        assert f"`{name}`" in table, name


def test_a_driver_may_ask_for_less_and_for_no_more() -> None:
    """Drivers send a time limit with every query: CONST would refuse all of them, and 0 would be none."""
    statements = [line for line in access_sql() if "SETTINGS" in line]
    assert len(statements) == sum(bool(role.caps or role.is_readonly) for role in ROLES.values())
    text = server_users_xml()
    assert not re.search(r"\bconst\b", " ".join((*statements, text)), re.IGNORECASE)
    for role in ROLES.values():
        for name, cap in role.caps.items():
            (line,) = (line for line in statements if f"ROLE {role.name} " in line)
            assert f"{name} = {cap} MIN 1 MAX {cap}" in line
            profile = re.search(f"<trailhouse_{role.name}>.*</trailhouse_{role.name}>", text)
            assert profile
            assert f"<{name}>{cap}</{name}>" in profile[0]
            assert f"<{name}><min>1</min><max>{cap}</max></{name}>" in profile[0]


def test_held_to_organisations_in_every_table_that_has_one() -> None:
    """A table with the column and no policy would show all of them."""
    tables = {
        name
        for file in (files("trailhouse.sinks") / "schema").iterdir()
        for name, columns, engine in TABLE.findall(file.read_text())
        if "org_id" in columns and engine != "Null"
    }
    assert tables == set(OF_AN_ORG)


def test_two_who_are_held_do_not_open_the_door_to_each_other() -> None:
    """What narrows is restrictive and for them alone; what everybody has is the same statement each time."""
    for statement in org_sql("dana", ["acme"]):
        is_theirs = "dana_orgs" in statement
        assert statement.endswith("AS restrictive TO dana" if is_theirs else "AS permissive TO ALL")
    everybody = [
        {line for line in org_sql(user, ["acme"]) if "everybody" in line} for user in ("dana", "lee")
    ]
    assert everybody[0] == everybody[1]


@pytest.mark.parametrize("wrong", ["acme') OR (1", "", "acme'"])
def test_no_text_becomes_sql(wrong: str) -> None:
    """A name is a name."""
    with pytest.raises(DeployError):
        org_sql("dana", [wrong])
    with pytest.raises(DeployError):
        org_sql(wrong, ["acme"])
    if wrong:
        with pytest.raises(DeployError):
            access_sql(wrong)


def test_users_of_the_image_have_the_same_grants() -> None:
    """Line by line; nobody has a password in this file."""
    text = server_users_xml()
    for role in ROLES.values():
        assert all(f"<query>{grant}</query>" in text for grant in role.grants)
    assert "password>" not in text
