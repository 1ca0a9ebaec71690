"""`trailhouse reports diff` and `reports rebuild`: other definitions of figures, compared, then switched."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.commands.reports import app
from trailhouse.deploy.meter import Meter
from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.sinks.clickhouse import Client
    from trailhouse.sinks.comparison import Comparison
    from trailhouse.sinks.rebuild import Scope

__all__ = ["app"]

Org = Annotated[str, typer.Option("--org", metavar="ORG", help="Of one organisation alone.")]
Since = Annotated[str | None, typer.Option(metavar="DAY", help="First UTC day; of a report, local day.")]
Until = Annotated[str | None, typer.Option(metavar="DAY", help="Last UTC day; of a report, local day.")]
Unfinished = Annotated[
    bool, typer.Option("--drop-unfinished", help="Remove what a rebuild that died left behind, first.")
]


@app.command()
def rebuild(  # noqa: PLR0913 - each argument is an option
    *,
    tables: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="TABLE", help="Which, once each; all when left out."),
    ] = None,
    org: Org = "",
    since: Since = None,
    until: Until = None,
    definition: Annotated[
        Path | None, typer.Option(help="File with a new SELECT for the view of that one table.")
    ] = None,
    drop_unfinished: Unfinished = False,
    data: Data = None,
) -> None:
    """Make tables that reports read anew from the stored events, compare, and switch to them.

    Inserts and reports go on meanwhile; each table is there twice until it is done. Tables whose events have expired are
    refused. Rows say what was different. It is recorded (schema:update).
    """
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.definition import definitions  # noqa: PLC0415

    if definition is not None and len(tables or ()) != 1:
        raise typer.BadParameter("a definition is that of one table: add --table", param_hint="--definition")
    with operator_session(data) as session:
        names, scope = tables or list(definitions(session.client)), _scope(org, since, until)
        session.record(
            "schema:update",
            org or "*",
            rebuilt=", ".join(names),
            definition="as it was" if definition is None else "another",
        )
        rows = [(name, _make(session.client, name, scope, definition, drop_unfinished)) for name in names]
    _print(rows)


@app.command()
def diff(  # noqa: PLR0913 - each argument is an option
    name: Annotated[str, typer.Argument(metavar="TABLE|REPORT")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The new version: a view's SELECT, or a report's file."),
    ] = None,
    *,
    org: Org = "",
    since: Since = None,
    until: Until = None,
    drop_unfinished: Unfinished = False,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show what a new version of a table or report would change; without FILE, what a rebuild would.

    Changes nothing. A table is made beside the one there is and removed again. Exit code 1 when anything differs.
    """
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.report import load  # noqa: PLC0415

    if name in load():
        if file is None:
            raise typer.BadParameter("say which file has the new version", param_hint="FILE")
        _diff_report(name, file, {"org": org or None, "since": since, "until": until}, data, format)
        return
    with operator_session(data) as session:
        scope = _scope(org, since, until)
        found = _make(session.client, name, scope, file, drop_unfinished, is_trial=True)
    _print([(name, found)], format)
    for example in found.examples:
        say(f"differs: {example}")
    if not found.is_same:
        raise typer.Exit(1)


def _make(  # noqa: PLR0913 - what a rebuild needs
    client: Client,
    table: str,
    scope: Scope,
    definition: Path | None,
    drop_unfinished: bool,  # noqa: FBT001
    *,
    is_trial: bool = False,
) -> Comparison:
    from trailhouse.sinks import rebuild as rebuilding  # noqa: PLC0415 - keeps the command line quick

    if drop_unfinished:
        rebuilding.drop_unfinished(client, table)
    with Meter(environ=os.environ) as meter:
        meter.begin(table, None, "months")

        def progress(done: int, total: int) -> None:
            meter.resize(total)
            meter.show(done, done)

        return rebuilding.rebuild(
            client,
            table,
            scope,
            query=definition.read_text() if definition is not None else "",
            is_trial=is_trial,
            on_progress=progress,
        )


def _scope(org: str, since: str | None, until: str | None) -> Scope:
    from trailhouse.sinks.rebuild import FIRST, LAST, Scope  # noqa: PLC0415

    def day(text: str | None, otherwise: date, option: str) -> date:
        try:
            return otherwise if text is None else date.fromisoformat(text)
        except ValueError:
            raise typer.BadParameter("a UTC day such as 2026-01-31", param_hint=option) from None

    return Scope(org, day(since, FIRST, "--since"), day(until, LAST, "--until"))


def _print(rows: list[tuple[str, Comparison]], form: Format = Format.TABLE) -> None:
    cells = [
        {"table": name, "keys": each.keys, "gone": each.gone, "new": each.new, "changed": each.changed}
        for name, each in rows
    ]
    if form is Format.JSON:
        print_json(cells)
    else:
        print_table(list(cells[0]), [list(row.values()) for row in cells])


def _diff_report(
    name: str, file: Path, asked: dict[str, str | None], data: Path | None, form: Format
) -> None:
    from trailhouse.deploy.self_audit import self_audit  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.caller import Caller  # noqa: PLC0415
    from trailhouse.queries.difference import difference  # noqa: PLC0415
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415
    from trailhouse.queries.report import load, parse  # noqa: PLC0415
    from trailhouse.queries.runner import record_reading, run  # noqa: PLC0415
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415
    from trailhouse.queries.store import Pool  # noqa: PLC0415

    params = {key: text for key, text in asked.items() if text is not None}
    caller = Caller(orgs=None, read_pii=False, is_instance=True, is_known=True)
    stack, now = find_stack(data, os.environ), datetime.now(UTC)
    pool = Pool(stack.clickhouse("reader"), size=1)
    try:
        with pool.client() as client:
            old, new = (
                run(client, each, caller, params, now=now)
                for each in (load()[name], parse(name, file.read_text()))
            )
    except BadParameter as error:
        raise error.spell("--") from None
    finally:
        pool.close()
    with self_audit(stack) as audit:
        record_reading(audit, Who.operator(), old, form.value)
    found = difference(old, new)
    columns = (
        "",
        *(column.name for column in (new if len(new.columns) >= len(old.columns) else old).columns),
    )
    if form is Format.JSON:
        print_json([[sign, *map(str, row)] for sign, row in found])
    elif found:
        width = len(columns)
        print_table(columns, [[sign, *row, *[""] * (width - 1 - len(row))] for sign, row in found])
    say(f"rows that differ: {len(found)}; old {len(old.rows)}, new {len(new.rows)}")
    if found:
        raise typer.Exit(1)
