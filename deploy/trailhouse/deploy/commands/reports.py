"""`trailhouse reports`: the questions there are."""

from __future__ import annotations

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
