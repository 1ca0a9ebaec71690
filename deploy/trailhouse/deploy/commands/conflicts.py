"""`trailhouse conflicts list` and `conflicts settle`: ids that came with different contents."""

from __future__ import annotations

import dataclasses
import os
from typing import Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.self_audit import record

app = typer.Typer(no_args_is_help=True, help="List or settle ids that came with different contents.")


@app.command("list")
def list_conflicts(
    *,
    all: Annotated[bool, typer.Option("--all", help="Also those that were settled.")] = False,  # noqa: A002 - the option's name
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List every copy of the events that came with different contents.

    The first received is `kept`. Until it is settled, the others of its UTC day are in no table of events, those of another
    day are, and what any of them says differently (action, quarter-hour, person) is counted too; then they are `swept`.
    `place` is where the raw record lies: `trailhouse trace` shows it. Exit code 1 while any is open.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.conflicts import copies  # noqa: PLC0415

    client = connect(find_stack(data, os.environ).clickhouse("reader"))
    rows = [dataclasses.asdict(each) for each in copies(client, with_settled=all)]
    client.close()
    if format is Format.JSON:
        print_json(rows)
    elif rows:
        print_table(list(rows[0]), [[shown(value) for value in row.values()] for row in rows])
    else:
        say("no id came with different contents" + ("" if all else ", or all of them are settled"))
    if is_open := [row for row in rows if not row["settled"]]:
        first = is_open[0]
        say(f"hint: trailhouse conflicts settle {first['event_id']} --org {first['org_id']} --reason '…'")
        raise typer.Exit(1)


@app.command()
def settle(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    *,
    org: Annotated[str, typer.Option("--org", help="Organisation of the event.")],
    reason: Annotated[str, typer.Option("--reason", help="What it was; kept with the conflict for ever.")],
    data: Data = None,
) -> None:
    """Keep the first received copy of an event and take the others out, so that the books close again.

    The others leave the tables of events and every count, and become rejected records (`conflict`); those that say what
    the first says stay repeats of it. Tables are made anew beside those there are, which takes a while on a large store.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.self_audit import operator_name  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.conflicts import check_open  # noqa: PLC0415
    from trailhouse.sinks.conflicts import settle as close_conflict  # noqa: PLC0415

    if not reason.strip():
        raise typer.BadParameter("say what it was", param_hint="--reason")
    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("admin"))
    _, event = check_open(client, org, event_id)
    record(stack, "conflict:settle", org, event=event, reason=reason.strip())
    swept = close_conflict(
        client,
        org,
        event,
        reason=reason.strip(),
        settled_by=operator_name(),
        on_table=lambda table: say(f"making {table} anew"),
    )
    client.close()
    if swept.kept:
        say(f"events of {org} have expired: what the copies said stays in {', '.join(swept.kept)}")
    say(f"settled; taken out: {swept.copies} {'copy' if swept.copies == 1 else 'copies'}")


def shown(value: object) -> str:
    """A cell: yes or nothing for flags, `-` for what is empty."""
    if isinstance(value, bool):
        return "yes" if value else ""
    return str(value) or "-"
