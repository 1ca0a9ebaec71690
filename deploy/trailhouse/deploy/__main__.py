"""`trailhouse` and `python -m trailhouse.deploy`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    try:
        from trailhouse.deploy.cli import run  # noqa: PLC0415 - the bare SDK has no command line, and says so
    except ModuleNotFoundError as error:
        sys.exit(f"error: the package {error.name!r} is not installed\nhint: pip install 'trailhouse[local]'")
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
