"""`trailhouse person export`: everything held about a person."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from trailhouse.deploy.commands.erase import ExactOption, OrgOption, UserOption
from trailhouse.deploy.options import Data, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def person() -> None:
    """Export everything held about a person."""


@app.command()
def export(
    *,
    org: OrgOption,
    user: UserOption,
    exact: ExactOption = False,
    with_others: Annotated[
        bool,
        typer.Option("--with-others", help="Also what the events say of other people: not for the person."),
    ] = False,
    data: Data = None,
) -> None:
    """Print everything held about a person, as JSON lines, for an access request.

    Directory, events they did, events done to them, events that name them, days on which they were active. What an
    event says of somebody else is left out. Copies in topics and backups are not in it; `trailhouse erase --dry-run`
    shows them. Needs ClickHouse's admin identity, and the pepper.
    """
    from trailhouse.deploy.session import operator_session, shown_ref  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.dossier import dossier  # noqa: PLC0415

    lines = 0
    with operator_session(data) as session:
        found = session.find(org, user, is_exact=exact)
        session.record("person:export", org, person=shown_ref(found.refs[0]), with_others=with_others)
        for each in dossier(session.client, found, with_others=with_others):
            print(json.dumps(each, ensure_ascii=False))
            lines += 1
    say(f"{lines:,} lines")
