"""`trailhouse gap list` and `gap accept`: raw records that are missing."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.self_audit import record

app = typer.Typer(
    no_args_is_help=True, help="List raw records that are missing, or accept that they are lost."
)


@app.command("list")
def list_gaps(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """List what the sinks miss now, and what was accepted as lost.

    `refilling` = the stream is asked to write it again, within seconds; `gone` = the raw topic does not hold it any
    more and the sink waits for `trailhouse gap accept`; `lost` = accepted. Exit code 1 while anything is `gone`.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.losses import GONE, losses  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("reader"))
    found = losses(stack.kafka, client, sink_group())
    client.close()
    rows = [
        {
            "range": str(each.range),
            "records": each.range.records,
            "state": each.state,
            "reason": each.reason,
            "accepted_by": each.accepted_by,
            "accepted_at": each.accepted_at,
        }
        for each in found
    ]
    if format is Format.JSON:
        print_json(rows)
    elif rows:
        print_table(
            list(rows[0]), [[value if value != "" else "-" for value in row.values()] for row in rows]
        )
    else:
        say("nothing is missing, and nothing was ever accepted as lost")
    if waiting := [each for each in found if each.state == GONE]:
        say(f"error: {sum(each.range.records for each in waiting)} records are gone, and the sink waits")
        say(f"hint: trailhouse gap accept {waiting[0].range} --reason '…'")
        raise typer.Exit(1)


@app.command()
def accept(
    missing: Annotated[
        str, typer.Argument(metavar="RANGE", help="EPOCH/PARTITION/FIRST-LAST as `gap list` prints it.")
    ],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why they are lost; kept with the range for ever.")],
    data: Data = None,
) -> None:
    """Record a range of raw records as lost, so that the sink goes on beyond it.

    Only what is gone from the raw topic can be lost. The books go on showing it, as `lost`.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.self_audit import operator_name  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.losses import accept as accept_loss  # noqa: PLC0415
    from trailhouse.sinks.losses import check_gone  # noqa: PLC0415
    from trailhouse.stream.gaps import Range  # noqa: PLC0415

    try:
        wanted = Range.parse(missing)
    except ValueError:
        raise typer.BadParameter(
            f"{missing!r} is no EPOCH/PARTITION/FIRST-LAST", param_hint="RANGE"
        ) from None
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("ingest"))
    given = stack.kafka, client, sink_group(), wanted
    check_gone(*given)
    record(stack, "gap:accept", range=str(wanted), records=wanted.records, reason=reason.strip())
    accept_loss(*given, reason=reason.strip(), accepted_by=operator_name())
    client.close()
    say(f"{wanted.records} records recorded as lost; the sink goes on within seconds")


def sink_group() -> str:
    """The consumer group of the sinks."""
    return os.environ.get("TRAILHOUSE_SINK_GROUP", "trailhouse-sink")
