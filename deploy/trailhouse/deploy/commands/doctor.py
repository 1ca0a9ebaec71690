"""`trailhouse doctor`: what is set up wrong, and what to do."""

from __future__ import annotations

import dataclasses
import os

import typer

from trailhouse.deploy.invocation import spelled
from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say


def doctor(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Check what is set up wrong: versions, settings, permissions, clocks, topics, grants, room; and say what to do.

    Reads, and changes nothing. Without a stack, this host and the environment alone are looked at. Exit code 1 when
    something must be mended (`fail`).
    """
    from trailhouse.deploy.doctor.examination import examine  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.doctor.finding import Level  # noqa: PLC0415
    from trailhouse.deploy.errors import StackNotFound  # noqa: PLC0415
    from trailhouse.deploy.reference.running import SETTINGS  # noqa: PLC0415
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415

    try:
        stack = find_stack(data, os.environ)
    except StackNotFound:
        if data is not None:
            raise
        stack = None
        say(
            "note: no running stack found, so Kafka and ClickHouse are not looked at: --data DIR, or a role's settings"
        )
    found = list(examine(stack, os.environ, SETTINGS.values()))
    if format is Format.JSON:
        print_json([dataclasses.asdict(each) for each in found])
    else:
        rows = [(each.level, each.area, each.name, each.found, spelled(each.advice)) for each in found]
        print_table(("", "area", "what", "found", "do"), rows)
    counts = {level: sum(each.level is level for each in found) for level in Level}
    say(", ".join(f"{count} {level}" for level, count in counts.items()))
    if counts[Level.FAIL]:
        raise typer.Exit(1)
