"""`trailhouse status`: addresses, roles, lag."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table


def status(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Show where the stack listens, which roles run, and how far behind they are.

    `lag` is in records: of the stream in the raw topic, of the sink in the enriched topic. `restarts` counts since the
    stack was started.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick

    stack = find_stack(data, os.environ)
    endpoints, roles = stack.endpoints(), stack.roles()
    if format is Format.JSON:
        print_json({"endpoints": endpoints, "roles": [dataclasses.asdict(role) for role in roles]})
        return
    addresses = [(name, address) for name, address in endpoints.items() if isinstance(address, str)]
    print_table(("endpoint", "address"), [*addresses, *([("sql", stack.sql)] if stack.sql else [])])
    print()
    rows = [
        (
            each.name,
            each.state,
            each.pid or "-",
            "-" if each.lag is None else f"{each.lag:,}",
            "-" if each.uptime_s is None else str(timedelta(seconds=each.uptime_s)),
            each.restarts,
            endpoints["metrics"].get(each.name, ""),
        )
        for each in roles
    ]
    print_table(("role", "state", "pid", "lag", "uptime", "restarts", "metrics"), rows)
