"""`trailhouse access`: who may do what in a ClickHouse of one's own, printed for its administrator to run."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Print the roles, grants and row policies of a ClickHouse of your own."
)
Cluster = Annotated[
    str, typer.Option(envvar="TRAILHOUSE_CLICKHOUSE_CLUSTER", help="Name of the cluster; none = one server.")
]
Database = Annotated[str, typer.Option(help="The database the tables are in.")]


@app.command("sql")
def sql(*, cluster: Cluster = "", database: Database = "trailhouse") -> None:
    """Print the roles and their grants as SQL: ingest, api, settings, alerts, analyst, auditor, archive, grafana, admin.

    Give each program and person a user of their own, and the user one of the roles: `GRANT analyst TO dana`.
    """
    from trailhouse.deploy.clickhouse.access import access_sql  # noqa: PLC0415 - keeps the command line quick

    _print(access_sql(cluster, database))


@app.command("orgs")
def orgs(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user or role of ClickHouse.")],
    *,
    org: Annotated[list[str], typer.Option(help="An organisation they may see, once for each.")],
    cluster: Cluster = "",
    database: Database = "trailhouse",
) -> None:
    """Print row policies that show USER the rows of some organisations and no other's."""
    from trailhouse.deploy.clickhouse.access import org_sql  # noqa: PLC0415

    _print(org_sql(user, org, cluster, database))


@app.command("users-xml")
def users_xml() -> None:
    """Print the roles as users for the server's `users.d`; their passwords go into another file there."""
    from trailhouse.deploy.clickhouse.access import server_users_xml  # noqa: PLC0415

    print(server_users_xml(), end="")


def _print(statements: list[str]) -> None:
    for statement in statements:
        print(f"{statement};")
