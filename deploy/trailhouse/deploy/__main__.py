"""`trailhouse` and `python -m trailhouse.deploy`."""

from __future__ import annotations

import os
import sys

from trailhouse.deploy.invocation import install_line, remember_call


def main() -> None:
    remember_call(sys.argv[0], os.environ)
    try:
        from trailhouse.deploy.cli import run  # noqa: PLC0415 - the bare SDK has no command line, and says so
    except ModuleNotFoundError as error:
        sys.exit(f"error: the package {error.name!r} is not installed\nhint: {install_line('local')}")
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
