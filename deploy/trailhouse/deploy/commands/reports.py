"""`trailhouse reports` and `trailhouse report NAME`: questions, answered."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, has_colour, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.queries.runner import Result


class ReportFormat(StrEnum):
    """How a report prints its rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


def reports(*, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """List the reports."""
    from trailhouse.queries.report import load  # noqa: PLC0415 - keeps the command line quick

    found = load().values()
    if format is Format.JSON:
        print_json([each.to_dict() for each in found])
    else:
        print_table(
            ("report", "question", "columns"),
            [(each.name, each.question, ", ".join(column.name for column in each.columns)) for each in found],
        )


def report(  # noqa: PLR0913 - each argument is an option
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which report; `trailhouse reports` lists them.")
    ],
    *,
    org: Annotated[
        str | None, typer.Option(help="Organisation; may be left out where there is only one.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="First local day, or an instant.")] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Last local day, counted whole; or the instant the period ends before."
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(metavar="30d", help="Days, weeks, months or years up to today: 30d, 12w, 6m, 1y, all."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="IANA time zone whose days count; UTC when left out.")
    ] = None,
    actors: Annotated[str | None, typer.Option(metavar="people|all", help="Whose activity counts.")] = None,
    limit: Annotated[
        str | None, typer.Option(metavar="N", help="Rows at most, for reports that rank.")
    ] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Show hashes in place of who people are.")] = False,
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="Print the SQL with its parameters instead of running it.")
    ] = False,
    data: Data = None,
    format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.TABLE,  # noqa: A002
) -> None:
    """Run a report."""
    from trailhouse.deploy.self_audit import self_audit  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.caller import Caller  # noqa: PLC0415
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415
    from trailhouse.queries.report import find, load  # noqa: PLC0415
    from trailhouse.queries.runner import prepare, record_reading, run  # noqa: PLC0415
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415
    from trailhouse.queries.store import Pool  # noqa: PLC0415

    asked = {
        "org": org,
        "since": since,
        "until": until,
        "last": last,
        "timezone": timezone,
        "actors": actors,
        "limit": limit,
    }
    params = {key: text for key, text in asked.items() if text is not None}
    chosen = find(load(), name)
    caller = Caller(orgs=None, read_pii=not masked, is_instance=True, is_known=True)
    stack = find_stack(data, os.environ)
    pool = Pool(stack.clickhouse("reader"), size=1)
    with pool.client() as client:
        try:
            if show_sql:
                print(prepare(client, chosen, caller, params).to_sql())
            else:
                result = run(client, chosen, caller, params)
                with self_audit(stack) as audit:
                    record_reading(audit, Who.operator(), caller, result, format.value)
                _print(result, format)
                if result.note:
                    say(f"note: {result.note}")
        except BadParameter as error:
            raise error.spell("--") from None
    pool.close()


def _print(result: Result, form: ReportFormat) -> None:
    from trailhouse.queries import render  # noqa: PLC0415

    if form is ReportFormat.TABLE:
        is_terminal = sys.stdout.isatty()
        colour = has_colour(os.environ, is_terminal=is_terminal)
        width = os.get_terminal_size().columns if is_terminal else None
        text: str | bytes = render.table(result, width=width, color=colour)
    else:
        writers: dict[str, Callable[[Result], str | bytes]] = {
            "csv": render.csv,
            "json": render.json,
            "ndjson": render.ndjson,
        }
        text = writers[form.value](result)
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode())
    sys.stdout.buffer.flush()
