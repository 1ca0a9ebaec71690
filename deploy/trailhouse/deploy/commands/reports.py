"""`trailhouse reports`: the questions there are."""

from __future__ import annotations

from typing import Annotated

import typer

from trailhouse.deploy.options import Format, FormatOption, print_json, print_table

app = typer.Typer(help="List the reports, or make a Grafana panel of one.")


@app.callback(invoke_without_command=True)
def _reports(context: typer.Context, *, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """List the reports, or make a Grafana panel of one."""
    if context.invoked_subcommand is None:
        reports(format=format)


def reports(*, format: Format = Format.TABLE) -> None:  # noqa: A002 - as the option
    """Print the reports: what each answers, and its columns."""
    from trailhouse.queries.report import load  # noqa: PLC0415 - keeps the command line quick

    found = load().values()
    if format is Format.JSON:
        print_json([each.to_dict() for each in found])
        return
    rows = [
        (each.name, each.question, ", ".join(column.name for column in each.columns if not column.is_hidden))
        for each in found
    ]
    print_table(("report", "question", "columns"), rows)


@app.command()
def grafana(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Which reports; all of them when left out."),
    ] = None,
    *,
    only_panel: Annotated[bool, typer.Option("--panel", help="The panel of one report alone.")] = False,
) -> None:
    """Print a Grafana dashboard of these reports, to be imported.

    It needs Grafana's own ClickHouse plugin (grafana-clickhouse-datasource) with the database `trailhouse` as default
    and a user who may read what the reports read. Days are those of UTC, people are masked, and whoever may use the data
    source may choose any organisation.
    """
    from trailhouse.queries.grafana import dashboard, panel  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.report import find, load  # noqa: PLC0415

    known = load()
    chosen = [find(known, name) for name in names or known]
    if only_panel and len(chosen) != 1:
        raise typer.BadParameter("--panel is about one report: name it")
    print_json(panel(chosen[0]) if only_panel else dashboard(chosen))
