"""`trailhouse seal`: plain counts of finished days."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated

import typer

from trailhouse.deploy.options import Data, say


def seal(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Seal nothing; compare every sealed day with its sets.")
    ] = False,
    data: Data = None,
) -> None:
    """Count finished days anew that are not sealed, so that reports over them are fast.

    The sink does it by itself (TRAILHOUSE_SINK_SEAL_EVERY_S). A day must have been left alone for 20 minutes. With --check,
    exit code 1 if the counts of any sealed day are not what its sets say.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.seal import COUNTED, differing  # noqa: PLC0415
    from trailhouse.sinks.seal import seal as seal_due  # noqa: PLC0415

    with closing(connect(find_stack(data, os.environ).clickhouse("ingest"))) as client:
        if not check:
            say(f"sealed: {sum(seal_due(client))} counts of days")
            return
        found = [(each.days, *day) for each in COUNTED for day in differing(client, each)]
    for table, org, day in found:
        print(table, org, day)
    say(f"sealed days that differ from their sets: {len(found)}")
    if found:
        raise typer.Exit(1)
