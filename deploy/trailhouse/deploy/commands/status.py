"""`trailhouse status`: addresses, roles, lag."""

from __future__ import annotations

import dataclasses
import os

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table


def status(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Show where the stack listens, which roles run, and how far behind they are.

    `lag` is in records: of the stream in the raw topic, of the sink in the enriched topic.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick

    stack = find_stack(data, os.environ)
    endpoints, roles = stack.endpoints(), stack.roles()
    if format is Format.JSON:
        print_json({"endpoints": endpoints, "roles": [dataclasses.asdict(role) for role in roles]})
        return
    print_table(
        ("endpoint", "address"),
        [(name, address) for name, address in endpoints.items() if isinstance(address, str)],
    )
    print()
    rows = [
        (
            each.name,
            each.state,
            each.pid or "-",
            "-" if each.lag is None else each.lag,
            endpoints["metrics"].get(each.name, ""),
        )
        for each in roles
    ]
    print_table(("role", "state", "pid", "lag", "metrics"), rows)
