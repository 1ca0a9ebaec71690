"""`trailhouse schema`: the contracts as JSON Schema."""

from __future__ import annotations

import typer

from trailhouse.deploy.options import print_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def schema() -> None:
    """Print the schemas of what goes through Kafka."""


@app.command()
def event() -> None:
    """Print the JSON Schema of an audit event."""
    from trailhouse.producers.schema import json_schema  # noqa: PLC0415 - keeps the command line quick

    print_json(json_schema())
