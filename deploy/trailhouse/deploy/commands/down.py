"""`trailhouse down`: stop the local stack."""

from __future__ import annotations

import os
from pathlib import Path

from trailhouse.deploy.folder import DEFAULT, StackFolder
from trailhouse.deploy.options import Data, say


def down(*, data: Data = None) -> None:
    """Stop the local stack; its data stay.

    Without --data it is the last one started that runs. Processes that a killed supervisor left behind end too.
    """
    from trailhouse.deploy import launch  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.registry import started_stacks  # noqa: PLC0415

    named = data or (Path(os.environ["TRAILHOUSE_DATA"]) if os.environ.get("TRAILHOUSE_DATA") else None)
    for path in [named] if named else [*started_stacks(os.environ), DEFAULT]:
        folder = StackFolder.at(path)
        if launch.stop(folder):
            say(f"stopped {folder.path}")
            return
    say(f"nothing runs in {StackFolder.at(named).path}" if named else "nothing runs; another: --data DIR")
