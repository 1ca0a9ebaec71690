"""`trailhouse orgs`: what is said of organisations, and so decides how their questions are read."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Say which time zone, week and company organisations have.")


@app.command("list")
def list_orgs(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """List the organisations, and what is said of each."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.store import ClickHouseStore  # noqa: PLC0415
    from trailhouse.sinks.org_settings import WEEKDAYS, OrgSettings, org_settings  # noqa: PLC0415

    with operator_session(data) as session:
        said = {each.org_id: each for each in org_settings(session.client)}
        names = sorted({*ClickHouseStore(session.client).orgs(), *said})
    rows = [
        {
            "org": name,
            "company": found.company,
            "timezone": found.timezone,
            "week_start": WEEKDAYS[found.week_start - 1] if found.week_start else "",
        }
        for name in names
        for found in [said.get(name, OrgSettings(name))]
    ]
    if format is Format.JSON:
        print_json(rows)
    elif rows:
        print_table(tuple(rows[0]), [[value or "-" for value in row.values()] for row in rows])
    else:
        say("no organisation has a stored event, and nothing is said of any")


@app.command("set")
def set_org(
    *,
    org: Annotated[str, typer.Option("--org", metavar="ORG", help="Organisation.")],
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="IANA time zone of its days; empty = UTC.")
    ] = None,
    week_start: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="First day of its weeks, monday … sunday; empty = monday."),
    ] = None,
    company: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Whose it is: reports can be asked with --company; empty = nobody's."
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Say something of an organisation; what is not named stays as it is."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415
    from trailhouse.queries.office import OrgChange  # noqa: PLC0415

    if timezone is week_start is company is None:
        raise typer.BadParameter("name --timezone, --week-start or --company")
    try:
        change = OrgChange(org, timezone, week_start, company).checked()
    except BadParameter as error:
        raise error.spell("--") from None
    with operator_session(data) as session, session.office() as office:
        office.change_org(change)
    say(f"{org}: reports that name none of it now use this; see it: trailhouse orgs list")
