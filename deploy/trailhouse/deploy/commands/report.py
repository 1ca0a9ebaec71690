"""`trailhouse report NAME`: a question answered, or the events behind one row of the answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, has_colour, say

if TYPE_CHECKING:
    from trailhouse.queries.explain import Explanation
    from trailhouse.queries.runner import Result
    from trailhouse.sinks.clickhouse import Client


class ReportFormat(StrEnum):
    """How a report prints its rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def report(  # noqa: PLR0913 - each argument is an option
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which report; `trailhouse reports` lists them.")
    ],
    *,
    org: Annotated[
        list[str] | None,
        typer.Option(
            help="Organisation, more than once for several; may be left out where there is only one."
        ),
    ] = None,
    company: Annotated[
        str | None, typer.Option(metavar="NAME", help="All organisations of a company, instead of --org.")
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
        str | None,
        typer.Option(
            metavar="ZONE", help="IANA time zone whose days count; else the organisation's, else UTC."
        ),
    ] = None,
    week_start: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="First day of a week: monday … sunday; else the organisation's."),
    ] = None,
    semantics: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose definition answers, such as wandb-saas.")
    ] = None,
    actors: Annotated[str | None, typer.Option(metavar="people|all", help="Whose activity counts.")] = None,
    limit: Annotated[
        str | None, typer.Option(metavar="N", help="Rows at most, for reports that rank.")
    ] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Show hashes in place of who people are.")] = False,
    explain: Annotated[
        int | None,
        typer.Option(metavar="ROW", help="List the events behind a row: 1 is the first one printed."),
    ] = None,
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="Print the SQL with its parameters instead of running it.")
    ] = False,
    data: Data = None,
    format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.TABLE,  # noqa: A002
) -> None:
    """Run a report, or list the events behind one of its rows.

    A report's own parameters are options as well; `trailhouse reports --format json` lists them.
    """
    from trailhouse.deploy.self_audit import self_audit  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.caller import Caller  # noqa: PLC0415
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415
    from trailhouse.queries.report import find, load  # noqa: PLC0415
    from trailhouse.queries.runner import prepare, record_explaining, record_reading, run  # noqa: PLC0415
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415
    from trailhouse.queries.store import Pool  # noqa: PLC0415

    asked = {
        "org": ",".join(org) if org else None,
        "company": company,
        "since": since,
        "until": until,
        "last": last,
        "timezone": timezone,
        "week_start": week_start,
        "semantics": semantics,
        "actors": actors,
        "limit": limit,
    }
    params = {key: text for key, text in asked.items() if text is not None} | own_options(context.args)
    chosen = find(load(), name)
    caller = Caller(orgs=None, read_pii=not masked, is_instance=True, is_known=True)
    stack = find_stack(data, os.environ)
    with closing(Pool(stack.clickhouse("reader"), size=1)) as pool, pool.client() as client:
        try:
            if show_sql:
                print(prepare(client, chosen, caller, params).to_sql())
                return
            result = run(client, chosen, caller, params)
            with self_audit(stack) as audit:
                if explain is None:
                    record_reading(audit, Who.operator(), result, format.value)
                    out = _written(result, format, client)
                else:
                    explanation = _explained(client, result, explain, format)
                    record_explaining(audit, Who.operator(), explanation, format.value)
                    out = _explanation(explanation, format)
            sys.stdout.buffer.write(out if isinstance(out, bytes) else out.encode())
            sys.stdout.buffer.flush()
            if result.note:
                say(f"note: {result.note}")
        except BadParameter as error:
            raise error.spell("--") from None


def own_options(words: Sequence[str]) -> dict[str, str]:
    """`--name value` and `--name=value` of options that only some reports have; raises `typer.BadParameter`."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, is_joined, value = word.partition("=")
        if not name.startswith("--") or len(name) < 3:
            raise typer.BadParameter(f"unexpected argument {word!r}")
        if not is_joined:
            if not rest:
                raise typer.BadParameter(f"{name} needs a value")
            value = rest.pop(0)
        key = name.removeprefix("--").replace("-", "_")
        if key in found:
            raise typer.BadParameter(f"{name} is given twice")
        found[key] = value
    return found


def _written(result: Result, form: ReportFormat, client: Client) -> str | bytes:
    from trailhouse.queries import render  # noqa: PLC0415 - keeps the command line quick

    if form is ReportFormat.TABLE:
        width, colour = _terminal()
        return render.table(result, width=width, color=colour)
    if form is ReportFormat.PARQUET:
        from trailhouse.queries.report_file import parquet  # noqa: PLC0415

        return parquet(client, result.question)
    writers: Mapping[str, Callable[[Result], str | bytes]] = {
        "csv": render.csv,
        "json": render.json,
        "ndjson": render.ndjson,
    }
    return writers[form.value](result)


def _explained(client: Client, result: Result, row: int, form: ReportFormat) -> Explanation:
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.explain import explain  # noqa: PLC0415

    if form is ReportFormat.PARQUET:
        raise BadParameter("format", form.value, "table, csv, json or ndjson with --explain")
    if not 1 <= row <= len(result.rows):
        rows = f"a row from 1 to {len(result.rows)}" if result.rows else "a report that has rows"
        raise BadParameter("explain", str(row), rows)
    return explain(client, result.question, result.values(row - 1), asked_at=result.asked_at)


def _explanation(explanation: Explanation, form: ReportFormat) -> str | bytes:
    from trailhouse.queries import render, render_explanation  # noqa: PLC0415 - keeps the command line quick

    if form is ReportFormat.TABLE:
        width, colour = _terminal()
        return render_explanation.table(explanation, width=width, color=colour)
    if form is ReportFormat.JSON:
        return render_explanation.json(explanation)
    if explanation.rest:
        say(f"{explanation.rest:,} more events are behind this row")
    return render.csv(explanation) if form is ReportFormat.CSV else render.ndjson(explanation)


def _terminal() -> tuple[int | None, bool]:
    """How wide it is, None = it is none, and whether to colour."""
    is_terminal = sys.stdout.isatty()
    width = os.get_terminal_size().columns if is_terminal else None
    return width, has_colour(os.environ, is_terminal=is_terminal)
